"""Arrays from TensorProto, within a limit of bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg.serve.errors import invalid_argument


def array(tensor: Any, limit: int) -> np.ndarray:
    """The array of a TensorProto of at most `limit` bytes.

    The bytes are counted before it is unpacked: a proto of few bytes can name any size,
    its last value is then repeated. Raises ServingError.
    """
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid_argument("The shape of a tensor must be known and not negative.")
    try:
        dtype = tf.as_dtype(tensor.dtype)
        if math.prod(sizes) * max(dtype.size or 8, 1) > limit:
            raise invalid_argument(
                f"A tensor of shape {sizes} is larger than {limit} bytes. Send less at "
                "once, or uint8, or start the server with a larger --limit."
            )
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError, KeyError) as error:
        raise invalid_argument(f"A tensor cannot be read: {error}") from error
