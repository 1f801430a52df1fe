"""The bounds of every setting, in one table beside the settings.

A new setting needs a row in BOUNDS: a Number, or a function that says what is wrong
with a value. tests/test_bounds.py fails for a setting without one, and tries all rows.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from kerasseg import UserError
from kerasseg.config.settings import Config, flags_of
from kerasseg.console.flags import COUNT, COUNT_OR_0, PIXELS, SEED, SHARE, SIDE, Number


def _any_text(_: str) -> str:
    return ""


def _named(value: str) -> str:
    return "" if value else "not be empty."


def _run_name(value: str) -> str:
    """A run lies in --out, whatever its name."""
    paths = PurePosixPath(value), PureWindowsPath(value)
    leaves = any(".." in path.parts or path.is_absolute() for path in paths)
    if leaves or paths[1].drive or value.endswith(("/", "\\")):
        return f"be a name of a folder inside --out, got '{value}'. Set --out instead."
    return ""


def _function(value: str) -> str:
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value):
        return ""
    return f"be MODULE:FUNCTION, for instance mine:callbacks, got '{value}'."


FACTOR_SHARE = Number(0, 1, below=True)
"""Up to this share either way: at 1 a factor becomes 0."""

BOUNDS: dict[str, Callable[[Any], str]] = {
    "--data.records": _any_text,
    "--data.train": _named,
    "--data.val": _named,
    "--data.val_images": COUNT_OR_0,
    "--data.size": PIXELS,
    "--data.smaller": _any_text,
    "--data.crop": PIXELS,
    "--data.foreground": SHARE,
    "--data.normalise": _any_text,  # see `limits.normalisation`
    "--data.batch": COUNT,
    "--data.shuffle": COUNT,
    "--data.threads": Number(0, 4096),
    "--data.unlabelled": _any_text,
    "--data.unlabelled_split": _named,
    "--data.unlabelled_share": Number(0, 1, above=True, below=True),
    "--data.service": _any_text,
    "--model.name": _named,
    "--model.options": _any_text,  # see `options`
    "--model.start": _any_text,
    "--augment.flip": SHARE,
    "--augment.vertical_flip": SHARE,
    "--augment.depth_flip": SHARE,
    "--augment.scale": Number(1 / 64, 64),
    "--augment.aspect": FACTOR_SHARE,
    "--augment.rotation": Number(0, 180),
    "--augment.shear": Number(0, 10),
    "--augment.translation": SHARE,
    "--augment.perspective": FACTOR_SHARE,
    "--augment.elastic": Number(0, SIDE),
    "--augment.elastic_fine": Number(0, SIDE),
    "--augment.elastic_spacing": Number(1, SIDE),
    "--augment.fill": Number(0, 255),
    "--augment.brightness": FACTOR_SHARE,
    "--augment.contrast": FACTOR_SHARE,
    "--augment.saturation": SHARE,
    "--augment.hue": Number(0, 180),
    "--augment.cast": FACTOR_SHARE,
    "--augment.gamma": Number(1 / 64, 64),
    "--augment.blur": SHARE,
    "--augment.low_resolution": SHARE,
    "--augment.noise": SHARE,
    "--augment.noise_std": Number(0, 255),
    "--augment.jpeg": SHARE,
    "--augment.jpeg_quality": Number(1, 100),
    "--augment.shadow": SHARE,
    "--augment.rain": SHARE,
    "--augment.fog": SHARE,
    "--augment.erasing": SHARE,
    "--augment.band_dropout": SHARE,
    "--augment.cutmix": SHARE,
    "--augment.classmix": SHARE,
    "--augment.mosaic": SHARE,
    "--fit.epochs": Number(1, 10**6),
    "--fit.steps": COUNT_OR_0,
    "--fit.learning_rate": Number(0, 1e6, above=True),
    "--fit.encoder_rate": Number(0, 1e6, above=True),
    "--fit.freeze": Number(0, 64),
    "--fit.warmup": SHARE,
    "--fit.weight_decay": Number(0, 1e6),
    "--fit.clip_norm": Number(0, hint=" 0 means no limit."),
    "--fit.loss": _any_text,  # see `limits.check`
    "--fit.options": _any_text,  # see `loss_settings`
    "--fit.class_weights": _any_text,  # see `loss_settings`
    "--fit.border_weight": Number(0, 1e6),
    "--fit.border_sigma": Number(0, SIDE, above=True),
    "--fit.teacher": _named,  # see `fit.teachers`
    "--fit.teacher_scales": Number(1 / 8, 8),
    "--fit.temperature": Number(0.1, 100),
    "--fit.distill": Number(0, 1e6, above=True),
    "--fit.disagreement": SHARE,
    "--fit.ema": Number(0, 1, below=True),
    "--fit.statistics": COUNT_OR_0,
    "--fit.accumulate": COUNT,
    "--fit.save_every": COUNT,
    "--fit.patience": COUNT_OR_0,
    "--fit.minutes": Number(0, 10**6),
    "--fit.folds": Number(0, 100),
    "--fit.devices": Number(0, 4096),
    "--seed": SEED,
    "--name": _run_name,
    "--out": _named,
    "--formats": _named,
    "--callbacks": _function,
}
"""Flag -> what is wrong with a value, in words that follow "must", or ""; of a tuple,
with each of its values. Words of a Literal and booleans need no row: their type says
it."""


def check(settings: Config) -> None:
    """Raises UserError, which names the flag, for a value outside its bounds."""
    for flag, value in flags_of(dataclasses.asdict(settings)):
        wrong = BOUNDS.get(flag, _any_text)
        for one in value if isinstance(value, tuple) else (value,):
            said = _unwritable(one) or wrong(one)
            if said:
                raise UserError(f"{flag} must {said}")


def _unwritable(value: Any) -> str:
    """Of texts: bytes that were no UTF-8 on the command line are lone surrogates in
    Python."""
    if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        return (
            "be text that can be written in UTF-8, without the character NUL, got "
            f"{value!a}."
        )
    return ""
