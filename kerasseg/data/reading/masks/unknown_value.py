"""Errors about values in masks that have no class: they say which."""

from __future__ import annotations

from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.data.reading.legends.legend_entry import Colour


class UnknownValueError(UserError):
    """values: numbers or packed colours without a class. Masks that hold them may be
    left out, where that is asked for."""

    def __init__(self, message: str, values: Sequence[int]) -> None:
        super().__init__(message)
        self.values = tuple(values)


class UnnamedColoursError(UserError):
    """Masks hold colours, and nothing names classes. colours: (R, G, B) that occur."""

    def __init__(self, message: str, colours: set[Colour]) -> None:
        super().__init__(message)
        self.colours = colours
