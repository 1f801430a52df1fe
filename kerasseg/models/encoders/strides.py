"""Which blocks of an encoder keep their stride, and which are dilated in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kerasseg import UserError


def check_output_stride(output_stride: int) -> None:
    """Raises UserError for another output stride than 8, 16 or 32."""
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")


class Place(NamedTuple):
    """Where a block stands in a dilated encoder."""

    level: int
    """The stride of the block's result if nothing were dilated: the key of its map."""
    step: int
    """The block's stride if nothing were dilated, 1 or 2."""
    stride: int
    """The block's stride in this encoder: 1 where dilation takes the place of 2."""
    dilation: int
    """The dilation of the block's 3x3 or 5x5 convolution."""


def places(
    steps: Iterable[int], output_stride: int, at_once: bool = False
) -> Iterator[Place]:
    """The place of each block behind a stem of stride 2.

    Args:
        steps: the strides of the blocks in the plain encoder, 1 or 2.
        output_stride: from here on strides are replaced by dilation.
        at_once: the block that loses its stride is dilated itself (torchvision's
            MobileNetV3, segmentation_models_pytorch).

    The block that loses its stride reads the map before it, so only the blocks after it
    look twice as far (Chen et al. 2017, arXiv 1706.05587, section 3.1).

    >>> [place.stride for place in places((2, 2, 1, 2), output_stride=8)]
    [2, 2, 1, 1]
    >>> [place.dilation for place in places((2, 2, 2, 2, 1), output_stride=8)]
    [1, 1, 1, 2, 4]
    >>> [place.dilation for place in places((2, 2, 2, 2, 1), 8, at_once=True)]
    [1, 1, 2, 4, 4]
    """
    level, dilation = 2, 1
    for step in steps:
        level *= step
        dilated = step == 2 and level > output_stride
        before = dilation
        dilation *= 2 if dilated else 1
        yield Place(
            level, step, 1 if dilated else step, dilation if at_once else before
        )
