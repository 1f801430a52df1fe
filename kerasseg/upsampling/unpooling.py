"""SegNet's unpooling: maxima go back to where the max-pooling found them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor
from kerasseg.upsampling.resizing import interleave


def max_pool_with_indices(x: Tensor) -> tuple[Tensor, Tensor]:
    """Max-pooling by 2 that remembers where each maximum was.

    An odd size is rounded up, as in SegNet's Caffe (Badrinarayanan et al. 2017, arXiv
    1511.00561). Of equal values the first wins.

    Args:
        x: (B, ..., C) with one or more spatial axes, all static.

    Returns:
        pooled (B, ceil(size / 2)..., C) of the type of `x`, and indices of the same
        shape, int32: the place of the maximum inside its window of 2 x 2 in row-major
        order (0 to 3 in an image, 0 to 7 in a volume).

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> x = np.array([[1.0, 9.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> pooled, indices = upsampling.max_pool_with_indices(x)
    >>> float(pooled[0, 0, 0, 0]), int(indices[0, 0, 0, 0])
    (9.0, 1)
    """
    for axis in range(1, len(x.shape) - 1):
        if x.shape[axis] % 2:  # a copy of the last line never wins over the line itself
            x = ops.concatenate([x, x[_along(axis, slice(-1, None))]], axis=axis)
    corners = [
        x[(slice(None), *(slice(start, None, 2) for start in place))]
        for place in product(range(2), repeat=len(x.shape) - 2)
    ]
    pooled = corners[0]
    for corner in corners[1:]:
        pooled = ops.maximum(pooled, corner)
    # Not ops.argmax: it does not convert to LiteRT's built-in operators.
    indices = ops.full_like(pooled, len(corners) - 1)
    for number in reversed(range(len(corners) - 1)):
        indices = ops.where(ops.equal(corners[number], pooled), number, indices)
    return pooled, ops.cast(indices, "int32")


def max_unpool(x: Tensor, indices: Tensor, size: Sequence[int]) -> Tensor:
    """Puts each value back where its maximum was, zeros elsewhere.

    Undoes `max_pool_with_indices` at the places of the maxima.

    Args:
        x: (B, ..., C) values, often pooled ones after some layers.
        indices: (B, ..., C) int, from `max_pool_with_indices`.
        size: the spatial size before the pooling, one number an axis.

    Returns:
        (B, *size, C), of the type of `x`.

    Raises:
        UserError: when `size` is not one that pools to the size of `x`.

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> x, indices = np.array([[[[9.0]]]]), np.array([[[[1]]]])
    >>> np.asarray(upsampling.max_unpool(x, indices, (2, 2))).squeeze().tolist()
    [[0.0, 9.0], [0.0, 0.0]]
    """
    count = 2 ** (len(x.shape) - 2)
    zeros = ops.zeros_like(x)
    y = interleave(
        [ops.where(ops.equal(indices, number), x, zeros) for number in range(count)], 2
    )
    for axis, length in enumerate(size, start=1):
        if y.shape[axis] - length not in (0, 1):
            raise UserError(
                f"Unpooling {tuple(x.shape)} cannot give size {tuple(size)}: it must "
                "be the size that was pooled, twice as large or one less."
            )
        if y.shape[axis] > length:
            y = y[_along(axis, slice(0, length))]
    return y


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)
