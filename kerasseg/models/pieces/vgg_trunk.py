"""VGG16 (Simonyan and Zisserman 2015, arXiv 1409.1556) as dilated networks use it.

Its five blocks of convolutions with other poolings and paddings than the encoder's, and
its dense layers as dilated convolutions. Its ImageNet weights fit both.
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications
from kerasseg.models.encoders.vgg16 import MEAN, read_vgg16, vgg16_block


def blocks(image, pools, padding="same", width=1.0, border=None):
    """The 13 convolutions; those of block 5 are dilated by 2.

    pools: five functions of a tensor, one after each block.
    padding: of the convolutions, "same" (zeros) or "valid".
    width: factor on all filters.
    border: a function of a tensor that pads the image.
    """
    x = layers.Rescaling(
        1.0, offset=[-mean for mean in MEAN], dtype="float32", name="minus_mean"
    )(image)
    if border:
        x = border(x)
    for number, pool in enumerate(pools, 1):
        x = vgg16_block(x, number, width, 2 if number == 5 else 1, padding)
        x = pool(x)
    return x


def classifier(
    x, num_classes, filters, kernel, dilation, padding, dropout, initial, name=""
):
    """fc6 (kernel x kernel), fc7 and fc8 (1x1): logits at every place of `x`.

    initial: standard deviation of fc8's kernel at the start. name: ending of the names.
    """
    for layer, size, rate in (("fc6", kernel, dilation), ("fc7", 1, 1)):
        x = layers.Conv2D(
            filters,
            size,
            dilation_rate=rate,
            padding=padding,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{layer}{name}",
        )(x)
        x = layers.Dropout(dropout)(x)
    return layers.Conv2D(
        num_classes,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=initial),
        dtype="float32",
        name=f"fc8{name}",
    )(x)


def load(model, weights, width):
    """Fills all but the last layers; "none" leaves the model as it is.

    weights: "imagenet", or a file of keras.applications.VGG16(include_top=True).
    """
    if weights == "none":
        return
    if width != 1.0:
        raise UserError(f"Weights of VGG16 need width=1, got {width}.")
    fill(model, read_vgg16(weights, dense=True))


def fill(model, arrays):
    """Fills the blocks, and every fc6 and fc7, from {layer name of VGG16: arrays}.

    fc1 on its 7 x 7 map is a 7 x 7 convolution. A smaller kernel takes every second or
    third of its places, fewer filters every so many of them (DeepLab v1, section 3.1).
    """
    for layer in model.layers:
        name = layer.name.removeprefix(applications.PREFIX)
        if name.startswith("block"):
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
