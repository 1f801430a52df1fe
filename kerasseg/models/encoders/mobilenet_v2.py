"""MobileNetV2 without its last 1x1 convolution to 1280 channels.

Sandler et al. 2018 (arXiv 1801.04381), Table 2. Layers are named as in
keras.applications.MobileNetV2. The 1280-channel convolution is left out as in DeepLab
(research/deeplab/core/feature_extractor.py ends at layer_18).
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import applications
from kerasseg.models.encoders.mobilenet_v3 import divisible

# expansion, filters, repeats, stride
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(
    image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99, *, width=1.0
):
    """320 channels at the end. See `kerasseg.models.encoders` for the contract.

    width: factor on all filters, rounded to multiples of 8 ("alpha" in
    keras.applications, which has ImageNet weights for 0.35, 0.5, 0.75, 1, 1.3, 1.4).
    """
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    momentum = batch_norm_momentum
    x = layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="encoder_rescaling"
    )(image)
    x = layers.Conv2D(
        divisible(32 * width),
        3,
        strides=2,
        padding="same",
        use_bias=False,
        name="encoder_Conv1",
    )(x)
    x = _batch_norm(x, "encoder_bn_Conv1", momentum)
    x = layers.ReLU(6.0, name="encoder_Conv1_relu")(x)

    features, stride, dilation, index = {}, 2, 1, 0
    for expansion, filters, repeats, step in STAGES:
        if step == 2:
            features[stride] = x
            stride *= 2
        for repeat in range(repeats):
            first = step == 2 and repeat == 0
            dilated = first and stride > output_stride
            x = _block(
                x,
                divisible(int(filters * width)),
                expansion,
                f"encoder_block_{index}" if index else "encoder_expanded_conv",
                stride=2 if first and not dilated else 1,
                dilation=dilation,
                skip=not first,
                momentum=momentum,
            )
            # The first block reads the map before the dropped stride, so only the
            # blocks after it look twice as far.
            dilation *= 2 if dilated else 1
            index += 1
    features[stride] = x
    if weights != "none":
        arrays = applications.read("MobileNetV2", weights, alpha=width)
        applications.assign(keras.Model(image, x), arrays)
    return features


def _block(x, filters, expansion, name, *, stride, dilation, skip, momentum):
    """Inverted residual: expand 1x1, depthwise 3x3, project 1x1 (linear), add."""
    inputs = x
    if expansion != 1:
        x = layers.Conv2D(
            expansion * x.shape[-1], 1, use_bias=False, name=f"{name}_expand"
        )(x)
        x = _batch_norm(x, f"{name}_expand_BN", momentum)
        x = layers.ReLU(6.0, name=f"{name}_expand_relu")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise",
    )(x)
    x = _batch_norm(x, f"{name}_depthwise_BN", momentum)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _batch_norm(x, f"{name}_project_BN", momentum)
    if skip and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x


def _batch_norm(x, name, momentum):
    return layers.BatchNormalization(momentum=momentum, epsilon=1e-3, name=name)(x)
