"""Lite R-ASPP on MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, section 6.4).

Last map -> 1x1 convolution, gated by a coarse pooling of itself -> logits -> summed
with those of the stride-8 map -> bilinear to the image's size.
"""

import keras
from keras import layers

from kerasseg import UserError, upsampling
from kerasseg.models.encoders import encode

# The stride-8 maps of 120 and 96 channels inside the inverted residual blocks.
LOW_LEVEL = {
    "mobilenet_v3_large": "encoder_expanded_conv_5_depthwise_act",
    "mobilenet_v3_small": "encoder_expanded_conv_3_expand_act",
}


def lraspp(
    num_classes,
    input_shape,
    encoder="mobilenet_v3_large",
    output_stride=16,
    filters=128,
    reduced_tail=True,
    pool_size=(49, 49),
    pool_stride=(16, 20),
    gate_bias=True,
    low_level=None,
    batch_norm_momentum=0.9,
    weights="none",
    encoder_options=None,
):
    """Lite R-ASPP: the light head that the MobileNetV3 paper segments with.

    input_shape: (H, W, 3), any size; the logits are resized to it.
    encoder: "mobilenet_v3_large" or "mobilenet_v3_small". encoder_options: what else it
    knows, such as {"width": 0.75}.
    reduced_tail: half the filters from the encoder's last stride on, as in the paper;
    there are ImageNet weights only without, so weights="imagenet" needs False.
    pool_size, pool_stride: of the gate's average pooling, in pixels of the last map;
    the paper's are for 1024 x 2048. A smaller map is pooled as a whole.
    gate_bias: a bias in the gate's convolution (Google's code; torchvision has none).
    low_level: name of another encoder layer of stride 8. Google's code takes
    "encoder_expanded_conv_2_depthwise_act" (88 channels) of the small encoder,
    torchvision "encoder_expanded_conv_3_project_bn" (40 channels) of the large one.
    """
    if encoder not in LOW_LEVEL:
        raise UserError(
            f"LR-ASPP needs one of {', '.join(LOW_LEVEL)}, got encoder={encoder!r}."
        )
    image = keras.Input(input_shape, name="image")
    features = encode(
        encoder,
        image,
        output_stride=output_stride,
        weights=weights,
        batch_norm_momentum=batch_norm_momentum,
        reduced_tail=reduced_tail,
        **(encoder_options or {}),
    )
    x = features[32]
    low = keras.Model(image, x).get_layer(low_level or LOW_LEVEL[encoder]).output

    gate = layers.AveragePooling2D(
        tuple(min(pair) for pair in zip(pool_size, x.shape[1:3], strict=True)),
        strides=pool_stride,
        name="gate_pool",
    )(x)
    gate = layers.Conv2D(
        filters, 1, use_bias=gate_bias, activation="sigmoid", name="gate_conv"
    )(gate)
    x = layers.Conv2D(filters, 1, use_bias=False, name="head_conv")(x)
    x = layers.BatchNormalization(
        momentum=batch_norm_momentum, epsilon=1e-5, name="head_bn"
    )(x)
    x = layers.ReLU()(x)
    if tuple(gate.shape[1:3]) != (1, 1):  # a single value is broadcast
        gate = upsampling.bilinear(gate, x.shape[1:3])
    x = layers.Multiply()([x, gate])

    # The paper resizes, then convolves. A 1x1 convolution and a resize may change
    # places, and this order resizes fewer channels.
    x = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    x = upsampling.bilinear(x, low.shape[1:3])
    low = layers.Conv2D(num_classes, 1, dtype="float32", name="logits_low_level")(low)
    x = layers.Add(dtype="float32")([x, low])
    x = upsampling.bilinear(x, input_shape[:2])
    return keras.Model(image, x, name="lraspp")
