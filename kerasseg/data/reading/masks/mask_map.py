"""Reads the table of --map: which ids, names or colours of masks become which class."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.legends.legend import Legend
from kerasseg.data.reading.legends.legend_entry import (
    HEX,
    Colour,
    colour_of,
    is_ignored,
    whole,
)
from kerasseg.data.reading.legends.legend_table import role
from kerasseg.data.reading.text_file import text_of
from kerasseg.taxonomy import IGNORE, IGNORE_OF_16_BITS, Taxonomy, ignore_of

Key = int | str | Colour
HEADINGS = ("from", "to", "old", "new", "source", "target", "map", "mapped")


@dataclass(frozen=True)
class MaskMap:
    """names: of the classes. classes: class id of each key; that of
    `kerasseg.taxonomy.ignore_of` is ignored."""

    names: tuple[str, ...]
    classes: Mapping[Key, int]
    file: Path

    def taxonomy(self, legend: Legend) -> Taxonomy:
        """The classes; where the legend has the same names, in its colours."""
        own = Taxonomy.named(self.names)
        known = dict(zip(legend.names, legend.colours, strict=False))
        if not all(name in known for name in self.names):
            return own
        return Taxonomy(self.names, tuple(known[name] for name in self.names))

    def of_ids(self, legend: Legend) -> dict[int, int]:
        """Class of each id; names are looked up in the legend.

        Raises UserError for colours, and for names that the legend does not have.
        """
        ids = dict(zip(legend.names, legend.stored_ids(), strict=True))
        out = {}
        for key, class_id in self.classes.items():
            if isinstance(key, tuple):
                raise UserError(
                    f"{self.file} maps colours, the masks hold numbers. Write ids."
                )
            if isinstance(key, str):
                self._require(key, ids)
                key = ids[key]
            out[key] = class_id
        return out

    def of_colours(self, legend: Legend) -> dict[Colour, int]:
        """Class of each colour; names are looked up in the legend.

        Raises UserError for ids, and for names that the legend does not have.
        """
        colours = dict(zip(legend.names, legend.colours, strict=False))
        ids = dict(zip(legend.stored_ids(), legend.colours, strict=False))
        out = {}
        for key, class_id in self.classes.items():
            if isinstance(key, int):
                if key not in ids:
                    raise UserError(
                        f"{self.file} maps id {key}, the masks hold colours. Write "
                        "lines 'R,G,B,class', or add a legend that has this id."
                    )
                key = ids[key]
            elif isinstance(key, str):
                self._require(key, colours)
                key = colours[key]
            out[key] = class_id
        return out

    def _require(self, name: str, known: Mapping[str, object]) -> None:
        if name not in known:
            raise UserError(
                f"{self.file} maps '{name}', which the legend does not name. Known: "
                f"{', '.join(known) or 'none; add a legend'}."
            )


def read_map(file: Path) -> MaskMap:
    """Reads lines "id,class", "name,class" or "R,G,B,class"; tabs and ; separate too.

    A class "ignore", "void", 255 or nothing stands for what is ignored; 65535 instead
    of 255 where there are ids above 255. Where all classes are numbers, they are the
    ids; else ids are given in order of appearance.

    Raises UserError for a file that is missing, empty or not of such lines, and for a
    key that is given twice.
    """
    if not file.is_file():
        raise UserError(f"Table {file} does not exist. Check --map.")
    rows = _rows(file)
    classes = [name for _, _, name in rows if name and not is_ignored(name)]
    numbered = bool(classes) and all(whole(name) is not None for name in classes)
    ignored = {str(IGNORE), str(IGNORE_OF_16_BITS)} if numbered else {str(IGNORE)}
    if numbered and any(IGNORE < int(name) < IGNORE_OF_16_BITS for name in classes):
        ignored = {str(IGNORE_OF_16_BITS)}
    names = list(dict.fromkeys(name for name in classes if name not in ignored))
    if numbered:
        used = sorted({whole(name) or 0 for name in names})
        if used != list(range(len(used))):
            raise UserError(
                f"{file} maps to the ids {', '.join(map(str, used))}. Class ids are 0, "
                "1, 2, ... without a gap, and 255 = ignore (65535 if ids go beyond)."
            )
        ids = {name: whole(name) or 0 for name in names}
        names = [f"class_{i}" for i in used]
    else:
        ids = {name: i for i, name in enumerate(names)}
    if not names:
        raise UserError(f"{file} maps to no class. Write lines 'id,class'.")
    out: dict[Key, int] = {}
    for number, key, name in rows:
        if key in out:
            raise UserError(f"{file} line {number}: {key} is mapped twice. Keep one.")
        out[key] = ids.get(name, ignore_of(len(names)))
    return MaskMap(tuple(names), out, file)


def _rows(file: Path) -> list[tuple[int, Key, str]]:
    lines = [
        (number, line.strip())
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if line.strip() and (not line.startswith("#") or HEX.match(line))
    ]
    delimiter = next((d for d in "\t;," if all(d in line for _, line in lines)), "")
    out: list[tuple[int, Key, str]] = []
    for number, line in lines:
        cells = line.split()
        if delimiter:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        cells = [cell.strip() for cell in cells]
        if not out and number == lines[0][0] and _heading(cells) and len(lines) > 1:
            continue
        if len(cells) not in (2, 4):
            raise UserError(
                f"{file} line {number} has {len(cells)} columns. Expected 'id,class', "
                "'name,class' or 'R,G,B,class'."
            )
        out.append((number, _key(cells[:-1], file, number), cells[-1]))
    if not out:
        raise UserError(f"Table {file} is empty. Write lines 'id,class'.")
    return out


def _heading(cells: list[str]) -> bool:
    return all(role(cell) or cell.casefold() in HEADINGS for cell in cells)


def _key(cells: list[str], file: Path, number: int) -> Key:
    if len(cells) == 3:
        colour = colour_of(" ".join(cells))
        if colour is None or max(colour) > 255:
            raise UserError(
                f"{file} line {number}: {', '.join(cells)} is not a colour. Expected "
                "three numbers 0 to 255."
            )
        return colour
    number_of = whole(cells[0])
    return number_of if number_of is not None else colour_of(cells[0]) or cells[0]
