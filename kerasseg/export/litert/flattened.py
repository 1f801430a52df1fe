"""A network of volumes as one of pictures, with the same weights, for LiteRT.

LiteRT neither quantises CONV_3D nor gives it to its fast kernels (XNNPACK), and has no
3-D pooling. So a volume is taken as a pile of pictures, (1, D, H, W, C) as
(D, H, W, C), and what reaches across the planes is said with operators of pictures: a
3x3x3 convolution is one 3x3 convolution of the planes before, at and after each other,
side by side as channels. It is for export alone: its backward pass is slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasseg import UserError
from kerasseg.export.litert import planes
from kerasseg.frameworks.private_hooks import nodes_by_depth
from kerasseg.inference.volumes.networks import is_volumetric
from kerasseg.taxonomy import Tensor


def flattened(network: keras.Model) -> keras.Model:
    """The network as (1, D, H, W, C) -> (1, D, H, W, K) of operators of pictures.

    The layers keep their names; their weights are copies. Networks of pictures are
    returned as they are.

    Raises UserError for a layer that has no such form, with its name.
    """
    if not is_volumetric(network):
        return network
    size = network.input_shape[1:]
    image = keras.Input(size, batch_size=1, name="image")
    known: dict[int, Tensor] = {id(network.input): ops.reshape(image, size)}
    nodes = nodes_by_depth(network)
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            if node.is_input:
                continue
            given, options = node.arguments.fill_in(known)
            found = _flat(node.operation)(*given, **_kept(options))
            known[id(node.output_tensors[0])] = found
    logits = known[id(network.output)]
    logits = ops.reshape(logits, (1, *logits.shape))
    return keras.Model(image, logits, name=network.name)


def _kept(options: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in options.items() if name != "training"}


def _flat(layer: Any) -> Callable[..., Tensor]:
    """What does to (D, H, W, C) what a layer does to (1, D, H, W, C)."""
    if isinstance(layer, layers.Dropout | layers.SpatialDropout3D):
        return lambda x: x
    if type(layer).__name__ == "GetItem":
        return lambda x, key: _channels(layer, x, key)
    if isinstance(layer, ALIKE) and type(layer).__module__.startswith("keras."):
        return _again(layer)
    for kind, made in planes.FORMS.items():
        if type(layer) is kind:
            return made(layer)
    raise UserError(
        f"Layer '{layer.name}' ({type(layer).__name__}) of a network of volumes has no "
        "form of 2-D operators, which LiteRT files are made of. Build the network of "
        "convolutions, transposed ones whose kernel is their stride, pooling, "
        "upsampling and normalisation, or export saved_model and onnx."
    )


def _channels(layer: Any, x: Tensor, key: Any) -> Tensor:
    """x[..., :n], which means the same with an axis less."""
    if not (isinstance(key, tuple) and len(key) == 2 and key[0] is Ellipsis):
        raise UserError(
            f"Operation '{layer.name}' takes a part of a volume, {key}: for LiteRT it "
            "must be of the channels, x[..., :n]."
        )
    return x[key]


ALIKE = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.ELU,
    layers.LeakyReLU,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
    layers.Softmax,
    layers.Subtract,
)
"""Layers that treat each voxel alone, with numbers for each channel at most."""


def _again(layer: keras.Layer) -> Callable[..., Tensor]:
    """A new layer of the same settings, since one is built for its number of axes."""
    settings = layer.get_config()
    if "axis" in settings:
        axis, last = settings["axis"], len(layer.output.shape) - 1
        axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        if axis not in (-1, last):
            raise UserError(
                f"Layer '{layer.name}' works along axis {axis} of a volume; for LiteRT "
                "it must be the channels, the last one."
            )
        settings["axis"] = -1
    weights = layer.get_weights()
    if isinstance(layer, layers.PReLU):
        if any(one.size != one.shape[-1] for one in weights):
            raise UserError(
                f"Layer '{layer.name}' has a slope for each voxel; for LiteRT it must "
                "have one for each channel (shared_axes=(1, 2, 3))."
            )
        settings["shared_axes"] = [1, 2]
        weights = [one.reshape(1, 1, -1) for one in weights]
    made = type(layer).from_config(settings)

    def call(*given: Tensor, **options: Any) -> Tensor:
        found = made(*given, **options)
        if weights:  # only now is it built
            made.set_weights([np.asarray(one) for one in weights])
        return found

    return call
