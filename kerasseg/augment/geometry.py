"""Geometric transforms as one map of coordinates: every pixel is looked up once.

For each pixel of the crop the map says where in the source it comes from. Flips,
turns, scale, shear and crop position are a 2 x 2 matrix and an offset per sample;
perspective divides, elastic deformation is added first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from keras import ops

from kerasseg.augment.hashing import fraction, integers, scramble
from kerasseg.augment.pixel_grid import centres, per_sample
from kerasseg.augment.policies import Policy
from kerasseg.augment.random_parameters import (
    around,
    coin,
    log_uniform,
    normal,
    single,
    slot,
)
from kerasseg.taxonomy import IGNORE, Tensor

Matrix = tuple[Tensor, Tensor, Tensor, Tensor]
"""One 2 x 2 matrix for each sample, row by row; each entry (B,)."""

BEFORE, BEHIND = 2, 3
"""Pixels put around the source before lookups: one of its edge, then fill; and one more
behind, so that the last position has a neighbour."""


def coordinates(
    numbers: Tensor, policy: Policy, source: tuple[int, int], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Where each pixel of a crop lies in the source.

    Args:
        numbers: (B, NUMBERS), uniform in [0, 1).
        policy: gives ranges and probabilities.
        source: (height, width) of the source, pixels.
        size: (height, width) of the crop, pixels.

    Returns:
        Rows and columns, each float32 (B, h, w), in source pixels; pixel centres are
        whole numbers.
    """
    down, right = _displaced(numbers, policy, size)
    matrix = _matrix(numbers, policy)
    rows = per_sample(matrix[0]) * down + per_sample(matrix[1]) * right
    columns = per_sample(matrix[2]) * down + per_sample(matrix[3]) * right
    if policy.perspective:
        rows, columns = _tilted(rows, columns, down, right, numbers, policy, size)
    top, left = _centre(numbers, policy, matrix, source, size)
    return rows + top, columns + left


def sample(
    image: Tensor,
    label: Tensor,
    rows: Tensor,
    columns: Tensor,
    fill: int | np.ndarray,
    *,
    mixes: bool = True,
    instance: Tensor | None = None,
    ignore: int = IGNORE,
) -> tuple[Tensor, ...]:
    """Looks pixels up in the source: image bilinear, label and instance nearest.

    The image continues its edge for half a pixel and fades to `fill` in the next; the
    label is `ignore` and the instance 0 from half a pixel outside on.

    Args:
        image: (B, H, W, C).
        label: (B, H, W) class ids, or (B, H, W, K) where classes overlap.
        rows: (B, h, w) float32, source pixels; pixel centres are whole numbers.
        columns: (B, h, w) float32, likewise.
        fill: grey outside the source, one number or (C,), of the image's type.
        mixes: False says that all positions are whole, so that one lookup is enough.
        instance: (B, H, W) object ids, 0 = none.

    Returns:
        image (B, h, w, C) float32, label (B, h, w[, K]) int32, perhaps instance int32.
    """
    image = _framed(image, fill)
    height, width = image.shape[1:3]
    rows = ops.clip(rows + BEFORE, 0.0, height - 2.0)
    columns = ops.clip(columns + BEFORE, 0.0, width - 2.0)
    row, column = ops.floor(rows), ops.floor(columns)
    start = ops.arange(ops.shape(image)[0], dtype="int32")[:, None, None]
    first = (start * height + _whole(row)) * width + _whole(column)

    below, beside = rows - row, columns - column
    nearest = first + _whole(below >= 0.5) * width + _whole(beside >= 0.5)
    pixels = ops.reshape(image, (-1, image.shape[-1]))
    if mixes:
        below, beside = below[..., None], beside[..., None]
        moved = _bilinear(pixels, first, below, beside, width)
    else:
        moved = ops.cast(ops.take(pixels, nearest, axis=0), "float32")
    return moved, *(
        _looked_up(ids, nearest, outside)
        for ids, outside in ((label, ignore), (instance, 0))
        if ids is not None
    )


