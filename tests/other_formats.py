"""Images of other bands and depths: their format, a small network for each, pixels."""

import keras
import numpy as np
import tiny

from kerasseg import models
from kerasseg.image_format import BandStatistics, ImageFormat, InputRange

SIZE = (32, 48)
COLOURS = ("red", "green", "blue")
LOW, HIGH = 100.0, 220.0


def _made(bands, kind, **more):
    statistics = BandStatistics(LOW - 50, HIGH + 30, 160.0, 40.0, LOW, HIGH)
    made = ImageFormat.of(bands, kind, **more)
    return made.with_statistics((statistics,) * len(bands))


FORMATS = {
    "gray of 16 bits": _made(("gray",), "uint16"),
    "four of 8 bits": _made((*COLOURS, "nir"), "uint8"),
    "four of 16 bits": _made((*COLOURS, "nir"), "uint16", nodata=65535),
    "eight of floats": _made(tuple(f"b{n}" for n in range(8)), "float32", nodata=-1e6),
}


def network(image_format, classes=3):
    """Clips to LOW..HIGH; the same weights each time, none of them 0 or 1."""
    keras.utils.set_random_seed(0)
    bands = image_format.channels
    numbers = [(number,) * bands for number in (LOW, HIGH, 160.0, 40.0)]
    shape, given = (*SIZE, bands), InputRange(*numbers)
    options = {"filters": 4, "depth": 2}
    return tiny.normalised(
        models.build("unet_small", classes, shape, input_range=given, **options)
    )


def images(image_format, count=3, size=SIZE, seed=1):
    """(count, *size, C) of the format's type, some values beyond the range."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(LOW - 50, HIGH + 30, (count, *size, image_format.channels))
    return values.astype(image_format.type)
