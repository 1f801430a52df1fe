"""Pictures as other light, cameras and storage would have given them, in NumPy.

Strengths are those of severities 1, 3 and 5 of ImageNet-C (Hendrycks and Dietterich
2019, arXiv 1903.12261), which Cityscapes-C (Kamann and Rother 2020, arXiv 1908.05005)
takes too. Neither has a gamma, nor anything that makes a picture darker: ours are
chosen so that a mid grey of 0.5 becomes 0.35, 0.22 and 0.10.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.image_format import ImageFormat

STRENGTHS: dict[str, tuple[float, float, float]] = {
    "brightness": (0.1, 0.3, 0.5),  # added to the largest channel, of 1
    "contrast": (0.4, 0.2, 0.05),  # what is left of the distance to the mean
    "gamma": (1.5, 2.2, 3.3),  # exponent
    "noise": (0.08, 0.18, 0.38),  # standard deviation, of 1
    "blur": (1, 3, 6),  # sigma, pixels
    "jpeg": (25, 15, 7),  # quality
}
"""Corruption -> its strengths, the weakest first."""
SEED = 0
"""Of the noise; each image has its own."""


def names_for(image_format: ImageFormat) -> tuple[str, ...]:
    """The corruptions that images of this format can have: JPEG holds pictures only.

    Raises UserError where nothing says what is dark and what is bright.
    """
    if image_format.type != "uint8" and not image_format.statistics:
        raise UserError(
            f"--robustness needs the statistics of each band, and records of "
            f"{image_format} have none. Leave it out, or prepare the records again."
        )
    names = tuple(STRENGTHS)
    return names if image_format.is_picture else names[: names.index("jpeg")]


def corrupted(
    image: np.ndarray,
    name: str,
    strength: float,
    image_format: ImageFormat,
    number: int = 0,
) -> np.ndarray:
    """An image (H, W, bands) with one corruption, of the same type.

    name, strength: see `STRENGTHS`; number: of the image, for its noise. Bands that are
    no picture are seen from their percentile 0.5 as 0 to 99.5 as 1. Pixels without a
    measurement stay as they are.
    """
    low, high = _ends(image_format)
    valid = np.isfinite(image).all(-1, keepdims=True)
    if image_format.nodata is not None:
        valid &= (image != image_format.nodata).any(-1, keepdims=True)
    seen = (image.astype(np.float32) - low) / (high - low)
    seen = np.clip(np.where(valid, seen, 0.5), 0, 1)
    rng = np.random.default_rng([SEED, number, round(1000 * strength)])
    made = np.clip(_WAYS[name](seen, strength, rng), 0, 1) * (high - low) + low
    if np.issubdtype(image.dtype, np.integer):
        made = np.rint(made)
    return np.where(valid, made.astype(image.dtype), image)


def _ends(image_format: ImageFormat) -> tuple[np.ndarray, np.ndarray]:
    """(bands,) float32: what is seen as 0 and as 1."""
    bands = image_format.statistics
    if image_format.is_picture or not bands:
        count = image_format.channels
        return np.zeros(count, np.float32), np.full(count, 255, np.float32)
    low, high = np.array([(b.low, b.high) for b in bands], np.float32).T
    return low, np.where(high > low, high, low + 1)


def _brightness(x: np.ndarray, c: float, _: np.random.Generator) -> np.ndarray:
    """The value of HSV is raised: hue and saturation stay."""
    value = x.max(-1, keepdims=True)
    raised = np.minimum(value + c, 1)
    return np.where(value > 0, x * raised / np.maximum(value, 1e-9), raised)


def _contrast(x: np.ndarray, c: float, _: np.random.Generator) -> np.ndarray:
    mean = x.mean((0, 1), keepdims=True)
    return (x - mean) * c + mean


def _gamma(x: np.ndarray, c: float, _: np.random.Generator) -> np.ndarray:
    return x**c


def _noise(x: np.ndarray, c: float, rng: np.random.Generator) -> np.ndarray:
    return x + c * rng.standard_normal(x.shape, np.float32)


def _blur(x: np.ndarray, c: float, _: np.random.Generator) -> np.ndarray:
    side = 2 * int(4 * c + 0.5) + 1  # to four deviations
    border = cv2.BORDER_REPLICATE
    # OpenCV drops a last axis of one, and takes four bands at most.
    bands = [
        cv2.GaussianBlur(band, (side, side), c, borderType=border)
        for band in np.moveaxis(x, -1, 0)
    ]
    return np.stack(bands, -1)


def _jpeg(x: np.ndarray, c: float, _: np.random.Generator) -> np.ndarray:
    pixels = np.rint(255 * x).astype(np.uint8)
    picture = Image.fromarray(pixels if x.shape[-1] == 3 else pixels[..., 0])
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(c))
    return np.asarray(Image.open(file), np.float32).reshape(x.shape) / 255


_WAYS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "gamma": _gamma,
    "noise": _noise,
    "blur": _blur,
    "jpeg": _jpeg,
}
