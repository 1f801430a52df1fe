"""Makes corruptions.npz: a picture as imagecorruptions 1.1.2 corrupts it.

That is the code of ImageNet-C as a package. In an environment of its own (Python 3.11):

    pip install imagecorruptions==1.1.2 scikit-image scipy numba opencv-python-headless
    python tests/golden/make_corruptions.py

Names that newer versions of NumPy, setuptools and scikit-image lack are given to it.
"""

import sys
import types
from pathlib import Path

import numpy as np

setattr(np, "float_", np.float64)  # noqa: B010
resources = types.ModuleType("pkg_resources")
resources.resource_filename = lambda *_: ""
sys.modules.setdefault("pkg_resources", resources)

import skimage.filters  # noqa: E402

plain = skimage.filters.gaussian


def gaussian(image, sigma, multichannel=False, **options):
    return plain(image, sigma, channel_axis=-1 if multichannel else None, **options)


skimage.filters.gaussian = gaussian

from imagecorruptions import corrupt  # noqa: E402

rng = np.random.default_rng(0)
low = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
picture = np.kron(low, np.ones((8, 8, 1), np.uint8))
found = {"picture": picture}
NAMES = {
    "brightness": "brightness",
    "contrast": "contrast",
    "blur": "gaussian_blur",
    "jpeg": "jpeg_compression",
}
for name, theirs in NAMES.items():
    for strength, severity in ((0, 1), (2, 5)):
        made = corrupt(picture, severity=severity, corruption_name=theirs)
        found[f"{name}_{strength}"] = made
np.savez_compressed(Path(__file__).with_name("corruptions.npz"), **found)
