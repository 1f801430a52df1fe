"""VGG16 as a fully convolutional network (Simonyan and Zisserman, arXiv 1409.1556).

Its dense layers fc6 and fc7 are convolutions, which score every place of a map: FCN,
DeepLab v1 and v2 and the dilated networks are made of this. Its ImageNet weights fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

from kerasseg.models.encoders.preprocessing import without_mean
from kerasseg.models.encoders.vgg16 import check_width, read_vgg16, vgg16_block
from kerasseg.models.encoders.weights import PREFIX, Arrays, for_bands
from kerasseg.taxonomy import Tensor


def dilated_blocks(
    image: Tensor,
    pools: Sequence[Callable[[Tensor], Tensor]],
    padding: str = "same",
    width: float = 1.0,
    border: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The 13 convolutions; those of block 5 are dilated by 2.

    Args:
        image: (B, H, W, channels), numbers as the data has them.
        pools: five functions of a tensor, one after each block.
        padding: of the convolutions, "same" (zeros) or "valid".
        width: factor on all filters.
        border: a function of a tensor that pads the image.

    Returns:
        (B, h, w, 512 * width), what the last pool returns.
    """
    x = without_mean(image, name="minus_mean")
    if border:
        x = border(x)
    for number, pool in enumerate(pools, 1):
        x = vgg16_block(x, number, width, 2 if number == 5 else 1, padding)
        x = pool(x)
    return x


def dense_layers(
    x: Tensor,
    filters: int,
    kernel: int,
    padding: str,
    dropout: float,
    dilation: int = 1,
    ending: str = "",
) -> Tensor:
    """fc6 (kernel x kernel) and fc7 (1x1) with ReLU and dropout.

    Args:
        x: (B, H, W, C), the last map of the blocks.
        filters: of both, 4096 in VGG16.
        kernel: side of fc6, 7 in VGG16.
        padding: of fc6, "same" or "valid".
        dropout: rate after each of them.
        dilation: of fc6.
        ending: of the layers' names.

    Returns:
        (B, h, w, filters).
    """
    for name, size, rate in (("fc6", kernel, dilation), ("fc7", 1, 1)):
        x = layers.Conv2D(
            filters,
            size,
            dilation_rate=rate,
            padding=padding,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}{ending}",
        )(x)
        x = layers.Dropout(dropout)(x)
    return x


def scores(x: Tensor, num_classes: int, deviation: float, ending: str = "") -> Tensor:
    """fc8: (B, H, W, C) to float32 logits (B, H, W, num_classes) by a 1x1 convolution.

    Args:
        deviation: standard deviation of its kernel at the start.
        ending: of the layer's name.
    """
    return layers.Conv2D(
        num_classes,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=deviation),
        dtype="float32",
        name=f"fc8{ending}",
    )(x)


def load(model: keras.Model, weights: str, width: float) -> None:
    """Fills all but the layers that score; "none" leaves the model as it is.

    Args:
        weights: "none", "imagenet" or a file of
            keras.applications.VGG16(include_top=True).
        width: the factor on the model's filters, which must be 1 for weights.

    Raises:
        UserError: when the weights cannot be read, or the width is another.
    """
    check_width(weights, width)
    if weights != "none":
        fill(model, read_vgg16(weights, dense=True))


def fill(model: keras.Model, arrays: Arrays) -> None:
    """Fills the blocks, and every fc6 and fc7, from {layer name of VGG16: arrays}.

    fc1 on its 7 x 7 map is a 7 x 7 convolution with the same numbers. A smaller kernel
    takes every second or third of its places, fewer filters every so many of them
    (DeepLab v1, arXiv 1412.7062, section 3.1).
    """
    for layer in model.layers:
        name = layer.name.removeprefix(PREFIX)
        if name == "block1_conv1":
            layer.set_weights(for_bands(model, arrays[name]))
        elif name.startswith("block"):
            layer.set_weights(arrays[name])
        if name.startswith(("fc6", "fc7")):
            kernel, bias = arrays["fc1" if name.startswith("fc6") else "fc2"]
            size, _, channels, filters = layer.kernel.shape
            full = 7 if name.startswith("fc6") else 1
            kernel = kernel.reshape(full, full, -1, len(bias))
            place = (full - 1) // max(size - 1, 1) or 1
            row, column = kernel.shape[2] // channels, len(bias) // filters
            layer.set_weights(
                [kernel[::place, ::place, ::row, ::column], bias[::column]]
            )
