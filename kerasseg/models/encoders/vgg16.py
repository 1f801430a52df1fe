"""VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556) without its dense layers.

Layers are named as in keras.applications.VGG16. That network takes blue, green, red;
here the first kernel is turned round when its weights are read, so that nothing has to
be swapped at run time.
"""

import keras
from keras import layers, ops

from kerasseg import UserError
from kerasseg.models.encoders import applications

# filters, convolutions
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
# The mean pixel (RGB) that the weights of keras.applications were trained with.
MEAN = (123.68, 116.779, 103.939)


def vgg16(
    image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99, *, width=1.0
):
    """512 channels at the end. See `kerasseg.models.encoders` for the contract.

    The map of stride 2 is that of block 2, so that the maps are those before the
    pooling; stride 32 is after the last pooling. The network's only difference from
    keras.applications.VGG16(include_top=False): odd sizes are rounded up. There is no
    batch normalization, so `batch_norm_momentum` has no meaning here.
    width: factor on all filters; other than 1 there are no ImageNet weights.
    """
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    x = layers.Rescaling(
        1.0, offset=[-mean for mean in MEAN], dtype="float32", name="encoder_rescaling"
    )(image)
    features, dilation = {}, 1
    for number in range(1, 6):
        x = vgg16_block(x, number, width, dilation)
        if number > 1:
            features[2 ** (number - 1)] = x
        if 2**number <= output_stride:
            x = layers.MaxPooling2D(
                2, padding="same", name=f"encoder_block{number}_pool"
            )(x)
        else:
            x = _pool_everywhere(x, dilation)
            dilation *= 2
    features[32] = x
    if weights != "none":
        encoder = keras.Model(image, x)
        if width == 1.0:
            applications.assign(encoder, read_vgg16(weights))
        else:
            applications.load_own(encoder, f"vgg16 of width {width}", weights)
    return features


def vgg16_block(x, number, width=1.0, dilation=1, padding="same"):
    """The convolutions (3x3, ReLU) of block `number`, 1 to 5."""
    filters, count = BLOCKS[number - 1]
    for index in range(1, count + 1):
        x = layers.Conv2D(
            round(filters * width),
            3,
            padding=padding,
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"encoder_block{number}_conv{index}",
        )(x)
    return x


def read_vgg16(weights, dense=False):
    """{layer name: arrays} of keras.applications.VGG16, the first kernel for RGB.

    weights: "imagenet" or a file of VGG16(include_top=False); with `dense` one of
    VGG16(include_top=True), and its dense layers fc1 and fc2 are among the arrays.
    """
    arrays = _read_dense(weights) if dense else applications.read("VGG16", weights)
    kernel, bias = arrays["block1_conv1"]
    arrays["block1_conv1"] = [kernel[:, :, ::-1], bias]
    return arrays


def _read_dense(weights):
    try:
        reference = keras.applications.VGG16(include_top=True, weights=weights)
    except Exception as error:
        raise UserError(
            f"weights={weights!r} could not be read into keras.applications.VGG16("
            f'include_top=True): {error}. Expected "none" (random), the path of a '
            'weight file of that network, or "imagenet", which without internet needs '
            "vgg16_weights_tf_dim_ordering_tf_kernels.h5 in the folder 'models' of "
            "KERAS_HOME (default ~/.keras)."
        ) from error
    return {
        layer.name: layer.get_weights() for layer in reference.layers if layer.weights
    }


def _pool_everywhere(x, dilation):
    """Max-pooling of 2x2 pixels that are `dilation` apart, at every pixel: the maps
    after it are those of the pooled network, seen more densely."""
    for axis in (1, 2):
        if x.shape[axis] <= dilation:
            continue
        before = (slice(None),) * axis
        pairs = ops.maximum(
            x[(*before, slice(None, -dilation))], x[(*before, slice(dilation, None))]
        )
        x = ops.concatenate([pairs, x[(*before, slice(-dilation, None))]], axis=axis)
    return x
