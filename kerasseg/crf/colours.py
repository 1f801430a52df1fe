"""What a CRF takes for the likeness of two pixels: positions and colours."""

from __future__ import annotations

import numpy as np

from kerasseg.image_format import ImageFormat


def features(image: np.ndarray, sa: float, sb: float) -> np.ndarray:
    """(H*W, 2 + D): position and colour in units of their standard deviations."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    position = np.stack([x, y], axis=-1) / sa
    both = np.concatenate([position, image / sb], axis=-1)
    return both.reshape(height * width, -1)


def colours(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """(H, W, at most 3), with distances as between colours of 0..255."""
    if image_format.is_rgb8:
        return image
    count = image_format.channels
    if not image_format.is_picture:
        low, high, deviation = _statistics(image, image_format)
        per_unit = np.divide(57.0, deviation, out=np.zeros(count), where=deviation > 0)
        image = (np.clip(image, low, high) - low) * per_unit
    image = image * np.sqrt(3 / count)
    if count <= 3:
        return image
    flat = image.reshape(-1, count)
    flat = flat - flat.mean(0)
    _, axes = np.linalg.eigh(flat.T @ flat)  # rising
    return (flat @ axes[:, -3:]).reshape(*image.shape[:2], 3)


def _statistics(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """(3, D): the percentiles 0.5 and 99.5 and the deviation of each band."""
    if image_format.statistics:
        bands = image_format.statistics
        return np.array([(b.low, b.high, b.deviation) for b in bands]).T
    pixels = image.reshape(-1, image.shape[-1])
    measured = pixels[np.any(pixels != 0, axis=-1)]
    pixels = measured if len(measured) else pixels
    return np.stack([*np.percentile(pixels, [0.5, 99.5], axis=0), pixels.std(0)])
