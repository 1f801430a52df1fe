"""ResNet-50 and ResNet-101 with dilation instead of the last strides.

He et al. 2016 (arXiv 1512.03385), the MSRA layout: a stage's stride is in the first 1x1
convolution of its first block. Layers are named as in keras.applications.ResNet50/101.
Multi-grid and the "beta" stem: DeepLabv3 (Chen et al. 2017, arXiv 1706.05587) and its
code (research/deeplab/core/resnet_v1_beta.py).
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications

# The mean pixel (RGB) that the Caffe weights of keras.applications were trained with.
MEAN = (123.68, 116.779, 103.939)
STEMS = ("7x7", "beta")


def resnet50(
    image,
    output_stride=32,
    weights="imagenet",
    batch_norm_momentum=0.99,
    *,
    multi_grid=(1, 1, 1),
    stem="7x7",
    conv_bias=False,
    width=1.0,
):
    """Blocks (3, 4, 6, 3). See `kerasseg.models.encoders` for the contract.

    multi_grid: factors on the dilation of the last stage's three blocks; DeepLabv3
    takes (1, 2, 4).
    stem: "7x7", or "beta" for three 3x3 convolutions (Google's DeepLab checkpoints).
    conv_bias: a bias in each convolution, as in keras.applications. A batch
    normalization follows each, so that it changes nothing: without it, the bias of a
    file goes into the moving mean and the outputs are the same.
    width: factor on all filters; other than 1 there are no ImageNet weights.
    """
    return _encoder(
        "ResNet50",
        (3, 4, 6, 3),
        image,
        output_stride,
        weights,
        batch_norm_momentum,
        multi_grid,
        stem,
        conv_bias,
        width,
    )


def resnet101(
    image,
    output_stride=32,
    weights="imagenet",
    batch_norm_momentum=0.99,
    *,
    multi_grid=(1, 1, 1),
    stem="7x7",
    conv_bias=False,
    width=1.0,
):
    """Blocks (3, 4, 23, 3). Options as `resnet50`."""
    return _encoder(
        "ResNet101",
        (3, 4, 23, 3),
        image,
        output_stride,
        weights,
        batch_norm_momentum,
        multi_grid,
        stem,
        conv_bias,
        width,
    )


def _encoder(
    name,
    blocks,
    image,
    output_stride,
    weights,
    momentum,
    multi_grid,
    stem,
    conv_bias,
    width,
):
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    if stem not in STEMS:
        raise UserError(f"stem must be one of {', '.join(STEMS)}, got {stem!r}.")
    if len(multi_grid) != blocks[-1]:
        raise UserError(
            f"multi_grid needs {blocks[-1]} factors, one for each block of the last "
            f"stage, such as (1, 2, 4); got {multi_grid!r}."
        )
    options = {"momentum": momentum, "use_bias": conv_bias}
    filters = round(64 * width)
    x = (
        _seven(image, filters, options)
        if stem == "7x7"
        else _beta(image, filters, options)
    )
    features = {2: x}
    x = layers.ZeroPadding2D(1, name="encoder_pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="encoder_pool1_pool")(x)

    for stage, (count, stride) in enumerate(zip(blocks, (4, 8, 16, 32), strict=True)):
        dilation = max(1, stride // output_stride)
        grid = multi_grid if stride == 32 else (1,) * count
        for block, factor in enumerate(grid, 1):
            first = block == 1
            # The first 1x1 convolution has the stride, so that already the first 3x3
            # convolution of a dilated stage looks further.
            x = _block(
                x,
                filters * 2**stage,
                f"encoder_conv{stage + 2}_block{block}",
                stride=2 if first and 4 < stride <= output_stride else 1,
                dilation=dilation * factor,
                project=first,
                **options,
            )
        features[stride] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if stem != "7x7" or width != 1.0:
            applications.load_own(encoder, f"{name} with stem={stem}", weights)
        else:
            _load(encoder, name, weights, conv_bias)
    return features


def _seven(image, filters, options):
    x = layers.Rescaling(
        1.0, offset=[-mean for mean in MEAN], dtype="float32", name="encoder_rescaling"
    )(image)
    x = layers.ZeroPadding2D(3, name="encoder_conv1_pad")(x)
    return _conv(x, filters, 7, "encoder_conv1", stride=2, padding="valid", **options)


def _beta(image, filters, options):
    x = layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="encoder_rescaling"
    )(image)
    x = layers.ZeroPadding2D(1, name="encoder_conv1_pad")(x)
    x = _conv(x, filters, 3, "encoder_conv1_1", stride=2, padding="valid", **options)
    x = _conv(x, filters, 3, "encoder_conv1_2", **options)
    return _conv(x, 2 * filters, 3, "encoder_conv1_3", **options)


def _block(x, filters, name, *, stride, dilation, project, **options):
    """Bottleneck: 1x1, 3x3, 1x1 to four times the filters, added to the input."""
    shortcut = x
    if project:
        shortcut = _conv(
            x, 4 * filters, 1, f"{name}_0", stride=stride, relu=False, **options
        )
    x = _conv(x, filters, 1, f"{name}_1", stride=stride, **options)
    x = _conv(x, filters, 3, f"{name}_2", dilation=dilation, **options)
    x = _conv(x, 4 * filters, 1, f"{name}_3", relu=False, **options)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _conv(
    x,
    filters,
    kernel,
    name,
    *,
    momentum,
    use_bias,
    stride=1,
    dilation=1,
    padding="same",
    relu=True,
):
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding=padding,
        use_bias=use_bias,
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(
        momentum=momentum, epsilon=1.001e-5, name=f"{name}_bn"
    )(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _load(encoder, name, weights, conv_bias):
    arrays = applications.read(name, weights)
    # The file wants blue, green, red.
    kernel, *bias = arrays["conv1_conv"]
    arrays["conv1_conv"] = [kernel[:, :, ::-1], *bias]
    if not conv_bias:
        for conv in [key for key in arrays if key.endswith("_conv")]:
            kernel, bias = arrays[conv]
            gamma, beta, mean, variance = arrays[conv.removesuffix("conv") + "bn"]
            arrays[conv] = [kernel]
            arrays[conv.removesuffix("conv") + "bn"] = [
                gamma,
                beta,
                mean - bias,
                variance,
            ]
    applications.assign(encoder, arrays)
