"""Reads legends: files that name the classes of masks, with their ids and colours."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.legends import legend_json, legend_table
from kerasseg.data.reading.legends.legend_entry import HEX, Colour, Entry
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.text_file import text_of
from kerasseg.taxonomy import Taxonomy, alike

FILES = ("classes.txt", "legend.txt", "labelmap.txt", "class_dict.csv", "_classes.csv")
"""Where a folder of images and masks may name its classes."""
COMMENT = re.compile(r"(?<=\S)\s+(#\s|//).*$")
"""At the end of a line: "road 128 64 128  # all of it"."""


@dataclass(frozen=True)
class Legend:
    """Class names in the order of their ids; colours (R, G, B) of all, or of none.

    ids: of the classes in the mask files; () where the file gives none, and the
        position counts. ignored_ids, ignored_colours: of entries called ignore or void.
    file: where it was read from. notes: what a user should look at.
    """

    names: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    ids: tuple[int, ...] = ()
    ignored_ids: tuple[int, ...] = ()
    ignored_colours: tuple[Colour, ...] = ()
    file: str = ""
    notes: tuple[str, ...] = ()

    def taxonomy(self) -> Taxonomy:
        """The classes; without colours of their own they get well separated ones."""
        if self.colours:
            return Taxonomy(self.names, self.colours)
        return Taxonomy.named(self.names)

    def stored_ids(self) -> tuple[int, ...]:
        """The id of each class in the files: `ids`, or the position in the file."""
        if self.ids:
            return self.ids
        count = len(self.names) + len(self.ignored_ids)
        return tuple(i for i in range(count) if i not in self.ignored_ids)

    def by_position(self) -> Legend:
        """This legend, where ids are positions.

        Raises UserError for ids that are not 0, 1, 2, ...
        """
        if self.stored_ids() != tuple(range(len(self.names))):
            ids = ", ".join(map(str, self.stored_ids()[:9]))
            raise UserError(
                f"{self.file} gives the ids {ids}. Here they must be 0, 1, 2, ...: "
                "write one name a line."
            )
        return self

    def table(self) -> str:
        """What was understood: one line for each class, with id and colour."""
        rows = [
            (str(stored), name, " ".join(map(str, colour)))
            for stored, name, colour in zip(
                self.stored_ids(),
                self.names,
                self.colours or ("",) * len(self.names),
                strict=True,
            )
        ]
        rows += [(str(i), "ignored", "") for i in self.ignored_ids]
        rows += [("", "ignored", " ".join(map(str, c))) for c in self.ignored_colours]
        rows = [("id", "class", "colour" if self.colours else ""), *rows]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = (
            f"{row[0]:>{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}".rstrip()
            for row in rows
        )
        return "\n".join((*lines, *self.notes))

    __str__ = table


def read_legend(file: Path) -> Legend:
    """Reads a legend of any of the forms of docs/labels.md, "Legends".

    Tables with or without a heading, lines "name", "name R G B", "0: name", CVAT's
    labelmap.txt, labelme's labels.txt, JSON (id2label and others) and YAML (names).

    Raises UserError for a file that is missing, empty or not UTF-8, and for names, ids
    and colours that are given twice, not to all, or in a way with two meanings.
    """
    if not file.is_file():
        raise UserError(f"Legend {file} does not exist. Check --legend.")
    found = _entries(file, text_of(file))
    if not found:
        raise UserError(f"Legend {file} is empty. Write one class name a line.")
    return _legend(found, file)


def _entries(file: Path, text: str) -> list[Entry]:
    if file.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        try:
            return legend_json.entries(json.loads(text), file)
        except json.JSONDecodeError as error:
            if file.suffix.lower() == ".json":
                raise UserError(
                    f"Legend {file} is not valid JSON ({error}). Correct it."
                ) from error
        try:  # {0: 'road', 1: 'car'}, as Python prints it
            as_json = json.dumps(ast.literal_eval(text.strip()))
        except (SyntaxError, ValueError, TypeError):
            pass
        else:
            return legend_json.entries(json.loads(as_json), file)
    if file.suffix.lower() in (".yaml", ".yml"):
        yaml = require("yaml")
        try:
            return legend_json.entries(yaml.safe_load(text), file)
        except yaml.YAMLError as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"Legend {file} is not valid YAML ({reason}). Correct it."
            ) from error
    lines = [
        (number, COMMENT.sub("", line.strip()))
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip(" \t,;") and not _comment(line.strip())
    ]
    if not lines:
        return []
    if len(lines) == 1 and re.fullmatch(r"[^,;\d]+([,;][^,;\d]+)+[,;]?", lines[0][1]):
        number, line = lines[0]  # all names in one line
        lines = [(number, n.strip()) for n in re.split("[,;]", line) if n.strip()]
    return legend_table.cvat(lines) or legend_table.entries(lines, file)


def _comment(line: str) -> bool:
    return line.startswith("//") or (line.startswith("#") and not HEX.match(line))


def _legend(found: list[Entry], file: Path) -> Legend:
    _refuse_doubles(found, file)
    if any(e.id is not None for e in found):
        without = [e for e in found if e.id is None]
        if without:
            raise UserError(
                f"{file} line {without[0].line}: '{without[0].name}' has no id, others "
                "have. Give all or none."
            )
        found = sorted(found, key=lambda e: e.id if e.id is not None else 0)
    classes = [e for e in found if not e.ignored]
    if not classes:
        raise UserError(f"Legend {file} names no class but ignored ones. Add a class.")
    given = [e for e in classes if e.colour]
    if given and len(given) < len(classes):
        missing = next(e for e in classes if not e.colour)
        raise UserError(
            f"{file}: class '{missing.name}' has no colour, others have. Give all or "
            "none."
        )
    ids = tuple(e.id for e in classes if e.id is not None)
    ignored = [i for i, e in enumerate(found) if e.ignored]
    if ids:
        ignored_ids = tuple(e.id for e in found if e.ignored and e.id is not None)
    elif found[0].name == "__ignore__":  # labelme: it stands before id 0
        ignored_ids = tuple(i - 1 for i in ignored[1:])
    elif given:  # by colour a line has no id
        ignored_ids = ()
    else:
        ignored_ids = tuple(ignored)
    return Legend(
        tuple(e.name for e in classes),
        tuple(e.colour for e in given if e.colour),
        () if ids == tuple(range(len(ids))) and not ignored_ids else ids,
        ignored_ids,
        tuple(e.colour for e in found if e.ignored and e.colour),
        str(file),
        _notes(found),
    )


def _refuse_doubles(found: list[Entry], file: Path) -> None:
    """Names, ids and colours that stand for one thing only, and colours 0 to 255."""
    seen: dict[tuple[str, object], Entry] = {}
    for entry in found:
        if not entry.name:
            raise UserError(f"{file} line {entry.line} has no name. Write one.")
        if entry.colour and max(entry.colour) > 255:
            raise UserError(
                f"{file} line {entry.line}: colours are 0 to 255, got {entry.colour}."
            )
        for what, value in (
            ("name", None if entry.ignored else entry.name),
            ("id", entry.id),
            ("colour", entry.colour),
        ):
            if value is None:
                continue
            other = seen.setdefault((what, value), entry)
            if other is not entry:
                raise UserError(
                    f"{file} lines {other.line} and {entry.line}: {what} {value} names "
                    "two classes. Keep one of them, or bring them together with --map."
                )


def _notes(found: Sequence[Entry]) -> tuple[str, ...]:
    notes = []
    ignored = [e.name for e in found if e.ignored]
    if ignored:
        notes.append(f"'{ignored[0]}' is no class: its pixels are ignored.")
    return (*notes, *alike([e.name for e in found]))


def legend_of(src: Path, file: str) -> Legend:
    """The legend of a folder of images and masks; empty where nothing names classes.

    file: path of the legend, "" for `FILES` in `src`.

    Raises UserError where the file is wrong, or several files could be meant.
    """
    files = [Path(file)] if file else [src / n for n in FILES if (src / n).exists()]
    files = files or sorted(src.glob("*/_classes.csv"))  # Roboflow: in each split
    if len(files) > 1:
        known = [read_legend(f) for f in files]
        if any(
            (k.names, k.colours, k.ids)
            != (known[0].names, known[0].colours, known[0].ids)
            for k in known
        ):
            raise UserError(
                f"{files[0]} and {files[1].name} name different classes. Say which "
                "counts with --legend FILE."
            )
    return read_legend(files[0]) if files else Legend()
