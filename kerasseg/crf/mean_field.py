"""Dense CRF: sharpens a prediction along the edges of its image."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.crf import colours, lattice
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Tensor

Kernel = Callable[[np.ndarray], np.ndarray]
"""The product of a kernel matrix (N, N) with values (N, C)."""

EXACT_LIMIT = 16384
"""Pixels up to which all pairs fit into memory: 16384**2 float32 are 1 GiB."""
MOST_BYTES = 8 << 30
"""What a CRF may need, all of it at once."""
MOST_CHANNELS = 128
"""Classes that OpenCV filters in one go; it takes up to 512."""


def dense_crf(
    probabilities: Tensor,
    image: Tensor,
    w1: float = 4.0,
    sa: float = 67.0,
    sb: float = 3.0,
    w2: float = 3.0,
    sg: float = 1.0,
    iterations: int = 10,
    from_logits: bool = False,
    exact: bool = False,
    image_format: ImageFormat = RGB,
) -> np.ndarray:
    """Sharpens one prediction along the edges of its image, by mean field.

    Kraehenbuehl and Koltun 2011, eq. 3, with Potts compatibility and the kernel

        k(i, j) = w1 exp(-|p_i - p_j|^2 / 2 sa^2 - |I_i - I_j|^2 / 2 sb^2)
                + w2 exp(-|p_i - p_j|^2 / 2 sg^2)

    of positions p and colours I. Each of its two parts is normalised symmetrically,
    k_ij / sqrt(sum_j k_ij sum_i k_ij), and a pixel's message to itself stays in, both
    as in pydensecrf. The defaults are those of the DeepLab v2 ResNet-101 reproduction
    on VOC; the paper searched w1 3..6, sa 30..100, sb 3..6 on 100 images.

    The Gaussian is exact. The bilateral part is filtered on a permutohedral lattice
    (Adams et al. 2010) and then equals pydensecrf. All pairs of pixels choose the same
    class in 99.4 % of a CamVid frame of 60 x 80, with probabilities up to 0.85 apart.

    Colours I of other images than RGB of 8 bits: values between a band's percentiles
    0.5 and 99.5, where 57 units are its standard deviation, as in ImageNet's pictures;
    8-bit gray keeps its levels. Squared differences are the mean over the bands times
    three. Of more than three bands the three principal components are compared: in more
    dimensions the lattice has no two pixels in one place.

    Args:
        probabilities: (H, W, C), or logits with `from_logits`.
        image: (H, W, D) in the numbers of the data.
        w1: weight of the bilateral part.
        sa: its standard deviation of positions, pixels.
        sb: its standard deviation of colours, levels of 0..255.
        w2: weight of the Gaussian part.
        sg: its standard deviation of positions, pixels.
        iterations: of the mean field.
        from_logits: whether logits are given.
        exact: whether all pairs of pixels are compared, of up to 16384 pixels.
        image_format: what the image is. Without statistics those of the image are used.

    Returns:
        (H, W, C) float32 probabilities.

    Raises:
        UserError: when the shapes do not fit, the image is too large, or `sa` and `sb`
            are too small.
    """
    given = ops.convert_to_numpy(probabilities).astype(np.float32)
    image = ops.convert_to_numpy(image).astype(np.float64)
    _check(given.shape, image.shape, exact, image_format.channels)
    unary = given.reshape(-1, given.shape[-1])  # (H*W, C)
    if not from_logits:
        unary = np.log(np.clip(unary, 1e-5, 1.0))
    kernels: list[tuple[float, Kernel]] = []
    if w1:
        features = colours.features(colours.colours(image, image_format), sa, sb)
        bilateral = _all_pairs(features) if exact else lattice.gaussian(features)
        kernels.append((w1, _symmetric(bilateral, len(features))))
    if w2:
        kernels.append((w2, _symmetric(_gaussian(given.shape[:2], sg), len(unary))))
    found = _softmax(unary)
    for _ in range(iterations):
        found = _softmax(sum((w * kernel(found) for w, kernel in kernels), unary))
    return found.reshape(given.shape)


def check_memory(height: int, width: int, classes: int) -> None:
    """Raises UserError for more than `MOST_BYTES`: measured are 1010 a pixel, and 28
    for each class of it."""
    most = MOST_BYTES // (1010 + 28 * classes)
    if height * width > most:
        raise UserError(
            f"A CRF of {height} x {width} pixels and {classes} classes needs more than "
            f"{MOST_BYTES >> 30} GiB: it takes up to {most:,} pixels. Shrink the "
            "picture, or leave the CRF out."
        )


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, which is short: NumPy reduces the first one faster."""
    highest = np.ascontiguousarray(logits.T).max(axis=0)
    powers = np.exp(logits - highest[:, None])
    powers /= (powers @ np.ones(powers.shape[1], np.float32))[:, None]
    return powers


def _symmetric(kernel: Kernel, points: int) -> Kernel:
    """D^-1/2 K D^-1/2 with D the row sums of K."""
    scale = 1 / np.sqrt(kernel(np.ones((points, 1), np.float32)) + np.float32(1e-20))
    return lambda values: scale * kernel(scale * values)


def _gaussian(size: tuple[int, ...], sigma: float) -> Kernel:
    """Gaussian over an (H, W) grid, along one axis after the other, 0 outside.

    What lies beyond six standard deviations is less than 2e-8 of a pixel, below the
    rounding of float32.
    """
    taps = [
        np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        for reach in (min(int(np.ceil(6 * sigma)), length - 1) for length in size[::-1])
    ]

    def apply(values):
        planes = values.reshape(*size, -1)
        blurred = np.empty_like(planes)
        for first in range(0, planes.shape[-1], MOST_CHANNELS):
            some = np.s_[..., first : first + MOST_CHANNELS]
            blurred[some] = cv2.sepFilter2D(
                planes[some], -1, *taps, borderType=cv2.BORDER_CONSTANT
            ).reshape(planes[some].shape)
        return blurred.reshape(values.shape)

    return apply


def _all_pairs(features: np.ndarray) -> Kernel:
    """Exact Gaussian of unit standard deviation over points (N, d): (N, N) matrix."""
    squares = np.zeros((len(features),) * 2, np.float32)
    for feature in features.T.astype(np.float32):
        squares += np.subtract.outer(feature, feature) ** 2
    kernel = np.exp(-0.5 * squares)
    return lambda values: kernel @ values


def _check(shape: tuple, image: tuple, exact: bool, bands: int) -> None:
    if len(shape) != 3 or image != (*shape[:2], bands):
        raise UserError(
            f"Expected probabilities (H, W, C) and an image (H, W, {bands}), got "
            f"{shape} and {image}."
        )
    check_memory(*shape)
    if exact and shape[0] * shape[1] > EXACT_LIMIT:
        raise UserError(
            f"exact=True compares all pairs of {shape[0] * shape[1]} pixels; it takes "
            f"at most {EXACT_LIMIT}. Leave it out for an image of this size."
        )
