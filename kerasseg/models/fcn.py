"""Fully convolutional networks (Long, Shelhamer and Darrell 2015, arXiv 1411.4038).

A classification network whose dense layers have become convolutions, 1x1 score layers
on its maps, and bilinear upsampling of the scores. Names, paddings and crops follow the
authors' release (fcn.berkeleyvision.org, voc-fcn*/net.py).
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications
from kerasseg.models.encoders.vgg16 import read_vgg16, vgg16_block
from kerasseg.models.pieces.local_response import local_response_normalization
from kerasseg.models.pieces.upscore import KINDS, upscore

MEAN = (122.67892, 116.66877, 104.00699)  # RGB, of the release
BORDERS = ("pad100", "same")
# Offsets of the release's crops: they align the maps of an image padded by 100.
CROPS = {"pool4": 5, "pool3": 9, 32: 19, 16: 27, 8: 31}
AT_ONCE = {"pool4": 0.01, "pool3": 0.0001}
INITIAL = "he_normal"


def fcn32s(
    num_classes,
    input_shape,
    border="pad100",
    upsampling="bilinear",
    dropout=0.5,
    width=1.0,
    weights="none",
):
    """VGG-16, scored at stride 32 and upsampled 32 times at once.

    input_shape: (H, W, 3), any size.
    border: "pad100": the release's. The image is padded by 100 pixels and each map is
        cropped to where it belongs (500 x 500: scores 16 x 16, upsampled 544, cropped
        from 19). "same": zeros around each layer's input, the usual port: scores of
        size ceil(H / 32), about half the work for such an image.
    upsampling: kernels of the transposed convolutions, see `upscore`. "bilinear":
        without weights; the release too keeps them fixed. "diagonal", "full": learnt,
        but for the last one (paper, section 4.3).
    dropout: rate after fc6 and fc7.
    width: factor on all filters; other than 1 there are no ImageNet weights.
    weights: "none" (random), "imagenet" (the authors' start) or a file of
        keras.applications.VGG16(include_top=True), whose fc1 and fc2 become fc6 and
        fc7. The score layers begin as zeros, and so do the logits.
    """
    return _on_vgg16(
        "fcn32s",
        num_classes,
        input_shape,
        (),
        {},
        border,
        upsampling,
        dropout,
        width,
        weights,
    )


def fcn16s(
    num_classes,
    input_shape,
    border="pad100",
    upsampling="bilinear",
    dropout=0.5,
    at_once=False,
    width=1.0,
    weights="none",
):
    """FCN-32s with the scores of pool4 added at stride 16.

    at_once: scales pool4 by 0.01, with which the release trains in one go. Without it
        the authors started from a trained FCN-32s (its layers have the same names).
    Other options: `fcn32s`.
    """
    return _on_vgg16(
        "fcn16s",
        num_classes,
        input_shape,
        ("pool4",),
        AT_ONCE if at_once else {},
        border,
        upsampling,
        dropout,
        width,
        weights,
    )


def fcn8s(
    num_classes,
    input_shape,
    border="pad100",
    upsampling="bilinear",
    dropout=0.5,
    at_once=False,
    width=1.0,
    weights="none",
):
    """FCN-16s with the scores of pool3 added at stride 8.

    at_once: scales pool4 by 0.01 and pool3 by 0.0001. Other options: `fcn16s`.
    """
    return _on_vgg16(
        "fcn8s",
        num_classes,
        input_shape,
        ("pool4", "pool3"),
        AT_ONCE if at_once else {},
        border,
        upsampling,
        dropout,
        width,
        weights,
    )


def fcn_alexnet(
    num_classes, input_shape, upsampling="bilinear", dropout=0.5, width=1.0
):
    """CaffeNet, scored at stride 32 and upsampled 32 times at once (kernel 63).

    The border is the release's. Options: `fcn32s`; keras.applications has no weights.
    """
    _check("upsampling", upsampling, KINDS)

    def conv(x, filters, kernel, name, stride=1, padding="same"):
        return layers.Conv2D(
            round(filters * width),
            kernel,
            strides=stride,
            padding=padding,
            activation="relu",
            kernel_initializer=INITIAL,
            name=name,
        )(x)

    def two_groups(x, filters, kernel, name):
        """Each half of the filters sees one half of the channels. Two layers, because
        TensorFlow has grouped convolutions on a CPU only by XLA."""
        half = x.shape[-1] // 2
        first = conv(x[..., :half], filters / 2, kernel, f"{name}_group1")
        second = conv(x[..., half:], filters / 2, kernel, f"{name}_group2")
        return layers.Concatenate(name=name)([first, second])

    def pool(x, name):
        """3x3 by 2, sizes rounded up. Zeros at the end do no harm after a ReLU."""
        ends = [(0, (side - 3) % 2) for side in x.shape[1:3]]
        return layers.MaxPooling2D(3, 2, name=name)(layers.ZeroPadding2D(ends)(x))

    image = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(100)(_subtract_mean(image))
    x = pool(conv(x, 96, 11, "conv1", 4, "valid"), "pool1")
    x = local_response_normalization(x)
    x = pool(two_groups(x, 256, 5, "conv2"), "pool2")
    x = local_response_normalization(x)
    x = conv(x, 384, 3, "conv3")
    x = two_groups(x, 384, 3, "conv4")
    x = pool(two_groups(x, 256, 3, "conv5"), "pool5")
    x = layers.Dropout(dropout)(conv(x, 4096, 6, "fc6", padding="valid"))
    x = layers.Dropout(dropout)(conv(x, 4096, 1, "fc7"))
    x = _score(x, num_classes, "score_fr")
    x = upscore(x, 63, 32, upsampling, "upscore", fixed=True)
    return keras.Model(image, _crop(x, 18, input_shape), name="fcn_alexnet")


def load_vgg16(network, arrays):
    """Fills an FCN on VGG-16 but for its score layers.

    arrays: as `read_vgg16(weights, dense=True)`. A dense layer on a 7 x 7 map is a
    7 x 7 convolution with the same numbers.
    """
    for name, (kernel, bias) in arrays.items():
        if name.startswith("block"):
            network.get_layer(applications.PREFIX + name).set_weights([kernel, bias])
    for dense, name in (("fc1", "fc6"), ("fc2", "fc7")):
        kernel, bias = arrays[dense]
        layer = network.get_layer(name)
        layer.set_weights([kernel.reshape(layer.kernel.shape), bias])


def _on_vgg16(
    name,
    num_classes,
    input_shape,
    skips,
    scales,
    border,
    upsampling,
    dropout,
    width,
    weights,
):
    _check("border", border, BORDERS)
    _check("upsampling", upsampling, KINDS)
    if weights != "none" and width != 1.0:
        raise UserError(f"Weights of VGG16 need width=1, got {width}.")
    padded = border == "pad100"
    image = keras.Input(input_shape, name="image")
    x = _subtract_mean(image)
    if padded:
        x = layers.ZeroPadding2D(99)(x)  # the first convolution pads by one more
    pools = {}
    for number in range(1, 6):
        x = vgg16_block(x, number, width)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
        pools[f"pool{number}"] = x
    for layer, kernel in (("fc6", 7), ("fc7", 1)):
        x = layers.Conv2D(
            round(4096 * width),
            kernel,
            padding="valid" if padded else "same",
            activation="relu",
            kernel_initializer=INITIAL,
            name=layer,
        )(x)
        x = layers.Dropout(dropout)(x)

    x, stride = _score(x, num_classes, "score_fr"), 32
    for pool in skips:
        x, stride = upscore(x, 4, 2, upsampling, f"upscore_{pool}"), stride // 2
        skip = pools[pool]
        if pool in scales:
            skip = layers.Rescaling(scales[pool], name=f"scale_{pool}")(skip)
        skip = _score(skip, num_classes, f"score_{pool}")
        if padded:
            skip = _crop(skip, CROPS[pool], x.shape[1:])
        else:
            x = _crop(x, 1, skip.shape[1:])
        x = layers.Add(dtype="float32", name=f"fuse_{pool}")([x, skip])
    x = upscore(x, 2 * stride, stride, upsampling, "upscore", fixed=True)
    x = _crop(x, CROPS[stride] if padded else stride // 2, input_shape)
    network = keras.Model(image, x, name=name)
    if weights != "none":
        load_vgg16(network, read_vgg16(weights, dense=True))
    return network


def _subtract_mean(image):
    offset = [-mean for mean in MEAN]
    return layers.Rescaling(1.0, offset=offset, dtype="float32")(image)


def _score(x, num_classes, name):
    return layers.Conv2D(
        num_classes, 1, kernel_initializer="zeros", dtype="float32", name=name
    )(x)


def _crop(x, offset, shape):
    height, width, _ = shape
    return x[:, offset : offset + height, offset : offset + width]


def _check(option, value, known):
    if value not in known:
        raise UserError(f"{option} must be one of {known}, got {value!r}.")
