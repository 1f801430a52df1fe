"""Replaces `tfa.layers` of tensorflow-addons: max-unpooling."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


@keras.saving.register_keras_serializable("kerasseg")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts pooled values back where `tf.nn.max_pool_with_argmax` found them.

    The rest is 0. Where windows overlap and name one pixel twice, its values are added.

    Args:
        pool_size: height and width of the pooling's window, or one number for both.
        strides: of the pooling, down and across, or one number for both.
        padding: of the pooling. "SAME" gives h * stride rows, "VALID"
            (h - 1) * stride + pool size.

    Raises:
        UserError: when `padding` is neither of the two.
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] = (2, 2),
        padding: str = "SAME",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if padding not in ("SAME", "VALID"):
            raise UserError(f"padding must be SAME or VALID, got {padding!r}.")
        self.pool_size, self.strides = _pair(pool_size), _pair(strides)
        self.padding = padding

    def call(self, updates: Tensor, mask: Tensor) -> Tensor:
        """(B, h, w, C) values and their places -> (B, H, W, C).

        mask: int (B, h, w, C), (row * W + column) * C + channel in the unpooled image:
        the argmax with include_batch_in_index=False.
        """
        batch, height, width, channels = self._unpooled(ops.shape(updates))
        size = height * width * channels
        offset = ops.reshape(ops.arange(batch, dtype="int32") * size, (-1, 1, 1, 1))
        indices = ops.reshape(ops.cast(mask, "int32") + offset, (-1, 1))
        flat = ops.scatter(indices, ops.reshape(updates, (-1,)), (batch * size,))
        return ops.reshape(flat, (batch, height, width, channels))

    def compute_output_shape(
        self, updates_shape: tuple, mask_shape: tuple | None = None
    ) -> tuple:
        """(B, H, W, C) of the unpooled values; an unknown side stays unknown."""
        batch, *sides, channels = updates_shape
        known = self._unpooled((batch, *(n or 0 for n in sides), channels))
        unpooled = zip(sides, known[1:3], strict=True)
        return (batch, *(m if n else None for n, m in unpooled), channels)

    def _unpooled(self, shape: Sequence) -> tuple:
        batch, *sides, channels = shape
        pooled = zip(sides, self.strides, self.pool_size, strict=True)
        if self.padding == "SAME":
            return (batch, *(n * stride for n, stride, _ in pooled), channels)
        return (batch, *((n - 1) * s + pool for n, s, pool in pooled), channels)

    def get_config(self) -> dict:
        own = {k: getattr(self, k) for k in ("pool_size", "strides", "padding")}
        return {**super().get_config(), **own}


# Networks and losses that tensorflow-addons saved name its package.
keras.saving.get_custom_objects()["Addons>MaxUnpooling2D"] = MaxUnpooling2D


def _pair(numbers: int | Sequence[int]) -> tuple[int, ...]:
    return (numbers, numbers) if isinstance(numbers, int) else tuple(numbers)
