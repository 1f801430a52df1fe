"""A network that begins with the weights of a trained one."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasseg import UserError, models, runs
from kerasseg.console import say
from kerasseg.fit.places import layers_of
from kerasseg.image_format import InputRange
from kerasseg.models.pieces import first_layers


def build(
    name: str,
    classes: int,
    shape: tuple[int, ...],
    options: dict[str, Any],
    start: str = "",
    input_range: InputRange | None = None,
    bands: Sequence[str] = (),
) -> keras.Model:
    """`models.build`; with `start`, a run folder, .keras file or the name of a network
    that comes with kerasseg, with its weights.

    The layers are taken by their names (`places`), each where its weights have the same
    shapes, so another number of classes leaves only the last one at random. The first
    layer's kernel is fitted to other bands, and a line says how.

    Raises UserError when not even half of the weights find their place: then it is
    another network.
    """
    if not start:
        return models.build(name, classes, shape, input_range, bands, **options)
    network = without_weights(name, classes, shape, options, input_range, bands)
    start = str(runs.named(start))
    source = runs.load(start)
    ours, theirs = map(layers_of, (network, source))
    same = ours.keys() == theirs.keys()
    pairs = [(layer, theirs[p]) for p, layer in ours.items() if layer.weights and same]
    first = next(layer for layer in network.layers if layer.weights)
    known, wanted = _bands_of(Path(start), source), first_layers.names_of(bands, shape)
    taken = 0
    for layer, found in pairs:
        weights = found.get_weights()
        if layer is first and known != wanted:
            weights = _fitted(weights, layer, known, wanted, start)
        if [weight.shape for weight in weights] == _shapes(layer):
            layer.set_weights(weights)
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
    shape: tuple[int, ...],
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


def _bands_of(start: Path, source: keras.Model) -> tuple[str, ...]:
    """The names of the bands that a network takes."""
    found = runs.image_format(start).bands if start.is_dir() else ()
    shape = source.input_shape[1:]
    return first_layers.names_of(found if len(found) == shape[-1] else (), shape)


def _fitted(
    weights: list[np.ndarray],
    layer: keras.Layer,
    known: tuple[str, ...],
    wanted: tuple[str, ...],
    start: str,
) -> list[np.ndarray]:
    """The first layer's weights for the bands `wanted`; says what became of them."""
    kernel, *others = weights
    expected = layer.weights[0].shape
    channels = kernel.shape[-2]
    what = f"--model.start {start}: its first layer knows {', '.join(known)}; "
    if (channels, expected[-2]) == (len(known), len(wanted)):
        new = [band for band in wanted if band not in known]
        if len(new) == len(wanted):
            shared = kernel.sum(axis=-2, keepdims=True) / len(wanted)
            kernel = np.repeat(shared, len(wanted), axis=-2)
            what += f"each of {', '.join(wanted)} begins with the mean over these."
        else:
            shape = (*kernel.shape[:-2], len(wanted), kernel.shape[-1])
            made = np.zeros(shape, kernel.dtype)
            for place, band in enumerate(wanted):
                if band in known:
                    made[..., place, :] = kernel[..., known.index(band), :]
            kernel = made
            left = [band for band in known if band not in wanted]
            what += "bands of these names are taken"
            what += f", {', '.join(new)} begin with zeros" if new else ""
            what += f", {', '.join(left)} are left out." if left else "."
        say(what)
    elif channels == expected[-2]:
        say(f"{what}{', '.join(wanted)} begin with its numbers.")
    else:
        say(f"{what}for {', '.join(wanted)} it begins at random.")
    return [kernel, *others]


def _shapes(layer) -> list:
    return [tuple(weight.shape) for weight in layer.weights]
