"""Dense CRF: sharpens a prediction along the edges of its image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Tensor

Kernel = Callable[[Tensor], Tensor]
"""The product of a kernel matrix (N, N) with values (N, C)."""

EXACT_LIMIT = 16384
"""Pixels up to which all pairs fit into memory: 16384**2 float32 are 1 GiB."""
MOST_BYTES = 8 << 30
"""What a CRF may need, all of it at once."""


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
    probabilities = ops.convert_to_tensor(probabilities, "float32")
    image = ops.convert_to_numpy(image).astype(np.float64)
    shape = tuple(probabilities.shape)
    _check(shape, image.shape, exact, image_format.channels)
    unary = ops.reshape(probabilities, (-1, shape[-1]))  # (H*W, C)
    unary = (
        ops.log_softmax(unary) if from_logits else ops.log(ops.clip(unary, 1e-5, 1.0))
    )
    kernels: list[tuple[float, Kernel]] = []
    if w1:
        features = _features(_colours(image, image_format), sa, sb)
        bilateral = _all_pairs(features) if exact else _permutohedral(features)
        kernels.append((w1, _symmetric(bilateral, len(features))))
    if w2:
        kernels.append((w2, _symmetric(_gaussian(shape[:2], sg), len(unary))))
    found = ops.softmax(unary, axis=-1)
    for _ in range(iterations):
        messages = sum(weight * kernel(found) for weight, kernel in kernels)
        found = ops.softmax(unary + messages, axis=-1)
    return ops.convert_to_numpy(ops.reshape(found, shape))


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


def _symmetric(kernel: Kernel, points: int) -> Kernel:
    """D^-1/2 K D^-1/2 with D the row sums of K."""
    scale = 1 / ops.sqrt(kernel(ops.ones((points, 1))) + 1e-20)
    return lambda values: scale * kernel(scale * values)


def _features(image: np.ndarray, sa: float, sb: float) -> np.ndarray:
    """(H*W, 2 + D): position and colour in units of their standard deviations."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    position = np.stack([x, y], axis=-1) / sa
    features = np.concatenate([position, image / sb], axis=-1)
    return features.reshape(height * width, -1)


