"""Images of any bands and type as pictures: three chosen bands, stretched for the eye.

Only what people look at is made here; networks get the numbers as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.image_format import RGB, ImageFormat

PERCENTILES = (0.5, 99.5)
"""Become black and white, as in the statistics of records."""
ENOUGH = 1_000_000
"""Pixels from which the percentiles of a picture of its own are counted."""


def shown(image: ArrayLike, image_format: ImageFormat = RGB) -> np.ndarray:
    """An image as a picture, its three bands to display: uint8 RGB (H, W, 3).

    RGB and gray of 8 bits keep their values; RGB is the same array. Bands of other
    images go from black at the percentile 0.5 to white at 99.5. The percentiles are the
    data set's, or the image's own where there are no statistics, without pixels that
    are 0 in all bands (no data).

    image: (H, W, C) in the numbers of the data; augmented ones may be float.

    Raises UserError for an image that has not the format's bands.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != image_format.channels:
        raise UserError(
            f"Expected an image (H, W, {image_format.channels}) of {image_format}, got "
            f"{image.shape}."
        )
    bands = image_format.display
    if image_format.is_rgb8 and bands == RGB.display:
        return _bytes(image)
    chosen = image[..., list(bands)]
    if image_format.is_picture:
        return _bytes(chosen)
    low, high = _ends(image, image_format, bands)
    chosen = np.where(np.isnan(chosen), low, chosen).clip(low, high)
    return _bytes((chosen - low) * (255 / (high - low)))


def displaying(text: str, image_format: ImageFormat) -> ImageFormat:
    """The format with other bands to display, as --bands names them: "nir,red,green",
    "4,1,2", or a single one as gray. "" changes nothing.

    Numbers count from 1, as those of GDAL and QGIS do. A name that is a number is a
    name.

    Raises UserError for bands that are not there and for any count but one or three.
    """
    if not text.strip():
        return image_format
    words = [word.strip() for word in text.split(",")]
    if len(words) not in (1, 3):
        raise UserError(
            "--bands: expected one band, or three for red, green and blue with commas "
            f"between, got '{text}'. The images have {image_format}."
        )
    numbers = [_number(word, image_format) for word in words]
    red, green, blue = numbers * (3 // len(numbers))
    return replace(image_format, display=(red, green, blue))


def _number(word: str, image_format: ImageFormat) -> int:
    names = [name.casefold() for name in image_format.bands]
    if word.casefold() in names:
        return names.index(word.casefold())
    if word.isdecimal() and 1 <= int(word) <= image_format.channels:
        return int(word) - 1
    raise UserError(
        f"--bands: no band '{word}'. The images have {image_format}; numbers count "
        f"from 1 to {image_format.channels}."
    )


def _ends(
    image: np.ndarray, image_format: ImageFormat, bands: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What becomes black and what white, each float32 (3,), never equal."""
    if image_format.statistics:
        of = [image_format.statistics[band] for band in bands]
        low, high = np.array([(band.low, band.high) for band in of], np.float32).T
    else:
        step = max(1, int(np.sqrt(image.shape[0] * image.shape[1] / ENOUGH)))
        pixels = image[::step, ::step].reshape(-1, image.shape[-1])
        pixels = pixels[np.any(pixels != 0, -1) & np.all(np.isfinite(pixels), -1)]
        if not len(pixels):
            pixels = np.zeros((1, image.shape[-1]))
        ends = np.percentile(pixels[:, list(bands)], PERCENTILES, axis=0)
        low, high = ends.astype(np.float32)
    # A band of one value is shown grey.
    spare = np.maximum(np.abs(low) * 1e-5, np.float32(1e-30))
    same = high <= low
    return np.where(same, low - spare, low), np.where(same, low + spare, high)


def _bytes(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    return np.round(values).clip(0, 255).astype(np.uint8)
