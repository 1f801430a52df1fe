"""Projective transformations as tensorflow-addons writes them: rows of eight numbers.

A row a0 a1 a2 b0 b1 b2 c0 c1 stands for the matrix [[a0 a1 a2] [b0 b1 b2] [c0 c1 1]],
which takes homogeneous output coordinates (x, y, 1) to input coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


def angles_to_projective_transforms(
    angles: Tensor | float, image_height: Tensor | float, image_width: Tensor | float
) -> Tensor:
    """Rotations about the image's centre, counter-clockwise, as transformations (N, 8).

    Args:
        angles: radians, one or (N,).
        image_height, image_width: pixels.

    Raises:
        UserError: when `angles` has more than one axis.
    """
    angles = ops.convert_to_tensor(angles, "float32")
    if len(angles.shape) > 1:
        shape = tuple(angles.shape)
        raise UserError(f"angles must be one number or (N,) of them, got {shape}.")
    angles = ops.reshape(angles, (-1,))
    down, right = (ops.cast(n, "float32") - 1.0 for n in (image_height, image_width))
    cos, sin = ops.cos(angles), ops.sin(angles)
    x_offset = (right - (cos * right - sin * down)) / 2.0
    y_offset = (down - (sin * right + cos * down)) / 2.0
    none = ops.zeros_like(cos)
    return ops.stack([cos, -sin, x_offset, sin, cos, y_offset, none, none], axis=-1)


def compose_transforms(transforms: Sequence[Tensor]) -> Tensor:
    """One transformation (N, 8) that does what the given ones do one after another.

    Args:
        transforms: each (8,) or (N, 8).

    Raises:
        UserError: when none is given, or one has another shape.
    """
    if not len(transforms):
        raise UserError("transforms must name at least one transformation, got none.")
    first, *others = map(flat_transforms_to_matrices, transforms)
    for other in others:
        first = ops.matmul(first, other)
    return matrices_to_flat_transforms(first)


def flat_transforms_to_matrices(transforms: Tensor) -> Tensor:
    """(8,) or (N, 8) -> matrices (N, 3, 3). Raises UserError for another shape."""
    rows = as_rows(transforms)
    one = ops.ones_like(rows[:, :1])
    return ops.reshape(ops.concatenate([rows, one], axis=1), (-1, 3, 3))


def matrices_to_flat_transforms(transform_matrices: Tensor) -> Tensor:
    """(3, 3) or (N, 3, 3) -> (N, 8), divided by the last entry of each matrix.

    Raises UserError for another shape.
    """
    matrices = ops.convert_to_tensor(transform_matrices, "float32")
    if len(matrices.shape) not in (2, 3) or tuple(matrices.shape[-2:]) != (3, 3):
        raise UserError(
            "transform_matrices must be (3, 3) or (N, 3, 3), got "
            f"{tuple(matrices.shape)}."
        )
    flat = ops.reshape(matrices, (-1, 9))
    return flat[:, :8] / flat[:, 8:]


def as_rows(transforms: Tensor) -> Tensor:
    """(8,) or (N, 8) -> float32 (N, 8). Raises UserError for another shape."""
    rows = ops.convert_to_tensor(transforms, "float32")
    if len(rows.shape) not in (1, 2) or rows.shape[-1] not in (8, None):
        raise UserError(f"transforms must be (8,) or (N, 8), got {tuple(rows.shape)}.")
    return ops.reshape(rows, (-1, 8))
