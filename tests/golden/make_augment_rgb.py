"""Makes augment_rgb.npz: what every policy made of RGB pictures before there were
other bands. (kerasseg at revision a6d1408, TensorFlow 2.21, Keras 3.15.1)

Run in a checkout of that revision: python tests/golden/make_augment_rgb.py
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
from keras import ops

sys.path.insert(0, str(Path(__file__).parents[1] / "augment"))
from test_augment import LIGHT, TRANSFORMS

from kerasseg import augment

rng = np.random.default_rng(15)
image = rng.integers(0, 256, (3, 18, 21, 3)).astype("uint8")
label = rng.integers(0, 5, (3, 18, 21)).astype("uint8")
numbers = rng.random((3, 128)).astype("float32")
everything = dataclasses.replace(augment.Policy(), **TRANSFORMS, **LIGHT)
out = {"image": image, "label": label, "numbers": numbers}
for name, policy in {**augment.POLICIES, "everything": everything}.items():
    moved = augment.apply(image, label, numbers, policy, (12, 15), label)
    for part, value in zip(("image", "label", "instance"), moved, strict=True):
        out[f"{name}_{part}"] = ops.convert_to_numpy(value)
np.savez_compressed(Path(__file__).with_name("augment_rgb.npz"), **out)
