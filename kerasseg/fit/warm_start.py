"""A network that begins with the weights of a trained one."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kerasseg import UserError, models, runs
from kerasseg.image_format import InputRange


def build(
    name: str,
    classes: int,
    shape: tuple[int, int, int],
    options: dict[str, Any],
    start: str = "",
    input_range: InputRange | None = None,
    bands: Sequence[str] = (),
) -> keras.Model:
    """`models.build`; with `start`, a run folder or .keras file, with its weights.

    The layers are taken in their order, each where its weights have the same shapes, so
    another number of classes leaves only the last one at random.

    Raises UserError when not even half of the weights find their place: then it is
    another network.
    """
    if not start:
        return models.build(name, classes, shape, input_range, bands, **options)
    network = without_weights(name, classes, shape, options, input_range, bands)
    source = runs.load(Path(start))
    ours, theirs = ([x for x in m.layers if x.weights] for m in (network, source))
    pairs = zip(ours, theirs, strict=True) if len(ours) == len(theirs) else ()
    taken = 0
    for layer, found in pairs:
        if _shapes(found) == _shapes(layer):
            layer.set_weights(found.get_weights())
            taken += layer.count_params()
    if 2 * taken < network.count_params():
        raise UserError(
            f"--model.start {start} is another network than {name}: {taken:,} of "
            f"{network.count_params():,} weights have a place in both. Give the "
            "--model.name and --model.options it was trained with (config.toml of its "
            "folder has them)."
        )
    return network


def without_weights(
    name: str,
    classes: int,
    shape: tuple[int, int, int],
    options: dict[str, Any],
    input_range: InputRange | None = None,
    bands: Sequence[str] = (),
) -> keras.Model:
    """`models.build` at random, without ImageNet's weights: others will replace them.

    Raises UserError for an unknown name.
    """
    if name in models.MODELS:
        known = inspect.signature(models.function(name)).parameters
        options = options | ({"weights": "none"} if "weights" in known else {})
    return models.build(name, classes, shape, input_range, bands, **options)


def _shapes(layer) -> list:
    return [tuple(weight.shape) for weight in layer.weights]
