"""Makes augment.npz: bicubic fields from coarse nodes by Torch 2.13.

Run in an environment with Torch: python tests/golden/make_augment.py
"""

from pathlib import Path

import numpy as np
import torch

rng = np.random.default_rng(7)
out = {}
for name, nodes, size in (("coarse", (3, 3), (13, 18)), ("fine", (4, 6), (31, 40))):
    grid = rng.normal(0, 10, (1, 2, *nodes)).astype("float32")
    field = torch.nn.functional.interpolate(
        torch.from_numpy(grid), size=size, mode="bicubic", align_corners=True
    )
    out[f"{name}_nodes"], out[f"{name}_field"] = grid, field.numpy()
np.savez_compressed(Path(__file__).with_name("augment.npz"), **out)