def _colours(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
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


def _gaussian(size: tuple[int, int], sigma: float) -> Kernel:
    """Exact Gaussian over an (H, W) grid: one matrix for each axis."""
    height, width = size
    rows, columns = (
        ops.convert_to_tensor(
            np.exp(-0.5 * (np.subtract.outer(range(n), range(n)) / sigma) ** 2),
            "float32",
        )
        for n in size
    )

    def apply(values):
        channels = values.shape[-1]
        values = ops.matmul(rows, ops.reshape(values, (height, width * channels)))
        values = ops.reshape(values, (height, width, channels))
        return ops.reshape(ops.matmul(columns, values), (-1, channels))

    return apply


def _all_pairs(features: np.ndarray) -> Kernel:
    """Exact Gaussian of unit standard deviation over points (N, d): (N, N) matrix."""
    squares = np.zeros((len(features),) * 2, np.float32)
    for feature in features.T.astype(np.float32):
        squares += np.subtract.outer(feature, feature) ** 2
    kernel = ops.convert_to_tensor(np.exp(-0.5 * squares))
    return lambda values: ops.matmul(kernel, values)


def _permutohedral(features: np.ndarray) -> Kernel:
    """Gaussian of unit standard deviation over points (N, d), by splat, blur and slice.

    Adams, Baek, Davis 2010. Points are put into the simplices of the lattice A_d* by
    barycentric weights, vertices blurred by (1/2, 1, 1/2) along each of d + 1 axes.
    """
    points, dimensions = features.shape
    vertices, weights = _simplices(features)
    keys, radix = _pack(vertices.reshape(-1, dimensions + 1)[:, :-1])
    keys, index = np.unique(keys, return_inverse=True)
    neighbours = [
        [ops.convert_to_tensor(_find(keys, keys + sign * step)) for sign in (-1, 1)]
        for step in _axis_steps(dimensions, radix)
    ]
    count = len(keys)
    index = index.reshape(points, dimensions + 1)
    corners = [
        (
            ops.convert_to_tensor(index[:, i].astype(np.int32)),
            ops.convert_to_tensor(weights[:, i, None].astype(np.float32)),
        )
        for i in range(dimensions + 1)
    ]
    gain = 1 / (1 + 2.0**-dimensions)

    def apply(values):
        # The last row stands for all vertices that no point touches, and stays zero.
        lattice = sum(
            ops.segment_sum(weight * values, place, num_segments=count + 1)
            for place, weight in corners
        )
        for before, after in neighbours:
            sides = ops.take(lattice, before, axis=0) + ops.take(lattice, after, axis=0)
            lattice = lattice + 0.5 * ops.pad(sides, [(0, 1), (0, 0)])
        sliced = (weight * ops.take(lattice, p, axis=0) for p, weight in corners)
        return gain * sum(sliced)

    return apply


def _simplices(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The d + 1 vertices (N, d + 1, d + 1) int around each point and their weights."""
    points, d = features.shape
    # Onto the plane of sum 0 in d + 1 dimensions, blur of the lattice = variance 1.
    scale = (
        np.sqrt(2 / 3) * (d + 1) / np.sqrt(np.arange(1, d + 1) * np.arange(2, d + 2))
    )
    scaled = features * scale
    tail = np.cumsum(scaled[:, ::-1], axis=1)[:, ::-1]  # sum of scaled[i:]
    elevated = np.zeros((points, d + 1))
    elevated[:, :d] = tail
    elevated[:, 1:] -= np.arange(1, d + 1) * scaled

    # The nearest vertex of remainder 0, and the order of the coordinates around it.
    nearest = np.round(elevated / (d + 1)).astype(np.int64)
    surplus = nearest.sum(1, keepdims=True)
    nearest *= d + 1
    order = np.argsort(nearest - elevated, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(d + 1)[None], axis=1)
    rank += surplus
    wrapped = (rank < 0).astype(np.int64) - (rank > d)
    nearest += wrapped * (d + 1)
    rank += wrapped * (d + 1)

    # Barycentric weights: differences of the sorted distances to that vertex.
    distance = (elevated - nearest) / (d + 1)
    ordered = np.empty_like(distance)
    np.put_along_axis(ordered, rank, distance, axis=1)  # falling
    weights = np.empty((points, d + 1))
    weights[:, 1:] = (ordered[:, :-1] - ordered[:, 1:])[:, ::-1]
    weights[:, 0] = 1 - weights[:, 1:].sum(1)
    remainder = np.arange(d + 1)[None, :, None]
    step = remainder - (d + 1) * (rank[:, None, :] > d - remainder)
    return nearest[:, None, :] + step, weights


def _pack(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integer rows -> one int64 each, with room for a step along any lattice axis."""
    dimensions = coordinates.shape[1]
    low = coordinates.min(0) - dimensions - 1
    ranges = coordinates.max(0) + dimensions + 1 - low + 1
    if np.prod(ranges.astype(float)) > 2.0**62:
        raise UserError(
            "The lattice has too many cells for 64-bit keys: enlarge sa or sb, or pass "
            "exact=True for a small image."
        )
    radix = np.array([int(np.prod(ranges[i + 1 :])) for i in range(dimensions)])
    return (coordinates - low) @ radix, radix


def _axis_steps(dimensions: int, radix: np.ndarray) -> list[int]:
    """Packed steps to the next vertex along each of the d + 1 lattice axes."""
    steps = np.ones((dimensions + 1, dimensions), np.int64)
    steps[range(dimensions), range(dimensions)] -= dimensions + 1
    return [int(step @ radix) for step in steps]


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Position of each wanted key among the sorted keys, len(keys) where absent."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, len(keys)).astype(np.int32)


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
