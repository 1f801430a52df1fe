"""SegNet and SegNet-Basic (Badrinarayanan, Kendall and Cipolla 2017, arXiv 1511.00561).

Max-pooling remembers where each maximum was; the decoder puts the values back there and
convolves the sparse maps into dense ones. Built as in the authors' Caffe release
(SegNet-Tutorial, Models/segnet_train.prototxt and segnet_basic_train.prototxt), which
has biases where the paper says none.
"""

from __future__ import annotations

import keras
from keras import layers

from kerasseg.models.encoders.preprocessing import without_mean
from kerasseg.models.encoders.vgg16 import BLOCKS, check_width, read_vgg16
from kerasseg.models.encoders.weights import for_bands
from kerasseg.models.pieces import first_layers
from kerasseg.models.pieces.local_response_normalization import (
    local_response_normalization,
)
from kerasseg.taxonomy import Tensor
from kerasseg.upsampling import max_pool_with_indices, max_unpool

START_OF_BETA = 0.001
"""First offset of the batch normalizations, as in the release."""


def segnet(
    num_classes: int,
    input_shape: tuple[int, ...],
    use_bias: bool = True,
    dropout: float = 0.0,
    batch_norm_momentum: float = 0.9,
    width: float = 1.0,
    weights: str = "none",
) -> keras.Model:
    """The 13 convolutions of VGG-16, then the same in reverse order, batch-normalised.

    Args:
        num_classes: C, of the logits (B, H, W, C).
        input_shape: (H, W, channels), any size: odd ones are rounded up by the pooling
            (360 rows: 180, 90, 45, 23, 12) and come back exactly by the unpooling.
        use_bias: of the convolutions before a batch normalization, where it changes
            nothing. True as in the release, False as in the paper's count.
        dropout: rate after the three deepest poolings and the three deepest decoder
            stages; 0.5 is Bayesian SegNet (Kendall et al. 2015, arXiv 1511.02680).
        width: factor on all filters; other than 1 there are no ImageNet weights.
        weights: of the encoder: "none" (random), "imagenet" (the authors' start) or a
            file of keras.applications.VGG16(include_top=False).

    Raises:
        UserError: when the weights cannot be read, or the width is another.
    """
    check_width(weights, width)

    def conv(x: Tensor, filters: int, name: str) -> Tensor:
        filters = round(filters * width)
        return _conv(x, filters, 3, name, use_bias, batch_norm_momentum)

    image = keras.Input(input_shape, name="image")
    x = without_mean(image, name=None)
    pooled = []
    for number, (filters, count) in enumerate(BLOCKS, 1):
        for index in range(1, count + 1):
            x = conv(x, filters, f"encoder_block{number}_conv{index}")
        size = x.shape[1:3]
        x, indices = max_pool_with_indices(x)
        pooled.append((indices, size))
        if dropout and number >= 3:
            x = layers.Dropout(dropout)(x)

    for number in range(5, 0, -1):
        x = max_unpool(x, *pooled.pop())
        filters, count = BLOCKS[number - 1]
        for index in range(count, 1, -1):
            x = conv(x, filters, f"decoder_block{number}_conv{index}")
        if number > 1:  # the last convolution has the width of the stage above
            x = conv(x, BLOCKS[number - 2][0], f"decoder_block{number}_conv1")
        if dropout and number >= 3:
            x = layers.Dropout(dropout)(x)
    model = keras.Model(image, _logits(x, num_classes, 3), name="segnet")
    if weights != "none":
        arrays = read_vgg16(weights)
        arrays["block1_conv1"] = for_bands(model, arrays["block1_conv1"])
        for name, (kernel, bias) in arrays.items():
            layer = model.get_layer(f"encoder_{name}")
            layer.set_weights([kernel, bias] if use_bias else [kernel])
    return model


def segnet_basic(
    num_classes: int,
    input_shape: tuple[int, ...],
    use_bias: bool = True,
    filters: int = 64,
    batch_norm_momentum: float = 0.9,
) -> keras.Model:
    """Four stages of one 7x7 convolution each; the decoder has no ReLU.

    The pixels are only normalised by their local response, as in the release (the paper
    names a local contrast normalisation).

    Args:
        filters: of every convolution but the last.

    The other arguments: `segnet`.
    """

    def conv(x: Tensor, name: str, relu: bool) -> Tensor:
        return _conv(x, filters, 7, name, use_bias, batch_norm_momentum, relu)

    image = keras.Input(input_shape, name="image")
    x = first_layers.scaled(image, 1.0, imagenet=True)
    x = local_response_normalization(x)
    pooled = []
    for number in range(1, 5):
        x = conv(x, f"encoder_conv{number}", relu=True)
        size = x.shape[1:3]
        x, indices = max_pool_with_indices(x)
        pooled.append((indices, size))
    for number in range(4, 0, -1):
        x = max_unpool(x, *pooled.pop())
        x = conv(x, f"decoder_conv{number}", relu=False)
    return keras.Model(image, _logits(x, num_classes, 1), name="segnet_basic")


def _logits(x: Tensor, num_classes: int, kernel: int) -> Tensor:
    return layers.Conv2D(
        num_classes,
        kernel,
        padding="same",
        kernel_initializer="he_normal",
        dtype="float32",
        name="logits",
    )(x)


def _conv(
    x: Tensor,
    filters: int,
    kernel: int,
    name: str,
    use_bias: bool,
    momentum: float,
    relu: bool = True,
) -> Tensor:
    x = layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(
        momentum=momentum,
        beta_initializer=keras.initializers.Constant(START_OF_BETA),
        name=f"{name}_bn",
    )(x)
    return layers.ReLU()(x) if relu else x
