"""Upsampling without weights: bilinear, nearest neighbour, bed of nails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


def bilinear(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resizes images bilinearly, with half-pixel centres and without antialiasing.

    Equals `tf.image.resize`. (`bilinear_by_corners` is not the same.)

    Args:
        x: (B, H, W, C) float. H and W must be static.
        size: (height, width) of the result, pixels.

    Returns:
        (B, height, width, C), of the type of `x`.

    Raises:
        UserError: when a size is not static.

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> x = np.array([1.0, 5.0], "float32").reshape(1, 1, 2, 1)
    >>> np.asarray(upsampling.bilinear(x, (1, 4))).ravel().tolist()
    [1.0, 2.0, 4.0, 5.0]
    """
    if tuple(x.shape[1:3]) == tuple(size):
        return x
    _check_static(x, size)
    return ops.image.resize(
        x, tuple(size), interpolation="bilinear", data_format="channels_last"
    )


def bilinear_by_corners(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resizes images bilinearly; the centres of the corner pixels stay in the corners.

    Equals `torch.nn.functional.interpolate(mode="bilinear", align_corners=True)` and
    the DeepLab code of 2018. For trained networks that have it: the step from pixel to
    pixel, (H - 1) / (height - 1), depends on the size.

    Args:
        x: (B, H, W, C) float. H and W must be static.
        size: (height, width) of the result, pixels.

    Returns:
        (B, height, width, C), of the type of `x`.

    Raises:
        UserError: when a size is not static.

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> x = np.array([1.0, 4.0], "float32").reshape(1, 1, 2, 1)
    >>> np.asarray(upsampling.bilinear_by_corners(x, (1, 4))).ravel().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    _check_static(x, size)
    for axis, (have, want) in enumerate(zip(x.shape[1:3], size, strict=True), 1):
        if have == want:
            continue
        place = np.arange(want) * ((have - 1) / max(want - 1, 1))
        lower = np.minimum(place.astype(int), max(have - 2, 0))
        upper = np.minimum(lower + 1, have - 1)
        shape = [1, 1, 1, 1]
        shape[axis] = want
        # Lists: a saved network keeps them in its configuration.
        share = (place - lower).reshape(shape).tolist()
        before = ops.take(x, lower.tolist(), axis)
        after = ops.take(x, upper.tolist(), axis)
        x = before + (after - before) * ops.cast(share, x.dtype)
    return x


def nearest(x: Tensor, factor: int = 2) -> Tensor:
    """Repeats each value `factor` times along every spatial axis.

    Args:
        x: (B, ..., C) with one or more spatial axes, all static.
        factor: how many times larger each of them becomes.

    Returns:
        (B, ..., C) with every spatial axis times `factor`.

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> np.asarray(upsampling.nearest(np.array([[[1], [2]]]), 3)).ravel().tolist()
    [1, 1, 1, 2, 2, 2]
    """
    return interleave([x] * factor ** (len(x.shape) - 2), factor)


def bed_of_nails(x: Tensor, factor: int = 2) -> Tensor:
    """Puts each value at the first corner of a block of `factor`, zeros elsewhere.

    Args:
        x: (B, ..., C) with one or more spatial axes, all static.
        factor: the length of a block along each of them.

    Returns:
        (B, ..., C) with every spatial axis times `factor`.

    >>> import numpy as np
    >>> from kerasseg import upsampling
    >>> np.asarray(upsampling.bed_of_nails(np.array([[[1], [2]]]), 3)).ravel().tolist()
    [1, 0, 0, 2, 0, 0]
    """
    zeros = ops.zeros_like(x)
    return interleave([x] + [zeros] * (factor ** (len(x.shape) - 2) - 1), factor)


def interleave(corners: Sequence[Tensor], factor: int) -> Tensor:
    """Weaves factor ** n maps into one map that is `factor` times larger.

    Args:
        corners: one map (B, ..., C) for each place in a block, in row-major order; n is
            the number of spatial axes.
        factor: the length of a block along each spatial axis.

    Returns:
        (B, ..., C) with every spatial axis times `factor`.
    """
    for axis in reversed(range(1, len(corners[0].shape) - 1)):
        groups = zip(*[iter(corners)] * factor, strict=True)
        corners = [_weave(group, axis) for group in groups]
    return corners[0]


def _check_static(x: Tensor, size: Sequence[int]) -> None:
    if None in x.shape[1:3] or None in tuple(size):
        raise UserError(
            f"Bilinear upsampling needs static sizes, got {tuple(x.shape)} -> "
            f"{tuple(size)}. Build the network for one (height, width)."
        )


def _weave(maps: Sequence[Tensor], axis: int) -> Tensor:
    shape = list(maps[0].shape)
    shape[axis] *= len(maps)
    return ops.reshape(ops.stack(maps, axis=axis + 1), (-1, *shape[1:]))
