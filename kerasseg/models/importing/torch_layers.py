"""How the layers of Torch go into those of Keras: axes, names, and that none is missed.

Torch has the channels first: a convolution's kernel is (out, in, rows, columns), that
of a transposed one (in, out, rows, columns), that of a depthwise one (channels *
multiplier, 1, rows, columns).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from kerasseg import UserError
from kerasseg.models.importing import Channels, Place, Tensors

ALWAYS_LEFT_OUT = ("*.num_batches_tracked",)
"""A batch normalization's count of steps, which no inference needs."""


class _Kernel(NamedTuple):
    axes: tuple[int, ...]
    """Axes of Torch's kernel in Keras' order."""
    inputs: int
    """Torch's axis of input channels."""


# The first that fits: a transposed convolution is none of the plain ones in Keras.
KERNELS: dict[type, _Kernel] = {
    layers.DepthwiseConv2D: _Kernel((2, 3, 0, 1), 0),
    layers.Conv2DTranspose: _Kernel((2, 3, 1, 0), 0),
    layers.Conv2D: _Kernel((2, 3, 1, 0), 1),
    layers.Dense: _Kernel((1, 0), 1),
}
NORMALISATIONS = {
    layers.BatchNormalization: ("weight", "bias", "running_mean", "running_var"),
    layers.GroupNormalization: ("weight", "bias"),
    layers.LayerNormalization: ("weight", "bias"),
}
"""Names of the tensors in Keras' order; all of these layers have scale and offset."""


def fill(
    network: keras.Model,
    tensors: Tensors,
    place: Place,
    left_out: Sequence[str] = (),
    *,
    file: str,
    wanted: str,
) -> list[str]:
    """Fills every layer of the network that has weights.

    Args:
        network: all its weights are set, or none where an error is raised.
        tensors: of the file.
        place: where each layer's tensors are.
        left_out: patterns of tensors that have no place; `ALWAYS_LEFT_OUT` beside them.
        file: its name, for messages.
        wanted: what it is to be a file of, for messages.

    Returns:
        The names of the tensors that were left out by `left_out`.

    Raises:
        UserError: that names the tensor: for one that is missing, that has another
            shape, that is used twice or that has no place.
    """
    book = _Book(tensors, file, wanted)
    made = [
        (layer, book.weights_of(layer, place(layer.name)))
        for layer in network.layers
        if layer.weights
    ]
    rest = book.unused()
    unknown = [name for name in rest if not _matches(name, left_out)]
    unknown = [name for name in unknown if not _matches(name, ALWAYS_LEFT_OUT)]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UserError(
            f"{file} has '{unknown[0]}' {np.shape(tensors[unknown[0]])}{more}, which "
            f"{wanted} has no place for. Is it a file of another network?"
        )
    for layer, weights in made:
        layer.set_weights(weights)
    return [name for name in rest if not _matches(name, ALWAYS_LEFT_OUT)]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class _Book:
    """The tensors of a file, and which of their numbers have found a layer."""

    def __init__(self, tensors: Tensors, file: str, wanted: str) -> None:
        self.tensors, self.file, self.wanted = tensors, file, wanted
        self.used: dict[str, list[tuple[int, int]]] = {}
        self.lengths: dict[str, int] = {}

    def weights_of(self, layer: keras.Layer, place: str | Channels) -> list[np.ndarray]:
        """The layer's weights in Keras' order and axes."""
        whole = place if isinstance(place, Channels) else Channels(place, 0, 0)
        for kind, names in NORMALISATIONS.items():
            if isinstance(layer, kind):
                return [
                    self._take(f"{whole.prefix}.{name}", weight.shape, layer)
                    for name, weight in zip(names, layer.weights, strict=True)
                ]
        form = next(f for kind, f in KERNELS.items() if isinstance(layer, kind))
        kernel, *biases = layer.weights
        found = [self._kernel(kernel.shape, form, whole, layer)]
        for bias in biases:
            found.append(self._take(f"{whole.prefix}.bias", bias.shape, layer))
        return found

    def _kernel(
        self, shape: tuple[int, ...], form: _Kernel, whole: Channels, layer: keras.Layer
    ) -> np.ndarray:
        key = f"{whole.prefix}.weight"
        needed = tuple(shape[form.axes.index(axis)] for axis in range(len(shape)))
        found = self._get(key, layer)
        if found.ndim == 2 and needed[2:] == (1, 1):  # Linear, as a 1x1 convolution
            found = found[:, :, None, None]
        if isinstance(layer, layers.DepthwiseConv2D):
            # (in * multiplier, 1, ...): the same order as Keras' (..., in, multiplier).
            inputs, multiplier = needed[:2]
            self._check(key, found, (inputs * multiplier, 1, *needed[2:]), layer)
            self._use(key, found, 0, 0)
            return found.reshape(needed).transpose(form.axes)
        if whole.last:
            length = found.shape[form.inputs]
            everywhere = list(needed)
            everywhere[form.inputs] = length
            self._check(key, found, tuple(everywhere), layer)
            if needed[form.inputs] != whole.last - whole.first or whole.last > length:
                self._refuse(key, found, f"at least {whole.last} inputs", layer)
            part = [slice(None)] * found.ndim
            part[form.inputs] = slice(whole.first, whole.last)
            self._use(key, found, whole.first, whole.last, form.inputs)
            return found[tuple(part)].transpose(form.axes)
        self._check(key, found, needed, layer)
        self._use(key, found, 0, 0)
        return found.transpose(form.axes)

    def _take(self, key: str, shape: tuple[int, ...], layer: keras.Layer) -> np.ndarray:
        found = self._get(key, layer)
        self._check(key, found, tuple(shape), layer)
        self._use(key, found, 0, 0)
        return found

    def _get(self, key: str, layer: keras.Layer) -> np.ndarray:
        if key not in self.tensors:
            raise UserError(
                f"{self.file} has no '{key}', which {self.wanted} needs (our layer "
                f"{layer.name}). Is it a file of another network?"
            )
        return self.tensors[key]

    def _check(
        self, key: str, found: np.ndarray, needed: tuple[int, ...], layer: keras.Layer
    ) -> None:
        if found.shape != needed:
            self._refuse(key, found, str(needed), layer)

    def _refuse(
        self, key: str, found: np.ndarray, needed: str, layer: keras.Layer
    ) -> None:
        raise UserError(
            f"'{key}' of {self.file} is {found.shape}, and {self.wanted} needs "
            f"{needed} (our layer {layer.name}). Is it a file of another network?"
        )

    def _use(
        self, key: str, found: np.ndarray, first: int, last: int, axis: int = 0
    ) -> None:
        """Writes down that channels first..last-1 of a tensor are used, 0, 0: all."""
        length = found.shape[axis] if found.ndim else 1
        first, last = (first, last) if last else (0, length)
        ranges = self.used.setdefault(key, [])
        if any(first < end and begin < last for begin, end in ranges):
            raise UserError(f"'{key}' of {self.file} is used by two layers.")
        ranges.append((first, last))
        self.lengths[key] = length

    def unused(self) -> list[str]:
        """Names of tensors of which not every number is used."""
        return [
            name
            for name in self.tensors
            if sum(end - begin for begin, end in self.used.get(name, ()))
            < self.lengths.get(name, 1)
        ]
