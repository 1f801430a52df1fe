"""Makes surfaces.npz: distances of surfaces as MONAI computes them.

Run in an environment of its own (no TensorFlow needed):

    pip install torch==2.13.0 monai==1.6.1 scipy==1.17.1
    python tests/golden/make_surfaces.py
"""

from pathlib import Path

import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)

SPACINGS = {"plane": (0.5, 2.0), "volume": (3.0, 1.0, 0.7)}
rng = np.random.default_rng(2026)


def blob(shape, centre, radius):
    axes = np.ogrid[tuple(map(slice, shape))]
    away = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
    return away < radius**2


golden = {}
for name, shape in (("plane", (24, 30)), ("volume", (10, 14, 16))):
    true = blob(shape, np.array(shape) / 2, 4.5)
    if name == "plane":
        true |= blob(shape, (0, 0), 3)  # at the corner of the image
    seen = blob(shape, np.array(shape) / 2 + 1.2, 4.2) ^ (rng.random(shape) < 0.01)
    golden[f"{name}_true"], golden[f"{name}_seen"] = true, seen
    y, p = (torch.from_numpy(m[None, None].astype("float32")) for m in (true, seen))
    for spacing in (1.0, SPACINGS[name]):
        key = f"{name}_{'one' if spacing == 1.0 else 'own'}"
        options = {"include_background": True, "spacing": spacing}
        dice = [
            compute_surface_dice(p, y, [tolerance], **options).item()
            for tolerance in (0.0, 1.0, 2.5)
        ]
        hausdorff = [
            compute_hausdorff_distance(p, y, percentile=q, **options).item()
            for q in (95, 100)
        ]
        mean = compute_average_surface_distance(p, y, symmetric=True, **options)
        golden[key] = np.array([mean.item(), *hausdorff, *dice])

np.savez_compressed(Path(__file__).with_name("surfaces.npz"), **golden)
