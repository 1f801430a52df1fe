"""Reads legends: text files that name the classes of masks, and their colours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError
from kerasseg.taxonomy import Taxonomy

FILES = ("classes.txt", "legend.txt")
"""Where a folder of images and masks may name its classes."""


@dataclass(frozen=True)
class Legend:
    """Class names in the order of their ids; colours (R, G, B) of all, or of none."""

    names: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()

    def taxonomy(self) -> Taxonomy:
        """The classes; without colours of their own they get well separated ones."""
        if self.colours:
            return Taxonomy(self.names, self.colours)
        return Taxonomy.named(self.names)


def read_legend(file: Path) -> Legend:
    """Reads lines "name", "name R G B" or "R G B name"; commas and tabs separate too.

    Empty lines and lines that begin with # are skipped; names may hold spaces.

    Raises UserError for a file that is missing or empty, and for colours that are not
    0 to 255, not given to all classes, or given to two.
    """
    if not file.is_file():
        raise UserError(f"Legend {file} does not exist. Check --legend.")
    names: list[str] = []
    colours: list[tuple[int, ...]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = re.split(r"[\s,;]+", line.strip(" \t,;\ufeff"))
        if words == [""] or words[0].startswith("#"):
            continue
        colour: tuple[int, ...] = ()
        if len(words) > 3 and all(w.isdigit() for w in words[-3:]):
            words, colour = words[:-3], tuple(map(int, words[-3:]))
        elif len(words) > 3 and all(w.isdigit() for w in words[:3]):
            words, colour = words[3:], tuple(map(int, words[:3]))
        if colour and max(colour) > 255:
            raise UserError(
                f"{file} line {number}: colours are 0 to 255, got {colour}."
            )
        names.append(" ".join(words))
        colours.append(colour)
    if not names:
        raise UserError(f"Legend {file} is empty. Write one class name a line.")
    given = [(c[0], c[1], c[2]) for c in colours if c]
    if given and len(given) != len(names):
        missing = names[colours.index(())]
        raise UserError(
            f"{file}: class '{missing}' has no colour, others have. Give all or none."
        )
    if len(set(given)) != len(given):
        twice = next(c for c in given if given.count(c) > 1)
        raise UserError(f"{file}: colour {twice} names two classes. Keep one of them.")
    return Legend(tuple(names), tuple(given))


def legend_of(src: Path, file: str, binary: bool) -> Legend:
    """The legend of a folder of images and masks; empty where nothing names classes.

    file: path of the legend, "" for `FILES` in `src`. binary: two classes, which are
    "background" and "foreground" where they are not named.

    Raises UserError where the file is wrong, or does not name two classes if `binary`.
    """
    files = [Path(file)] if file else [src / n for n in FILES if (src / n).exists()]
    known = read_legend(files[0]) if files else Legend()
    if binary and not known.names:
        return Legend(("background", "foreground"))
    if binary and len(known.names) != 2:
        raise UserError(
            f"--binary makes 2 classes, {files[0]} names {len(known.names)}."
        )
    return known
