"""Local response normalisation, which came before batch normalisation."""

from __future__ import annotations

from keras import ops

from kerasseg.taxonomy import Tensor


def local_response_normalization(
    x: Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75
) -> Tensor:
    """x / (1 + alpha / size * sum of x**2 over `size` neighbouring channels) ** beta.

    Krizhevsky et al. 2012, section 3.3, with the constants of Caffe's LRN layer.
    Computed in float32: squares of pixels overflow in float16.

    Args:
        x: (B, ..., C); beyond the first and last channel are zeros.
        size: odd.

    Returns:
        The shape and type of `x`.
    """
    y = ops.cast(x, "float32")
    channels, reach = x.shape[-1], size // 2
    squares = ops.pad(ops.square(y), [[0, 0]] * (len(x.shape) - 1) + [[reach, reach]])
    total = squares[..., :channels]
    for shift in range(1, size):
        total = total + squares[..., shift : shift + channels]
    return ops.cast(y / ops.power(1 + alpha / size * total, beta), x.dtype)
