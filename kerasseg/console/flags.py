"""The flags of all commands: bounds of numbers, yes and no, and no empty paths.

A command describes its flags as a dataclass, and `parse` reads them. A number says its
bounds in its type: `batch: Annotated[int, COUNT] = 8`. A flag that is on or off is
written `--flip` or `--no-flip`; `--flip=true` and `--flip=false` mean the same.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import inspect
import itertools
import math
import os
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kerasseg import UserError
from kerasseg.console import IN_HELP

Kind = TypeVar("Kind")

SIDE = 2**16
"""Pixels. The longest side of an image, or of a crop; more is a slip."""
MANY = 2**31 - 1
"""What a 32-bit counter holds."""


@dataclass(frozen=True)
class Number:
    """From `least` to `most`; `above` and `below`: these two themselves are not
    allowed. hint: a sentence that follows the message. endless: inf is allowed."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    below: bool = False
    hint: str = ""
    endless: bool = False

    def __call__(self, value: float) -> str:
        """What is wrong with a number; "" if nothing is."""
        if not (math.isfinite(value) or (self.endless and value == math.inf)):
            return f"be a finite number, got {value}.{self.hint}"
        low = value > self.least if self.above else value >= self.least
        high = value < self.most if self.below else value <= self.most
        if low and high:
            return ""
        return f"be {self._said(low)}, got {value}.{self.hint}"

    def _said(self, low_enough: bool) -> str:
        """ "in [0, 1)", or only the end that was passed, where they lie far apart."""
        if self.most - self.least <= 10**4:
            ends = "(["[not self.above] + ")]"[not self.below]
            return f"in {ends[0]}{self.least:g}, {self.most:g}{ends[1]}"
        if low_enough:
            return f"{'below' if self.below else 'at most'} {self.most:.10g}"
        return f"above {self.least:g}" if self.above else f"{self.least:g} or more"


ANY = Number()
"""Any number but nan and infinity."""
SHARE = Number(0, 1)
COUNT, COUNT_OR_0 = Number(1, MANY), Number(0, MANY)
PIXELS = Number(0, SIDE)
"""Of a side, where 0 stands for "as it is"."""
SEED = Number(0, 2**32 - 1)
SECONDS = Number(0, 10**6, above=True)
PORT = Number(0, 2**16 - 1)


def parse(
    kind: type[Kind],
    argv: Sequence[str],
    prog: str,
    *,
    apart: bool = False,
    function: Callable | None = None,
    **how: Any,
) -> Kind:
    """The flags in `argv` as a `kind`, a dataclass.

    prog: the command's name in messages. apart: `--flip True`, two words, is read too.
    function: whose arguments are flags of `kind` as well. how: further options of
    `tyro.cli`.

    Raises UserError for a number outside its bounds and an empty path; leaves with exit
    code 2 and a message for unknown flags and values of a wrong type.
    """
    import tyro

    flags = dict(_flags_of(function) if function else ()) | dict(_flags_of(kind))
    argv = with_pairs(argv, [f for f, hint in flags.items() if hint is bool], apart)
    refuse_empty(argv, [flag for flag, hint in flags.items() if hint is Path])
    about = how.pop("description", inspect.getdoc(kind))
    how["description"] = _in_columns(f"{about}\n\n{IN_HELP}")
    with _colours_as_asked():
        found: Any = tyro.cli(kind, args=argv, prog=prog, **how)
    check(found)
    return found


@contextlib.contextmanager
def _colours_as_asked() -> Iterator[None]:
    """Without colours where NO_COLOR is set (https://no-color.org): tyro looks at TERM
    alone."""
    terminal = os.environ.get("TERM")
    if not os.environ.get("NO_COLOR") or terminal is None:
        yield
        return
    os.environ["TERM"] = "dumb"
    try:
        yield
    finally:
        os.environ["TERM"] = terminal


