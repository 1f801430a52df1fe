"""SegNet and SegNet-Basic (Badrinarayanan, Kendall and Cipolla 2017, arXiv 1511.00561).

Max-pooling remembers where each maximum was; the decoder puts the values back there and
convolves the sparse maps into dense ones. Built as in the authors' Caffe release
(SegNet-Tutorial, Models/segnet_train.prototxt and segnet_basic_train.prototxt), which
has biases where the paper says none.
"""

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders.vgg16 import BLOCKS, MEAN, read_vgg16
from kerasseg.models.pieces.local_response import local_response_normalization
from kerasseg.upsampling import max_pool_with_indices, max_unpool

START_OF_BETA = keras.initializers.Constant(0.001)  # as in the release


def segnet(
    num_classes,
    input_shape,
    use_bias=True,
    dropout=0.0,
    batch_norm_momentum=0.9,
    width=1.0,
    weights="none",
):
    """The 13 convolutions of VGG-16, then the same in reverse order, batch-normalised.

    input_shape: (H, W, 3), any size: odd ones are rounded up by the pooling (360 rows:
        180, 90, 45, 23, 12) and come back exactly by the unpooling.
    use_bias: of the convolutions before a batch normalization, where it changes
        nothing. True as in the release, False as in the paper's count.
    dropout: rate after the three deepest poolings and the three deepest decoder stages;
        0.5 is Bayesian SegNet (Kendall et al. 2015, arXiv 1511.02680).
    width: factor on all filters; other than 1 there are no ImageNet weights.
    weights: of the encoder: "none" (random), "imagenet" (the authors' start) or a file
        of keras.applications.VGG16(include_top=False).
    """
    if weights != "none" and width != 1.0:
        raise UserError(f"Weights of VGG16 need width=1, got {width}.")

    def conv(x, filters, name):
        filters = round(filters * width)
        return _conv(x, filters, 3, name, use_bias, batch_norm_momentum)

    image = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1.0, offset=[-mean for mean in MEAN], dtype="float32")(image)

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
    logits = layers.Conv2D(
        num_classes,
        3,
        padding="same",
        kernel_initializer="he_normal",
        dtype="float32",
        name="logits",
    )(x)
    model = keras.Model(image, logits, name="segnet")
    if weights != "none":
        for name, (kernel, bias) in read_vgg16(weights).items():
            layer = model.get_layer(f"encoder_{name}")
            layer.set_weights([kernel, bias] if use_bias else [kernel])
    return model


def segnet_basic(
    num_classes, input_shape, use_bias=True, filters=64, batch_norm_momentum=0.9
):
    """Four stages of one 7x7 convolution each; the decoder has no ReLU.

    The pixels are only normalised by their local response, as in the release (the paper
    names a local contrast normalisation). use_bias, input_shape: as `segnet`.
    """

    def conv(x, name, relu):
        return _conv(x, filters, 7, name, use_bias, batch_norm_momentum, relu)

    image = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1.0, dtype="float32")(image)
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
    logits = layers.Conv2D(
        num_classes, 1, kernel_initializer="he_normal", dtype="float32", name="logits"
    )(x)
    return keras.Model(image, logits, name="segnet_basic")


def _conv(x, filters, kernel, name, use_bias, momentum, relu=True):
    x = layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = layers.BatchNormalization(
        momentum=momentum, beta_initializer=START_OF_BETA, name=f"{name}_bn"
    )(x)
    return layers.ReLU()(x) if relu else x
