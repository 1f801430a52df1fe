"""The network of a run at other sizes than its own, with the same weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasseg import UserError, runs
from kerasseg.fit import from_settings
from kerasseg.fit.mean_of_networks import mean_of
from kerasseg.fit.places import variables_of
from kerasseg.inference import scales

if TYPE_CHECKING:
    import keras


def passes_of(
    run: Path, wanted: Sequence[float], flag: str = "--scales"
) -> Callable[[keras.Model], list[scales.Sized]] | None:
    """Function: the network of a run -> it at each of its scales, for
    `inference.averaging`; None where no scales are wanted.

    flag: what the scales were given to, for messages. They are checked now, before
    anything is loaded.

    Raises UserError for scales that make no sense, and for a run without settings.
    """
    scales.check(wanted, flag)
    if not wanted:
        return None
    runs.settings(run)

    def passes(network: keras.Model) -> list[scales.Sized]:
        own = scales.Sized.of(network).size
        wishes = [[scale * side for side in own] for scale in wanted]
        found = [near(run, network, wish) for wish in wishes]
        sizes = [one.size for one in found]
        if len(set(sizes)) < len(sizes):
            listed = ", ".join(f"{height}x{width}" for height, width in sizes)
            raise UserError(
                f"{flag} {' '.join(f'{scale:g}' for scale in wanted)} give the sizes "
                f"{listed}, one of them twice: the network of {run} takes steps of "
                "several pixels. Choose scales that lie farther apart."
            )
        return found

    return passes


def near(run: Path, network: keras.Model, wanted: Sequence[float]) -> scales.Sized:
    """The network of a run at the size that it takes next to a wanted height and width.

    It reads the variables of `network`, so that a SavedModel of several sizes holds
    them once.

    Raises UserError where the settings of the run build another network.
    """
    own = scales.Sized.of(network)
    *finer, safe = scales.units(own.size)
    for unit in finer:
        with contextlib.suppress(UserError):  # it wants larger steps
            return _sized(run, network, own, scales.fitting(wanted, unit))
    return _sized(run, network, own, scales.fitting(wanted, safe))


def _sized(
    run: Path, network: keras.Model, own: scales.Sized, size: tuple[int, int]
) -> scales.Sized:
    if size == own.size:
        return own
    settings = runs.settings(run)
    each = [
        from_settings.network_of(
            settings.model,
            network.output_shape[-1],
            size,
            weights=False,
            image_format=runs.image_format(run),
            normalise=settings.data.normalise,
        )
        for _ in range(settings.fit.folds or 1)
    ]
    built = mean_of(each) if settings.fit.folds else each[0]
    built.trainable = network.trainable
    ours, theirs = variables_of(built), variables_of(network)
    shapes = [{k: tuple(v.shape) for k, v in known.items()} for known in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"{run} holds another network than its config.toml builds "
            f"({settings.model.name}), so it is not known at other sizes than its own. "
            "Give one size only."
        )
    of = {id(variable): theirs[place] for place, variable in ours.items()}
    groups = built.trainable_variables, built.non_trainable_variables

    def logits(image: Any) -> Any:
        known = [[of[id(variable)].value for variable in group] for group in groups]
        found, _ = built.stateless_call(*known, image, training=False)
        return found

    return scales.Sized(logits, size)
