"""Weights of keras.applications networks, layer by layer and by name.

keras.applications fetches and reads its own files; here its network is built only to
take the arrays out. An encoder whose layers are called "encoder_" + the name there can
then be filled, whatever its strides and dilations.
"""

from pathlib import Path

import keras

from kerasseg import UserError
from kerasseg.files import untrusted

PREFIX = "encoder_"


def read(network, weights, **options):
    """{layer name: arrays} of keras.applications.<network> without its head.

    weights: "imagenet" (fetched once, then kept by Keras) or the path of a file that
    belongs to `network(include_top=False)`. Raises ValueError that says what is missing
    and what works without internet.
    """
    _check(weights, f"of keras.applications.{network}(include_top=False)")
    try:
        reference = getattr(keras.applications, network)(
            include_top=False, weights=weights, input_shape=(224, 224, 3), **options
        )
    except Exception as error:
        if weights != "imagenet":
            raise UserError(
                f"Weight file {weights} does not fit keras.applications.{network}"
                f"(include_top=False, {options}): {error}"
            ) from error
        raise UserError(
            f"Keras could not fetch the ImageNet weights of {network}: {error}. "
            "Without internet: put that file into the folder 'models' of KERAS_HOME "
            "(default ~/.keras), or name a file by weights=PATH, or start from random "
            'weights by weights="none".'
        ) from error
    return {
        layer.name: layer.get_weights() for layer in reference.layers if layer.weights
    }


def assign(encoder, arrays):
    """Fills every layer of `encoder` (a keras.Model) from the arrays of its name."""
    for layer in encoder.layers:
        if layer.weights:
            layer.set_weights(arrays[layer.name.removeprefix(PREFIX)])


def load_own(encoder, name, weights):
    """For encoders that keras.applications does not have: their own weight file.

    The file is what `keras.Model(image, encode(name, image, ...)[32]).save_weights`
    writes (`*.weights.h5`).
    """
    if weights == "imagenet":
        raise UserError(
            f"keras.applications has no ImageNet weights for {name}. Choose "
            'weights="none" (random) or the path of a .weights.h5 file of this encoder.'
        )
    _check(weights, f"of the encoder {name}")
    try:
        encoder.load_weights(weights)
    except Exception as error:
        raise UserError(
            f"Weight file {weights} does not fit the encoder {name}: {error}"
        ) from error


def _check(weights, whose):
    if weights != "imagenet" and not Path(weights).is_file():
        raise UserError(
            f'weights="{weights}" is not a file. Expected "imagenet", "none" or the '
            f"path of a weight file {whose}."
        )
    if weights != "imagenet":
        untrusted.check_weights(weights)
