"""V-Net (Milletari, Navab and Ahmadi 2016, arXiv 1606.04797), in 3-D and 2-D.

Figure 2 and table 1 of the paper. The authors' released network definition
(github.com/faustomilletari/VNet) has fewer convolutions in some stages, that is
convolutions=(1, 1, 2, 3, 3), and a 5x5x5 convolution before the last 1x1x1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasseg.models.pieces import first_layers, sizes
from kerasseg.taxonomy import Tensor


def vnet(
    num_classes: int,
    input_shape: tuple[int, ...],
    filters: int = 16,
    convolutions: Sequence[int] = (1, 2, 3, 3, 3),
) -> keras.Model:
    """Residual stages joined by strided convolutions; no pooling, no normalisation.

    Args:
        num_classes: C, of the logits (B, D, H, W, C) or (B, H, W, C).
        input_shape: (D, H, W, channels), or (H, W, channels) for images.
        filters: of the first stage; each stage below has twice as many.
        convolutions: 5x5x5 ones of each stage from the top to the deepest; the
            expanding path repeats them upwards. A stage there has twice the filters of
            its counterpart, as its input is the map from below beside the skip.

    Raises:
        UserError: for a size that cannot be halved that often, with those that can.
    """
    depth = len(convolutions) - 1
    size = input_shape[:-1]
    steps = [2**depth] * len(size)
    sizes.require_multiples(f"V-Net with {depth + 1} stages", size, steps)
    image = keras.Input(input_shape, name="image")
    x = first_layers.scaled(image, 1 / 127.5, -1)

    skips = []
    for level, count in enumerate(convolutions):
        if level == 0:
            x = _stage(x, _repeat_channels(x, filters), count)
        else:
            skips.append(x)
            x = _prelu(_of_rank("Conv{}D", x, filters * 2**level, 2, strides=2))
            x = _stage(x, x, count)
    for level in reversed(range(depth)):
        x = _prelu(_of_rank("Conv{}DTranspose", x, filters * 2**level, 2, strides=2))
        x = layers.Concatenate()([x, skips.pop()])
        x = _stage(x, x, convolutions[level])

    logits = _of_rank("Conv{}D", x, num_classes, 1, dtype="float32", name="logits")
    return keras.Model(image, logits, name="vnet")


def _stage(x: Tensor, shortcut: Tensor, count: int) -> Tensor:
    """`count` convolutions; the last is added to the stage's input before its PReLU."""
    filters = shortcut.shape[-1]
    for index in range(count):
        x = _of_rank("Conv{}D", x, filters, 5, padding="same")
        if index == count - 1:
            x = layers.Add()([x, shortcut])
        x = _prelu(x)
    return x


def _repeat_channels(x: Tensor, filters: int) -> Tensor:
    """The image copied until it has `filters` channels: the first stage's shortcut."""
    copies = math.ceil(filters / x.shape[-1])
    x = layers.Concatenate()([x] * copies) if copies > 1 else x
    return x if x.shape[-1] == filters else x[..., :filters]


def _prelu(x: Tensor) -> Tensor:
    """One slope per channel that starts at 0.25, as in Caffe."""
    spatial = list(range(1, len(x.shape) - 1))
    return layers.PReLU(keras.initializers.Constant(0.25), shared_axes=spatial)(x)


def _of_rank(kind: str, x: Tensor, filters: int, kernel: int, **options: Any) -> Tensor:
    layer = getattr(layers, kind.format(len(x.shape) - 2))
    return layer(filters, kernel, kernel_initializer="he_normal", **options)(x)
