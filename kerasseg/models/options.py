"""What the networks' options may be. Needs no Keras.

An option of numbers needs a row in BOUNDS; tests/models/test_options.py fails for one
without. Words, such as those of `padding`, are checked by the network that knows them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from kerasseg import UserError
from kerasseg.config.bounds import Number

_FILTERS, _COUNTS, _RATES = Number(1, 2**14), Number(1, 1000), Number(1, 2**12)

WHOLE: dict[str, Number] = {
    "filters": _FILTERS,
    "aspp_filters": _FILTERS,
    "decoder_filters": _FILTERS,
    "low_level_filters": _FILTERS,
    "first_filters": _FILTERS,
    "pyramid_filters": _FILTERS,
    "groups": _FILTERS,
    "growth_rate": _FILTERS,
    "most_filters": _FILTERS,
    "depth": Number(1, 12),
    "stem": Number(1, 16),
    "output_stride": Number(1, 64),
    "convolutions": _COUNTS,
    "up_convolutions": Number(0, 1000),
    "repeats": _COUNTS,
    "layers_per_block": _COUNTS,
    "dilations": _RATES,
    "multi_grid": _RATES,
    "rates": _RATES,
    "pool_size": Number(1, 2**16),
    "pool_stride": Number(1, 2**16),
}
"""Options of whole numbers, one or several of them."""

BOUNDS: dict[str, Number] = WHOLE | {
    "width": Number(0, 64, above=True),
    "dropout": Number(0, 1, below=True),
    "noise": Number(0, 1e6),
    "batch_norm_momentum": Number(0, 1),
    "scales": Number(0, 16, above=True),
    "spacing": Number(0, 1e6, above=True),
}
"""Name of an option -> its bounds, the same in every network that has it."""


def check_bounds(options: Mapping[str, Any], whose: str) -> None:
    """Raises UserError for a number outside its bounds.

    options: by name; options of an encoder may lie inside.
    whose: the flag or network that they were given to, for messages.
    """
    for name, value in options.items():
        if isinstance(value, Mapping):
            check_bounds(value, f"{whose} {name}")
            continue
        for number in value if isinstance(value, list | tuple) else (value,):
            if _is_number(number) and (wrong := _wrong(name, number)):
                raise UserError(f"{whose}: {name} must {wrong}")


def check_kinds(
    options: Mapping[str, Any], parameters: Mapping[str, Parameter], whose: str
) -> None:
    """Raises UserError for a value of another kind than its option's default: for a
    word or a list where a number is expected, and so on.

    parameters: of the function that takes the options.
    """
    for name, value in options.items():
        default = parameters[name].default
        words = next((w for kind, w in _KINDS if _is(default, kind)), "")
        if words and not any(_is(value, k) for k, w in _KINDS if w == words):
            nothing = "None" in str(parameters[name].annotation) and value is None
            if not nothing:
                raise UserError(
                    f"{whose}: {name} must be {words}, such as {default!r}; "
                    f"got {value!r}."
                )


_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a word"),
    (tuple, "a list"),
    (list, "a list"),
)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(name: str, number: float) -> str:
    if name in WHOLE and math.isfinite(number) and number != int(number):
        return f"be a whole number, got {number}."
    return BOUNDS[name](number) if name in BOUNDS else ""
