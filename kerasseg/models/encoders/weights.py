"""Fills encoders with trained weights, layer by layer and by name.

They come from keras.applications, which fetches and reads its own files (its network is
built here only to take the arrays out), or from a file that an encoder wrote itself. An
encoder whose layers are called "encoder_" + the name in keras.applications can be
filled, whatever its strides and dilations.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasseg import UserError
from kerasseg.files import untrusted
from kerasseg.models.pieces.first_layers import stem_kernel

PREFIX = "encoder_"
FIRST_KERNEL = "layers/conv2d/vars/0"
"""Where a .weights.h5 file of an encoder has the kernel of its first convolution."""
Arrays = dict[str, list[np.ndarray]]
"""Name of a layer -> its weights, in its order."""


def read_applications(
    network: str, weights: str, include_top: bool = False, **options: Any
) -> Arrays:
    """The weights of `keras.applications.<network>`.

    Args:
        network: name of the function in keras.applications.
        weights: "imagenet" (fetched once, then kept by Keras) or the path of a file
            that belongs to that network: .weights.h5, .h5, or .keras, with its
            classifier or without.
        include_top: with the layers of its classifier.
        options: further arguments of that function.

    Raises:
        UserError: says what is missing and what works without internet.
    """
    whose = f"keras.applications.{network}(include_top={include_top})"
    _check(weights, f'"imagenet", "none" (random) or the path of a file of {whose}')

    def read(top: bool) -> keras.Model:
        with warnings.catch_warnings():
            # Keras warns where a file lacks layers and goes on.
            warnings.filterwarnings("error", message="Skipping nested container")
            return getattr(keras.applications, network)(
                include_top=top, weights=weights, input_shape=(224, 224, 3), **options
            )

    try:
        reference = read(include_top)
    except Exception as error:
        if weights != "imagenet" and not include_top:
            with contextlib.suppress(Exception):
                return _arrays_of(read(True))
        if weights != "imagenet":
            raise UserError(
                f"Weights file {weights} does not fit {whose}, options {options}: "
                f"{' '.join(str(error).split())[:300]}"
            ) from error
        raise UserError(
            f"Keras could not fetch the ImageNet weights of {network}: {error}. "
            "Without internet: put that file into the folder 'models' of KERAS_HOME "
            "(default ~/.keras), or name a file by weights=PATH, or start from random "
            'weights by weights="none".'
        ) from error
    return _arrays_of(reference)


def _arrays_of(network: keras.Model) -> Arrays:
    return {
        layer.name: layer.get_weights() for layer in network.layers if layer.weights
    }


def assign(encoder: keras.Model, arrays: Arrays) -> None:
    """Fills every layer of the encoder from the arrays of its name; the first one by
    `stem_kernel`."""
    filled = [layer for layer in encoder.layers if layer.weights]
    for layer in filled:
        found = arrays[layer.name.removeprefix(PREFIX)]
        layer.set_weights(for_bands(encoder, found) if layer is filled[0] else found)


def for_bands(network: keras.Model, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The weights of a first convolution as `stem_kernel` makes them for the network's
    bands: its kernel, then whatever else it has."""
    kernel, *others = arrays
    bands, stem = network.input_shape[-1], stem_of(network)
    return [stem_kernel(kernel, stem.kernel.shape[-2], bands), *others]


def stem_of(network: keras.Model) -> keras.Layer:
    """The first layer with weights."""
    return next(layer for layer in network.layers if layer.weights)


def load_own(encoder: keras.Model, name: str, weights: str) -> None:
    """Fills an encoder that keras.applications does not have from a file of its own.

    Args:
        encoder: from the image to the deepest map.
        name: of the encoder, for messages.
        weights: path of a `*.weights.h5` file, as
            `keras.Model(image, encode(name, image, ...)[32]).save_weights` writes it.

    Raises:
        UserError: for "imagenet", and for a file that is missing or does not fit.
    """
    if weights == "imagenet":
        raise UserError(
            f"keras.applications has no ImageNet weights for {name}. Choose "
            'weights="none" (random) or the path of a .weights.h5 file of this encoder.'
        )
    _check(weights, f'"none" (random) or the path of a file of the encoder {name}')
    try:
        with _for_bands_of(encoder, weights) as file:
            encoder.load_weights(file)
    except Exception as error:
        raise UserError(
            f"Weights file {weights} does not fit the encoder {name}: {error}"
        ) from error


@contextmanager
def _for_bands_of(encoder: keras.Model, weights: str) -> Iterator[str]:
    """The file itself, or a copy whose first kernel suits the encoder's bands."""
    import h5py

    with h5py.File(weights) as file:
        # Keras numbers the layers of a class: the stem is the first Conv2D.
        if FIRST_KERNEL not in file:
            yield weights
            return
        kernel = file[FIRST_KERNEL][()]
    (made,) = for_bands(encoder, [kernel])
    if made is kernel:
        yield weights
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(weights, Path(folder, "encoder.weights.h5"))
        with h5py.File(copy, "r+") as file:
            del file[FIRST_KERNEL]
            file[FIRST_KERNEL] = made
        yield str(copy)


def _check(weights: str, expected: str) -> None:
    if weights == "imagenet":
        return
    if not Path(weights).is_file():
        raise UserError(f'weights="{weights}" is not a file. Expected {expected}.')
    if weights.endswith(".keras"):
        untrusted.check_network(weights)
    else:
        untrusted.check_weights(weights)
