"""Strides and kernels of a network that follow the spacing of the volumes.

Isensee et al. 2021 (nnU-Net), online methods, "network topology".
"""

from __future__ import annotations

from collections.abc import Sequence

SAME = 2.0
"""Spacings below this ratio count as one: their axes are halved together."""


def strides_and_kernels(
    spacing: Sequence[float], depth: int
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Strides between the levels of a network and kernels on them, that turn thick
    slices into cubes on the way down.

    An axis is halved once its spacing is less than twice the finest one, and kernels
    are 3 wide along it from that level on, before it 1 (Isensee et al. 2021, nnU-Net).

    Args:
        spacing: of the axes of the volume.
        depth: how many times the network halves it.

    Returns:
        `depth` strides, and the kernels of the depth + 1 levels, from the top down.

    >>> strides_and_kernels((3.0, 1.0, 1.0), 2)
    ([(1, 2, 2), (2, 2, 2)], [(1, 3, 3), (3, 3, 3), (3, 3, 3)])
    """
    now, kernel = list(spacing), [1] * len(spacing)
    strides, kernels = [], []
    for _ in range(depth + 1):
        near = [each < SAME * min(now) for each in now]
        kernel = [3 if is_near else k for is_near, k in zip(near, kernel, strict=True)]
        stride = [2 if is_near else 1 for is_near in near]
        now = [each * step for each, step in zip(now, stride, strict=True)]
        strides.append(tuple(stride))
        kernels.append(tuple(kernel))
    return strides[:depth], kernels
