"""Geometric transforms of images as one map of coordinates: every pixel is looked up
once (`kerasseg.augment.lookup`).

For each pixel of the crop the map says where in the source it comes from. Flips,
turns, scale, shear and crop position are a 2 x 2 matrix and an offset per sample;
perspective divides, elastic deformation is added first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

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
from kerasseg.taxonomy import Tensor

Matrix = tuple[Tensor, Tensor, Tensor, Tensor]
"""One 2 x 2 matrix for each sample, row by row; each entry (B,)."""


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
        shift = shift_of(slot(numbers, "position")[:, axis], room, policy)
        if policy.translation:
            move = around(slot(numbers, "translation")[:, axis], policy.translation)
            shift = shift + move * extent
        centre.append(per_sample((source[axis] - 1) / 2 + shift))
    return centre


def shift_of(place: Tensor, room: Tensor, policy: Policy) -> Tensor:
    """How far the middle of a crop lies from that of the source, (B,), pixels.

    place: uniform in [0, 1). room: by how much the one is larger than the other.
    """
    if not policy.crop:
        return 0 * room if policy.resamples else -(room % 2) / 2
    if policy.resamples:
        return (place - 0.5) * room
    # Whole pixels: 0..room, all equally often.
    return ops.minimum(ops.floor(place * (room + 1)), room) - room / 2


def _times(m: Matrix, n: Matrix) -> Matrix:
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
    )


def _whole(x: Tensor) -> Tensor:
    return ops.cast(x, "int32")
