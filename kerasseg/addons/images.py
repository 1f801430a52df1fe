"""Images of two to four axes as batches, and the values of their pixels."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from kerasseg import UserError
from kerasseg.frameworks import unknown_rank
from kerasseg.taxonomy import Tensor


def as_batch(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """(H, W), (H, W, C) or (B, H, W, C) -> (B, H, W, C) and the way back.

    Raises UserError for another number of axes.
    """
    images = ops.convert_to_tensor(images)
    if unknown_rank.is_unknown(images):
        return unknown_rank.as_images(images)
    if len(images.shape) == 2:
        return images[None, ..., None], lambda batch: batch[0, ..., 0]
    if len(images.shape) == 3:
        return images[None], lambda batch: batch[0]
    if len(images.shape) == 4:
        return images, lambda batch: batch
    shape = tuple(images.shape)
    raise UserError(f"images must be (B, H, W, C), (H, W, C) or (H, W), got {shape}.")


def with_rank(name: str, tensor: Tensor, rank: int, expected: str) -> Tensor:
    """A tensor of `rank` axes. One of unknown rank is taken to have them.

    Raises UserError, which says `expected`, for another number of axes.
    """
    tensor = ops.convert_to_tensor(tensor)
    if unknown_rank.is_unknown(tensor):
        tensor.set_shape([None] * rank)
    if len(tensor.shape) != rank:
        raise UserError(f"{name} must be {expected}, got {tuple(tensor.shape)}.")
    return tensor


def pixels(images: Tensor, fill_value: float | Tensor = 0.0) -> Callable[..., Tensor]:
    """value(rows, columns) of (B, H, W, C) images; both (B or 1, ...) of one shape.

    Outside the image is `fill_value`. Sizes may be unknown until it runs.
    """
    batch, height, width, channels = ops.shape(images)
    flat = ops.reshape(images, (batch * height * width, channels))
    start = ops.arange(batch, dtype="int32") * (height * width)
    fill = ops.cast(ops.convert_to_tensor(fill_value), images.dtype)

    def value(row, column):
        # A size that is known only later is an integer tensor, which TensorFlow does
        # not compare with floats.
        last = [ops.cast(size - 1, row.dtype) for size in (height, width)]
        inside = (row >= 0) & (row <= last[0]) & (column >= 0) & (column <= last[1])
        row = ops.cast(ops.clip(row, 0, last[0]), "int32")
        column = ops.cast(ops.clip(column, 0, last[1]), "int32")
        first = ops.reshape(start, (-1, *[1] * (len(row.shape) - 1)))
        found = ops.take(flat, first + row * width + column, axis=0)
        return ops.where(ops.expand_dims(inside, -1), found, fill)

    return value
