"""Replaces `dense_image_warp` and `interpolate_bilinear` of `tfa.image`."""

from __future__ import annotations

from keras import ops

from kerasseg import UserError
from kerasseg.addons.images import pixels, with_rank
from kerasseg.taxonomy import Tensor


def interpolate_bilinear(
    grid: Tensor, query_points: Tensor, indexing: str = "ij"
) -> Tensor:
    """Values between the pixels of a grid, bilinearly; beyond it those of its edge.

    Args:
        grid: float (B, H, W, C) with H, W >= 2.
        query_points: float (B, N, 2), pixels.
        indexing: "ij": points are (row, column); "xy": (column, row).

    Returns:
        (B, N, C), of the type of `grid`.

    Raises:
        UserError: when `indexing` is neither of the two, or a shape does not fit.
    """
    if indexing not in ("ij", "xy"):
        raise UserError(f"indexing must be 'ij' or 'xy', got {indexing!r}.")
    grid = with_rank("grid", grid, 4, "(B, H, W, C)")
    points = with_rank("query_points", query_points, 3, "(B, N, 2)")
    if points.shape[-1] not in (2, None):
        raise UserError(f"query_points must be (B, N, 2), got {tuple(points.shape)}.")
    one, other = points[..., 0], points[..., 1]
    return _between(grid, *((one, other) if indexing == "ij" else (other, one)))


def dense_image_warp(image: Tensor, flow: Tensor) -> Tensor:
    """Moves every pixel by its own vector, bilinearly.

    output[b, y, x] = image[b, y - flow[b, y, x, 0], x - flow[b, y, x, 1]]. Outside the
    image stands its nearest edge pixel. Differentiable in both arguments.

    Args:
        image: float (B, H, W, C) with H, W >= 2. Sizes may be unknown in a graph.
        flow: float (B, H, W, 2), pixels: down, right.

    Returns:
        (B, H, W, C), of the type of `image`.

    Raises:
        UserError: when the image is smaller than 2 x 2 pixels, or a shape does not fit.
    """
    image = with_rank("image", image, 4, "(B, H, W, C)")
    flow = with_rank("flow", flow, 4, "(B, H, W, 2), down and right")
    for n, m in zip(flow.shape, (*image.shape[:3], 2), strict=True):
        if n is not None and m is not None and n != m:
            raise UserError(
                f"flow must be (B, H, W, 2) for an image {tuple(image.shape)}, got "
                f"{tuple(flow.shape)}."
            )
    _, height, width, _ = ops.shape(image)
    row = ops.reshape(ops.cast(ops.arange(height), flow.dtype), (-1, 1))
    column = ops.cast(ops.arange(width), flow.dtype)
    return _between(image, row - flow[..., 0], column - flow[..., 1])


def _between(image: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Values (B, ..., C) at float rows and columns (B, ...), the edge's outside."""
    for name, size in zip(("height", "width"), image.shape[1:3], strict=True):
        if size is not None and size < 2:
            raise UserError(
                f"Grid {name} must be at least 2. Got {tuple(image.shape)}: between "
                "the pixels of one row or column nothing can be interpolated."
            )
    _, height, width, _ = ops.shape(image)

    def split(position, size):
        """The first of two neighbours inside, and the share of the second."""
        most = ops.cast(size - 2, position.dtype)
        low = ops.maximum(ops.minimum(ops.floor(position), most), 0)
        part = ops.cast(ops.clip(position - low, 0, 1), image.dtype)
        return ops.cast(low, "int32"), ops.expand_dims(part, -1)

    top, down = split(row, height)
    left, right = split(column, width)
    value = pixels(image)

    def across(top):
        first = value(top, left)
        return right * (value(top, left + 1) - first) + first

    first = across(top)
    return down * (across(top + 1) - first) + first
