"""What the types of the settings do not say."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.config import bounds
from kerasseg.config.loss_settings import class_weights, loss_options
from kerasseg.config.recipe import options
from kerasseg.config.settings import Config


def check(config: Config) -> None:
    """Raises UserError for settings that fit their types and still make no sense."""
    bounds.check(config)
    normalisation(config.data.normalise)
    data, fit = config.data, config.fit
    for flag, size in (("--data.size", data.size), ("--data.crop", data.crop)):
        if len(size) not in (2, 3) or (0 in size and any(size)):
            raise UserError(
                f"{flag} must be two sides above 0, or 0 0, got "
                f"{' '.join(map(str, size)) or 'nothing'}. Volumes have three sides."
            )
    if data.batch % fit.accumulate:
        raise UserError(
            f"--fit.accumulate {fit.accumulate} does not divide --data.batch "
            f"{data.batch}: the batch is split into that many equal parts."
        )
    loss_options(fit.options, weights_of_losses(fit.loss))
    class_weights(fit.class_weights)


def weights_of_losses(pairs: tuple[str, ...]) -> dict[str, float]:
    """("cross_entropy=1", "soft_dice=0.5") -> the weight of each loss.

    Raises UserError for a weight that is not a number of 0 or more, for a loss named
    twice, and where none is left.
    """
    weights = options(pairs, "--fit.loss")
    if len(weights) < len(pairs):
        raise UserError(f"--fit.loss names a loss twice: {' '.join(pairs)}.")
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight < 0:
            raise UserError(
                f"--fit.loss: the weight of {name} must be a number of 0 or more, got "
                f"{weight}."
            )
    if not any(weights.values()):
        raise UserError(
            "--fit.loss must have a loss of a weight above 0, such as cross_entropy=1."
        )
    return weights


NORMALISATIONS = ("auto", "percentile", "zscore", "range", "none")
"""The first words of --data.normalise."""


def normalisation(words: Sequence[str]) -> tuple[str, float, float]:
    """The word of --data.normalise, and LOW and HIGH of a range (0 and 0 of others).

    Raises UserError for other words than those, and for a range that is not one.
    """
    name, *numbers = words or ("",)
    if name not in NORMALISATIONS or (name != "range" and numbers):
        raise UserError(
            "--data.normalise must be auto, percentile, zscore, range LOW HIGH or "
            f"none, got '{' '.join(words)}'."
        )
    if name != "range":
        return name, 0.0, 0.0
    try:
        low, high = map(float, numbers)
        # In float32, as the network computes.
        if not (low < high and high - low < 3e38 and abs(low) + abs(high) < 3e38):
            raise ValueError
    except ValueError:
        raise UserError(
            "--data.normalise range needs two numbers, the lower first, such as "
            f"range 0 4095; got '{' '.join(words)}'."
        ) from None
    return name, low, high
