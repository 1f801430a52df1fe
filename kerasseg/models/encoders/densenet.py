"""DenseNet-121, 169 and 201 with dilation instead of the last strides.

Huang et al. 2017 (arXiv 1608.06993), growth rate 32, bottleneck layers, compression
0.5. Layers are named as in keras.applications.DenseNet121/169/201.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import layers, ops

from kerasseg.models.encoders.preprocessing import standardised
from kerasseg.models.encoders.strides import check_output_stride
from kerasseg.models.encoders.weights import assign, read_applications
from kerasseg.taxonomy import Tensor

GROWTH_RATE = 32


def densenet(
    number: int,
    blocks: tuple[int, int, int, int],
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
) -> dict[int, Tensor]:
    """DenseNet-`number`. See `kerasseg.models.encoders` for the contract.

    The maps of strides 4, 8 and 16 are what the transitions see after their batch
    normalisation and ReLU, at the dense blocks' full width.

    Args:
        blocks: layers of each dense block.

    Raises:
        UserError: for a wrong output stride, and when weights cannot be read.
    """
    check_output_stride(output_stride)

    def batch_norm_relu(x: Tensor, name: str) -> Tensor:
        x = layers.BatchNormalization(
            momentum=batch_norm_momentum, epsilon=1.001e-5, name=f"encoder_{name}bn"
        )(x)
        return layers.ReLU(name=f"encoder_{name}relu")(x)

    x = layers.ZeroPadding2D(3)(standardised(image))
    x = _conv(x, 64, 7, "conv1_conv", strides=2, padding="valid")
    x = batch_norm_relu(x, "conv1_")
    features = {2: x}
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))

    for stage, (count, stride) in enumerate(zip(blocks, (4, 8, 16, 32), strict=True)):
        dilation = max(1, stride // output_stride)
        if stage > 0:  # transition: halve the channels, then the size
            x = _conv(x, x.shape[-1] // 2, 1, f"pool{stage + 1}_conv")
            if stride <= output_stride:
                x = layers.AveragePooling2D(2, padding="same")(x)
            else:
                x = _average(x, dilation // 2)
        for block in range(1, count + 1):
            name = f"conv{stage + 2}_block{block}"
            y = batch_norm_relu(x, f"{name}_0_")
            y = _conv(y, 4 * GROWTH_RATE, 1, f"{name}_1_conv")
            y = batch_norm_relu(y, f"{name}_1_")
            y = _conv(y, GROWTH_RATE, 3, f"{name}_2_conv", dilation_rate=dilation)
            x = layers.Concatenate()([x, y])
        x = batch_norm_relu(x, f"pool{stage + 2}_" if stride < 32 else "")
        features[stride] = x
    if weights != "none":
        arrays = read_applications(f"DenseNet{number}", weights)
        assign(keras.Model(image, x), arrays)
    return features


densenet121 = partial(densenet, 121, (6, 12, 24, 16))
densenet169 = partial(densenet, 169, (6, 12, 32, 32))
densenet201 = partial(densenet, 201, (6, 12, 48, 32))


def _conv(
    x: Tensor, filters: int, kernel: int, name: str, padding="same", **options: Any
) -> Tensor:
    return layers.Conv2D(
        filters,
        kernel,
        padding=padding,
        use_bias=False,
        name=f"encoder_{name}",
        **options,
    )(x)


def _average(x: Tensor, distance: int) -> Tensor:
    """2x2 average pooling without its stride: each value with those `distance` rows and
    columns on. The last ones, which have none, with themselves."""
    for axis in (1, 2):
        before = (slice(None),) * axis
        last = x[(*before, slice(-distance, None))]
        onwards = ops.concatenate([x[(*before, slice(distance, None))], last], axis)
        x = (x + onwards) / 2
    return x
