"""A network from elsewhere as the ones of kerasseg are: pixels in, logits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kerasseg import UserError
from kerasseg.inference.foreign import graph, sizes

SMALLEST = 1e-7
"""Probabilities below are taken for it: their logarithm is finite."""


@dataclass(frozen=True)
class Foreign:
    """What a network takes and gives.

    name: of its file, for messages. size: height and width; None: any that are
    multiples of `multiple`. channels: of an image. outputs: channels that it gives.
    activation: what its last layer does. scales: see `graph.scales_pixels`.
    """

    network: Any
    name: str
    size: tuple[int, int] | None
    multiple: int
    channels: int
    outputs: int
    activation: graph.Activation
    scales: bool

    @property
    def binary(self) -> bool:
        """Whether one channel tells two classes apart."""
        return self.outputs == 1

    @property
    def num_classes(self) -> int:
        """Of the logits that `adapted` gives."""
        return 2 if self.binary else self.outputs


def examined(
    network: Any, name: str, size: tuple[int, int] | None, activation: str = ""
) -> Foreign:
    """What a network takes and gives.

    size: height and width to use, for a network that takes any; None: none was chosen.
    activation: of its last layer, where the user says it; "": it is looked for.

    Raises UserError, one line that names `name`, for a network that takes no images or
    gives no scores of classes, with what to do.
    """
    _check_ends(network, name)
    shape = network.inputs[0].shape
    known = sizes.chosen(shape[1:3], size, name)
    multiple = 1 if known else sizes.multiple_of(network, name)
    if size and shape[1:3] == (None, None):
        sizes.check_chosen(network, size, name)
    given = sizes.given_of(network, known or sizes.trial(multiple), name)
    if "int" in str(given.dtype) or given.dtype == "bool":
        raise UserError(
            f"{name} gives {given.dtype}, class ids and no scores. Leave the argmax at "
            "its end out: keras.Model(m.inputs, m.layers[-2].output).save(...)."
        )
    high, wide, outputs = sizes.layout(
        given.shape, known or sizes.trial(multiple), name
    )
    sizes.check_border((high, wide), known or sizes.trial(multiple), name)
    found = activation or graph.last_activation(network)
    if outputs == 1 and found == "softmax":
        raise UserError(
            f"{name} ends with a softmax over one channel, which is 1 everywhere. "
            "Train it with a sigmoid, or with two channels."
        )
    if outputs == 1 and found == "unknown":
        raise UserError(
            f"{name} gives one channel, and its end does not tell whether that is a "
            "probability. Say --activation sigmoid (0 to 1, the class from 0.5 on) or "
            "--activation none (a logit, the class from 0 on)."
        )
    return Foreign(
        network,
        name,
        known,
        multiple,
        shape[-1],
        outputs,
        found,  # type: ignore[arg-type]
        graph.scales_pixels(network) or "int" in str(network.inputs[0].dtype),
    )


def adapted(
    foreign: Foreign, size: tuple[int, int], scaling: tuple[float, float] = (1, 0)
) -> Any:
    """The network of one size: image float32 (B, H, W, channels) -> logits float32
    (B, h, w, num_classes).

    One channel becomes two, of which the first is 0: the softmax of both is the sigmoid
    of the one. scaling: what pixels are multiplied with, and what is added then.
    """
    ops = keras.ops
    image = keras.Input((*size, foreign.channels), name="image", dtype="float32")
    pixels = image
    if scaling != (1, 0):
        pixels = keras.layers.Rescaling(*scaling, dtype="float32")(pixels)
    wanted = foreign.network.inputs[0].dtype
    if wanted != "float32":
        pixels = ops.cast(pixels, wanted)
    scores = foreign.network(pixels, training=False)
    scores = ops.cast(keras.tree.flatten(scores)[0], "float32")  # of a list or dict
    high, wide, channels = sizes.layout(scores.shape, size, foreign.name)
    scores = ops.reshape(scores, (-1, high, wide, channels))
    logits = scores
    if foreign.activation in ("softmax", "sigmoid"):
        logits = ops.log(ops.maximum(scores, SMALLEST))
    if foreign.activation == "sigmoid":
        logits = logits - ops.log(ops.maximum(1 - scores, SMALLEST))
    if foreign.binary:
        logits = ops.pad(logits, ((0, 0), (0, 0), (0, 0), (1, 0)))
    return keras.Model(image, logits, name="adapted")


def _check_ends(network: Any, name: str) -> None:
    """Raises UserError for other than one image in and one map of scores out."""
    ends = [getattr(network, what, None) or () for what in ("inputs", "outputs")]
    if not all(ends):
        raise UserError(
            f"{name} does not say what it takes: it was saved before it was called. "
            "Call it on an image and save it anew."
        )
    for what, tensors in zip(("inputs", "outputs"), ends, strict=True):
        if len(tensors) != 1:
            names = ", ".join(str(t.name) for t in tensors[:6])
            raise UserError(
                f"{name} has {len(tensors)} {what} ({names}); expected one. Save the "
                "part with one image and one map of scores: keras.Model(m.inputs[0], "
                "m.outputs[0]).save(...)."
            )
    shape = tuple(network.inputs[0].shape)
    if any(
        getattr(layer, "data_format", "") == "channels_first"
        for layer in _layers(network)
    ):
        raise UserError(
            f"{name} has its channels first (image {shape}), as on other frameworks. "
            "Build it with data_format='channels_last' and set the same weights."
        )
    if len(shape) != 4:
        raise UserError(
            f"{name} takes {shape}; expected images (batch, height, width, channels)."
        )
    if shape[0] not in (None, 1):
        raise UserError(
            f"{name} takes {shape[0]} images at a time; expected any number. Build it "
            "with keras.Input(shape) and set the same weights."
        )
    if shape[3] is None:
        raise UserError(
            f"{name} does not say how many channels an image has, {shape}. Build it "
            "with keras.Input((None, None, 3)) and set the same weights."
        )


def _layers(network: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [network]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += getattr(one, "layers", [])
    return found