def _looked_up(ids: Tensor, nearest: Tensor, outside: int) -> Tensor:
    """ids: (B, H, W), or (B, H, W, K), whose planes move as one."""
    planes = [[0, 0]] * (len(ids.shape) - 3)
    frame = [BEFORE, BEHIND]
    ids = ops.pad(ids, [[0, 0], frame, frame, *planes], constant_values=outside)
    if not planes:
        return _whole(ops.take(ids, nearest))
    return _whole(ops.take(ops.reshape(ids, (-1, ids.shape[-1])), nearest, axis=0))


def bicubic(nodes: int, size: int) -> np.ndarray:
    """Weights that interpolate nodes, spread from end to end, by cubic convolution.

    Keys 1981 with a = -0.75; beyond the ends the last node repeats.

    Args:
        nodes: their number.
        size: the number of pixels.

    Returns:
        (size, nodes) float32.
    """
    place = np.arange(size) * (nodes - 1) / max(size - 1, 1)
    first = np.floor(place).astype(int)
    weights = np.zeros((size, nodes))
    for tap in range(-1, 3):
        distance = np.abs(place - (first + tap))
        near = (1.25 * distance - 2.25) * distance**2 + 1
        far = -0.75 * (((distance - 5) * distance + 8) * distance - 4)
        weight = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
        node = np.clip(first + tap, 0, nodes - 1)
        np.add.at(weights, (np.arange(size), node), weight)
    return weights.astype("float32")