def _in_columns(text: str) -> str:
    """The paragraphs in lines of 80 columns. tyro would join lines, but for those that
    begin with a blank."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    wrapper = textwrap.TextWrapper(80, initial_indent=" ", subsequent_indent=" ")
    return "\n\n".join(map(wrapper.fill, paragraphs))


def with_pairs(
    argv: Sequence[str], names: Sequence[str], apart: bool = False
) -> list[str]:
    """The words, `--flip=true` written as `--flip`, and `--flip=false` as `--no-flip`.

    names: of the flags that are on or off. apart: `--flip true`, two words, too.
    """
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name.replace("_", "-") in names:
            if apart and not equals and rest and rest[0].lower() in _SAID:
                value = rest.pop(0)
            if value:
                word = _pair(name, value)
        words.append(word)
    return words


_SAID = {"true": True, "false": False}


def _pair(flag: str, value: str) -> str:
    """`--fit.remat`, or `--fit.no-remat`."""
    if value.lower() not in _SAID:
        raise UserError(f"{flag} must be true or false, got '{value}'.")
    before, _, last = flag.removeprefix("--").rpartition(".")
    no = "" if _SAID[value.lower()] else "no-"
    return f"--{before}{'.' if before else ''}{no}{last}"


def refuse_empty(argv: Sequence[str], names: Sequence[str]) -> None:
    """Raises UserError where a flag of `names`, which are of paths, is given "".

    Python takes an empty path for the folder that one stands in.
    """
    for word, after in itertools.pairwise([*argv, "-"]):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") in names and not (value if equals else after):
            raise UserError(f"{name} must be a path, got ''.")


def check(settings: Any, prefix: str = "--") -> None:
    """Raises UserError for a number of a dataclass that is outside its bounds."""
    values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    check_values(type(settings), values, prefix)


def check_values(kind: Any, values: Mapping[str, Any], prefix: str = "--") -> None:
    """The same, of the values that a dataclass or a function is given by name; of a
    tuple each of its numbers."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for name, value in values.items():
        extras = getattr(hints.get(name), "__metadata__", ())
        flag = f"{prefix}{name.replace('_', '-')}"
        if dataclasses.is_dataclass(value):
            check(value, prefix if _is_flat(extras) else f"{flag}.")
        for bounds in (one for one in extras if isinstance(one, Number)):
            for one in value if isinstance(value, tuple) else (value,):
                if one is not None and (said := bounds(one)):
                    raise UserError(f"{flag} must {said}")


def _is_flat(extras: Sequence[Any]) -> bool:
    """Whether tyro gives the flags of a group no name before theirs."""
    return any(getattr(one, "name", None) == "" for one in extras)


def argument(kind: Callable[[str], Any], bounds: Number) -> Callable[[str], Any]:
    """What argparse takes as `type`: a number, int or float, within bounds."""

    def read(word: str) -> Any:
        try:
            value = kind(word)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            told = f"must be {what}, got {word!r}."
            raise argparse.ArgumentTypeError(told) from None
        if said := bounds(value):
            raise argparse.ArgumentTypeError(f"must {said}")
        return value

    return read


def word_after(argv: Sequence[str], flag: str, default: str) -> tuple[str, list[str]]:
    """The value of a flag, the last one where it is given twice, and the other words.

    >>> word_after(["a", "--as", "coco", "b"], "--as", "")
    ('coco', ['a', 'b'])
    """
    value, others = default, list[str]()
    rest = iter(argv)
    for word in rest:
        name, equals, text = word.partition("=")
        if name == flag:
            value = text if equals else next(rest, "")
        else:
            others.append(word)
    return value, others


def names_of(kind: Any) -> set[str]:
    """The flags of a dataclass or a function: {"--val-share", ...}."""
    return {flag for flag, _ in _flags_of(kind)}


def _flags_of(kind: Any, prefix: str = "--") -> Iterator[tuple[str, Any]]:
    """Flag -> type, without what Annotated adds, of a dataclass and those inside it, or
    of a function."""
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        extras = getattr(hint, "__metadata__", ())
        plain = hint.__origin__ if extras else hint
        if dataclasses.is_dataclass(plain):
            inside = prefix if _is_flat(extras) else f"{prefix}{name}."
            yield from _flags_of(plain, inside)
        else:
            yield f"{prefix}{name}".replace("_", "-"), plain
