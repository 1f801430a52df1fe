"""Geometric transforms of volumes as one map of coordinates.

For each voxel of the crop the map says where in the source it comes from: a 3 x 3
matrix and an offset per sample, behind an elastic displacement. Turns are turns in
millimetres, also where voxels are no cubes. Across thick slices nothing is turned,
scaled or bent: what lies between them was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from keras import ops

from kerasseg.augment.geometry import bicubic, shift_of
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

Matrix = list[list[Tensor]]
"""One 3 x 3 matrix for each sample: rows of entries (B,)."""
COARSE = 3.0
"""An axis whose spacing is over this many times that of any other has thick slices
(Isensee et al. 2021, nnU-Net)."""
AXES = range(3)


def coarse_axis(spacing: Sequence[float]) -> int | None:
    """The axis across thick slices; None where there is none.

    >>> coarse_axis((5.0, 1.0, 1.0)), coarse_axis((2.0, 1.0, 1.0))
    (0, None)
    """
    thick = max(range(len(spacing)), key=spacing.__getitem__)
    others = [each for axis, each in enumerate(spacing) if axis != thick]
    return thick if spacing[thick] > COARSE * max(others) else None


def coordinates(
    numbers: Tensor,
    policy: Policy,
    source: Sequence[int],
    size: Sequence[int],
    spacing: Sequence[float],
) -> list[Tensor]:
    """Where each voxel of a crop lies in the source.

    Args:
        numbers: (B, NUMBERS), uniform in [0, 1).
        policy: gives ranges and probabilities.
        source: (depth, height, width) of the source, voxels.
        size: (depth, height, width) of the crop, voxels.
        spacing: (z, y, x) of the voxels, of which the ratios count.

    Returns:
        Slices, rows and columns, each float32 (B, d, h, w), in source voxels; voxel
        centres are whole numbers.
    """
    places = _displaced(numbers, policy, size, coarse_axis(spacing))
    matrix = _matrix(numbers, policy, spacing)
    centre = _centre(numbers, policy, matrix, source, size)
    return [
        sum(per_sample(m, 3) * place for m, place in zip(row, places, strict=True))
        + per_sample(middle, 3)
        for row, middle in zip(matrix, centre, strict=True)
    ]


def _displaced(
    numbers: Tensor, policy: Policy, size: Sequence[int], thick: int | None
) -> list[Tensor]:
    """Positions in the crop, measured from its centre, after elastic deformation."""
    places = []
    for axis, length in enumerate(size):
        shape = [1, 1, 1, 1]
        shape[axis + 1] = length
        places.append(ops.reshape(centres(length) - length / 2, shape))
    for field in _fields(numbers, policy, size):  # (B, 3, d, h, w)
        for axis in AXES:
            if axis != thick:
                places[axis] = places[axis] + field[:, axis]
    return places


def _fields(numbers: Tensor, policy: Policy, size: Sequence[int]) -> Iterator[Tensor]:
    """Displacements, (B, 3, d, h, w), interpolated from those of nodes."""
    fine = [max(2, round(s / policy.elastic_spacing) + 1) for s in size]
    for name, std, nodes in (
        ("elastic", policy.elastic, [3, 3, 3]),
        ("elastic_fine", policy.elastic_fine, fine),
    ):
        if not std:
            continue
        seed = integers(slot(numbers, name)[:, :1])  # (B, 1)
        count = ops.arange(3 * math.prod(nodes), dtype="int32")
        drawn = fraction(scramble(scramble(seed) + count))
        field = ops.reshape(normal(drawn, std), (-1, 3, *nodes))
        for axis, (many, length) in enumerate(zip(nodes, size, strict=True)):
            letters = "ijk"[axis]
            new = "ijk".replace(letters, "n")
            weights = bicubic(many, length)
            field = ops.einsum(f"baijk,n{letters}->ba{new}", field, weights)
        yield field


def _matrix(numbers: Tensor, policy: Policy, spacing: Sequence[float]) -> Matrix:
    """Crop to source, around the centres."""
    thick = coarse_axis(spacing)
    one = ops.ones_like(single(numbers, "flip"))
    mirrors = []
    for name in ("depth_flip", "vertical_flip", "flip"):
        probability = getattr(policy, name)
        drawn = 1 - 2 * coin(single(numbers, name), probability)
        mirrors.append(drawn if probability else one)
    matrix = _diagonal(mirrors)
    if policy.quarter_turns:
        turn = ops.cast(4 * single(numbers, "quarter_turn"), "int32")
        sine = ops.take(ops.convert_to_tensor([0.0, 1.0, 0.0, -1.0]), turn)
        cosine = ops.take(ops.convert_to_tensor([1.0, 0.0, -1.0, 0.0]), turn)
        matrix = _times(matrix, _turn(thick or 0, sine, cosine, (1.0, 1.0, 1.0)))
    if policy.rotation:
        drawn = [single(numbers, "rotation")]
        drawn += [slot(numbers, "tilt")[:, i] for i in range(2)]
        for axis, u in enumerate(drawn):
            if thick in (None, axis):
                angle = around(u, math.radians(policy.rotation))
                turn = _turn(axis, ops.sin(angle), ops.cos(angle), spacing)
                matrix = _times(matrix, turn)
    if policy.scale != (1, 1):
        smaller = 1 / log_uniform(single(numbers, "scale"), *policy.scale)
        scales = [one if axis == thick else smaller for axis in AXES]
        matrix = _times(matrix, _diagonal(scales))
    return matrix


def _turn(axis: int, sine: Tensor, cosine: Tensor, spacing: Sequence[float]) -> Matrix:
    """A turn about an axis: in units of the spacing, between voxels."""
    matrix = _diagonal([ops.ones_like(sine)] * 3)
    b, c = (other for other in AXES if other != axis)
    matrix[b][b] = matrix[c][c] = cosine
    matrix[b][c] = sine * (spacing[c] / spacing[b])
    matrix[c][b] = -sine * (spacing[b] / spacing[c])
    return matrix


def _centre(
    numbers: Tensor,
    policy: Policy,
    matrix: Matrix,
    source: Sequence[int],
    size: Sequence[int],
) -> list[Tensor]:
    """Source position of the crop's centre, (B,) for each axis.

    The crop covers a window of the source. Where it is smaller than the source it
    stays inside, where it is larger the source stays inside of it.
    """
    position, move = (
        [slot(numbers, f"{name}_depth")[:, 0], *_columns(slot(numbers, name))]
        for name in ("position", "translation")
    )
    centre = []
    for axis in AXES:
        entries = zip(matrix[axis], size, strict=True)
        extent = sum(ops.abs(entry) * length for entry, length in entries)
        room = ops.abs(source[axis] - extent)
        shift = shift_of(position[axis], room, policy)
        if policy.translation:
            shift = shift + around(move[axis], policy.translation) * extent
        centre.append((source[axis] - 1) / 2 + shift)
    return centre


def _columns(u: Tensor) -> list[Tensor]:
    return [u[:, i] for i in range(u.shape[1])]


def _diagonal(entries: Sequence[Tensor]) -> Matrix:
    zero = ops.zeros_like(entries[0])
    return [[entries[i] if i == j else zero for j in AXES] for i in AXES]


def _times(m: Matrix, n: Matrix) -> Matrix:
    return [[sum(m[i][k] * n[k][j] for k in AXES) for j in AXES] for i in AXES]
