"""What the types of the settings do not say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.config.settings import Config, flags_of


def check(config: Config) -> None:
    """Raises UserError for settings that fit their types and still make no sense."""
    for flag, value in flags_of(dataclasses.asdict(config)):
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                hint = " 0 means no limit." if flag == "--fit.clip_norm" else ""
                raise UserError(f"{flag} must be a finite number, got {one}.{hint}")
            if isinstance(one, str) and not _is_writable(one):
                raise UserError(
                    f"{flag} must be text that can be written in UTF-8, without the "
                    f"character NUL, got {one!a}."
                )
    positive = {
        "--data.batch": config.data.batch,
        "--fit.epochs": config.fit.epochs,
        "--fit.learning_rate": config.fit.learning_rate,
        "--fit.encoder_rate": config.fit.encoder_rate,
        "--fit.save_every": config.fit.save_every,
        "--fit.accumulate": config.fit.accumulate,
    }
    for flag, value in positive.items():
        if value <= 0:
            raise UserError(f"{flag} must be above 0, got {value}.")
    normalisation(config.data.normalise)
    if config.fit.devices < 0:
        raise UserError(f"--fit.devices must be 0 or more, got {config.fit.devices}.")
    if config.fit.border_weight < 0:
        raise UserError(
            f"--fit.border_weight must be 0 or more, got {config.fit.border_weight}."
        )
    if not 0 <= config.fit.ema < 1:
        raise UserError(f"--fit.ema must be in [0, 1), got {config.fit.ema}.")
    if config.data.batch % config.fit.accumulate:
        raise UserError(
            f"--fit.accumulate {config.fit.accumulate} does not divide --data.batch "
            f"{config.data.batch}: the batch is split into that many equal parts."
        )


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


def _is_writable(text: str) -> bool:
    """Whether a text can stand in a UTF-8 file and in a path: bytes that were no UTF-8
    on the command line are lone surrogates in Python."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