def _displaced(
    numbers: Tensor, policy: Policy, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Positions in the crop, measured from its centre, after elastic deformation."""
    height, width = size
    down = (centres(height) - height / 2)[None, :, None]
    right = (centres(width) - width / 2)[None, None]
    for nodes in _elastic_nodes(numbers, policy, size):
        across = ops.matmul(nodes, bicubic(nodes.shape[-1], width).T)  # (B, 2, n, w)
        field = ops.matmul(bicubic(nodes.shape[-2], height), across)  # (B, 2, h, w)
        down, right = down + field[:, 0], right + field[:, 1]
    return down, right


def _elastic_nodes(
    numbers: Tensor, policy: Policy, size: tuple[int, int]
) -> Iterator[Tensor]:
    """Displacements of the nodes, (B, 2, rows, columns): down and right."""
    if policy.elastic:
        nodes = normal(slot(numbers, "elastic"), policy.elastic)
        yield ops.reshape(nodes, (-1, 2, 3, 3))
    if policy.elastic_fine:
        rows, columns = (max(2, round(s / policy.elastic_spacing) + 1) for s in size)
        seed = integers(slot(numbers, "elastic_fine"))  # (B, 1)
        count = ops.arange(2 * rows * columns, dtype="int32")
        nodes = fraction(scramble(scramble(seed) + count))
        nodes = normal(nodes, policy.elastic_fine)
        yield ops.reshape(nodes, (-1, 2, rows, columns))


def _matrix(numbers: Tensor, policy: Policy) -> Matrix:
    """Crop to source, around the centres: (row, row), (row, column), ... each (B,)."""
    one = ops.ones_like(single(numbers, "flip"))
    matrix = (one, 0 * one, 0 * one, one)
    if policy.vertical_flip or policy.flip:
        down = 1 - 2 * coin(single(numbers, "vertical_flip"), policy.vertical_flip)
        right = 1 - 2 * coin(single(numbers, "flip"), policy.flip)
        matrix = (down, 0 * one, 0 * one, right)
    if policy.quarter_turns:
        turn = _whole(4 * single(numbers, "quarter_turn"))
        sine = ops.take(np.array([0, 1, 0, -1], "float32"), turn)
        cosine = ops.take(np.array([1, 0, -1, 0], "float32"), turn)
        matrix = _times(matrix, (cosine, sine, -sine, cosine))
    if policy.rotation:
        angle = around(single(numbers, "rotation"), math.radians(policy.rotation))
        sine, cosine = ops.sin(angle), ops.cos(angle)
        matrix = _times(matrix, (cosine, sine, -sine, cosine))
    if policy.shear:
        slope = around(slot(numbers, "shear"), policy.shear)
        matrix = _times(matrix, (one, slope[:, 0], slope[:, 1], one))
    if policy.scale != (1, 1) or policy.aspect:
        scale = log_uniform(single(numbers, "scale"), *policy.scale)
        squeeze = around(single(numbers, "aspect"), math.log1p(policy.aspect) / 2)
        down, right = ops.exp(squeeze) / scale, ops.exp(-squeeze) / scale
        matrix = _times(matrix, (down, 0 * one, 0 * one, right))
    return matrix


def _tilted(
    rows: Tensor,
    columns: Tensor,
    down: Tensor,
    right: Tensor,
    numbers: Tensor,
    policy: Policy,
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Rows and columns under perspective: divided by a depth that grows one way."""
    tilt = around(slot(numbers, "perspective"), policy.perspective)
    depth = 1 + per_sample(tilt[:, 0]) * (down * (2 / size[0]))
    depth = depth + per_sample(tilt[:, 1]) * (right * (2 / size[1]))
    depth = ops.maximum(depth, 0.1)
    return rows / depth, columns / depth


def _centre(
    numbers: Tensor,
    policy: Policy,
    matrix: Matrix,
    source: tuple[int, int],
    size: tuple[int, int],
) -> list[Tensor]:
    """Source position of the crop's centre, two arrays (B, 1, 1).

    The crop covers a window of the source. Where it is smaller than the source it
    stays inside, where it is larger the source stays inside of it.
    """
    centre = []
    pairs = (matrix[0], matrix[1]), (matrix[2], matrix[3])
    for axis, (along, across) in enumerate(pairs):
        extent = ops.abs(along) * size[0] + ops.abs(across) * size[1]
        room = ops.abs(source[axis] - extent)
        place = slot(numbers, "position")[:, axis]
        if not policy.crop:
            shift = 0 * room if policy.resamples else -(room % 2) / 2
        elif policy.resamples:
            shift = (place - 0.5) * room
        else:  # whole pixels: 0..room, all equally often
            shift = ops.minimum(ops.floor(place * (room + 1)), room) - room / 2
        if policy.translation:
            move = around(slot(numbers, "translation")[:, axis], policy.translation)
            shift = shift + move * extent
        centre.append(per_sample((source[axis] - 1) / 2 + shift))
    return centre


def _framed(image: Tensor, fill: int | np.ndarray) -> Tensor:
    """The image in a ring of its own edge pixels and then `fill`.

    With it nothing has to be masked afterwards, which costs more than the frame.
    """
    for axis in (1, 2):
        first = ops.take(image, [0], axis=axis)
        last = ops.take(image, [image.shape[axis] - 1], axis=axis)
        image = ops.concatenate([first, image, last], axis=axis)
    frame = [[0, 0], [BEFORE - 1, BEHIND - 1], [BEFORE - 1, BEHIND - 1], [0, 0]]
    return padded(image, frame, fill)


def padded(image: Tensor, frame: Sequence, fill: float | np.ndarray) -> Tensor:
    """The image with a frame, four pairs of numbers of pixels; its grey is one number
    or (C,)."""
    if np.ndim(fill) == 0:
        return ops.pad(image, frame, constant_values=fill)
    inside = np.pad(np.ones((1, *image.shape[1:3], 1), bool), frame)
    image = ops.pad(image, frame)
    return ops.where(inside, image, ops.cast(fill, image.dtype))


def _bilinear(
    pixels: Tensor, first: Tensor, below: Tensor, beside: Tensor, width: int
) -> Tensor:
    """Gathers in the image's own type: a quarter of the memory traffic for uint8."""
    upper_left, upper_right, lower_left, lower_right = (
        ops.cast(ops.take(pixels, first + step, axis=0), "float32")
        for step in (0, 1, width, width + 1)
    )
    upper = upper_left + (upper_right - upper_left) * beside
    lower = lower_left + (lower_right - lower_left) * beside
    return upper + (lower - upper) * below


def _times(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
    )


def _whole(x: Tensor) -> Tensor:
    return ops.cast(x, "int32")
