"""Tensors that broadcast over the pixels (B, h, w) of a batch."""

from __future__ import annotations

import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasseg.taxonomy import Tensor


def constant(values: ArrayLike, dtype: str = "float32") -> Tensor:
    """A NumPy array as a tensor: Torch refuses mixed sums with NumPy on the left."""
    return ops.convert_to_tensor(np.asarray(values, dtype))


def centres(size: int) -> Tensor:
    """(size,) pixel centres: 0.5, 1.5, ..."""
    return constant(np.arange(size) + 0.5)


def per_sample(x: Tensor, axes: int = 2) -> Tensor:
    """(B,) numbers, one for each sample, as (B, 1, 1), with as many ones as `axes`."""
    return ops.reshape(x, (-1, *[1] * axes))


def beside(mask: Tensor, label: Tensor) -> Tensor:
    """(B, h, w), with an axis for the classes where the label has one: where classes
    overlap it is (B, h, w, K)."""
    return mask[..., None] if len(label.shape) > len(mask.shape) else mask
