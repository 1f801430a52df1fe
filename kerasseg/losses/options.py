"""Which options a loss has, and what may be given to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kerasseg import UserError


def check_options(
    name: str, loss: Callable, options: Mapping[str, Any], pixelwise: bool
) -> None:
    """Checks names and types of keyword arguments of a loss in a sum.

    pixelwise: it takes the sum's class and pixel weights, which are no options then.

    Raises UserError that names the known options, or the type that was expected.
    """
    shared = {"y_true", "y_pred", "exclusive", "reduction", "distance"}
    if pixelwise:
        shared |= {"class_weights", "pixel_weight"}
    parameters = inspect.signature(loss).parameters
    known = {key: str(p.annotation) for key, p in parameters.items()}
    known = {key: kind for key, kind in known.items() if key not in shared}
    if unknown := [option for option in options if option not in known]:
        raise UserError(
            f"'{name}' has no option {', '.join(unknown)} in a sum of losses. "
            f"Known: {', '.join(known) or 'none'}."
        )
    for option, value in options.items():
        if not any(_fits(value, kind) for kind in known[option].split(" | ")):
            raise UserError(
                f"{name}.{option} must be {_said(known[option])}, got {value!r}."
            )


KINDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a word",
    "Sequence[float]": "a list of numbers",
}
"""Annotations of options -> what they are in words."""


def _fits(value: Any, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "float":
        return number
    if kind == "int":
        return number and isinstance(value, int)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind == "Sequence[float]":
        if hasattr(value, "tolist"):  # an array
            value = value.tolist()
        return isinstance(value, list | tuple) and all(_fits(v, "float") for v in value)
    return value is None


def _said(kinds: str) -> str:
    return " or ".join(KINDS[kind] for kind in kinds.split(" | ") if kind in KINDS)
