"""Reads legends that are tables: CSV with any heading, and lines such as "0: road"."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.data.reading.legends.legend_entry import Colour, Entry, colour_of, whole

IDS = "id ids idx index value number code no nr pixel pixelvalue pixelvalues gray grey "
IDS += (
    "grayvalue greyvalue classid classindex classvalue classnumber labelid labelvalue "
)
IDS += "categoryid rastervalue gridcode dn label_id class_id"
NAMES = "name names class classes classname classnames label labels labelname category "
NAMES += "categories categoryname title object objectname description readable"
COLOURS = "color colour rgb rgba hex colorrgb colourrgb hexcolor hexcolour colorhex "
COLOURS += "labelcolor classcolor rgbvalues rgbvalue"
CLASSES_TOO = ("object", "title", "description")
"""Headings that a list without columns may have as the name of its first class."""
HEADINGS = {
    "id": IDS.split(),
    "name": NAMES.split(),
    "colour": COLOURS.split(),
    "r": ["r", "red"],
    "g": ["g", "green"],
    "b": ["b", "blue"],
}
"""What columns are called, without blanks, dashes and underscores."""
NAMED_COLOUR = re.compile(
    r"[^,;\t]*[^,;\t\d\s]\s*[:=]\s*[(\[]?\d+[,\s]+\d+[,\s]+\d+[)\]]?"
)
"""A line "name: R, G, B"."""
Row = tuple[int, list[str]]
"""Number of a line, from 1, and its cells."""


def entries(lines: Sequence[tuple[int, str]], file: object) -> list[Entry]:
    """The entries of a legend, in the order of its lines.

    lines: number and text of each, without empty ones and comments.

    Raises UserError where columns can be read in two ways, or lines differ in kind.
    """
    if all(NAMED_COLOUR.fullmatch(line) for _, line in lines):
        return _of_words(lines, file)
    if len(lines) > 1 and re.fullmatch(
        r"sep=.", lines[0][1]
    ):  # Excel says its delimiter so
        lines = lines[1:]
    for delimiter in "\t;,":
        rows = _cells(lines, delimiter)
        if rows:
            return _numbered(_of_columns(rows, file))
    return _of_words(_without_heading(lines), file)


def cvat(lines: Sequence[tuple[int, str]]) -> list[Entry] | None:
    """Those of CVAT's labelmap.txt, "name:R,G,B:parts:actions"; None for others."""
    form = re.compile(r"(.+?):(\d+,\d+,\d+)?:[^:]*:[^:]*")
    found = [(number, form.fullmatch(line)) for number, line in lines]
    out = []
    for number, match in found:
        if match is None:
            return None
        colour = colour_of(match[2]) if match[2] else None
        out.append(Entry(match[1].strip(), number, None, colour))
    return out


def _cells(lines: Sequence[tuple[int, str]], delimiter: str) -> list[Row]:
    """The cells of each line; [] unless the delimiter divides every line."""
    rows = []
    for number, line in lines:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        cells = [cell.strip() for cell in cells]
        if delimiter == "\t":
            cells = [cell for cell in cells if cell]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) < 2 and not (rows and delimiter != "\t" and line.strip()[-1:]):
            return []
        rows.append((number, cells))
    if sum(len(cells) > 1 for _, cells in rows) < len(rows):
        return []
    return rows


def _numbered(found: list[Entry]) -> list[Entry]:
    """The entries, with the ids that their names begin with: "0: road"."""
    parts = [re.fullmatch(r"(\d+)\s*[:=.)]\s*(\S.*)", e.name) for e in found]
    if not all(parts) or any(e.id is not None for e in found):
        return found
    return [
        Entry(part[2], e.line, int(part[1]), e.colour)
        for e, part in zip(found, parts, strict=True)
        if part
    ]


def _plain(cell: str) -> str:
    return re.sub(r"[\s_\-.]+", "", cell).casefold()


def role(cell: str) -> str:
    """What a heading says that a column holds: "id", "name", ...; "" for others."""
    plain = _plain(cell)
    return next((kind for kind, words in HEADINGS.items() if plain in words), "")


def _of_columns(rows: list[Row], file: object) -> list[Entry]:
    heading, rows = _heading(rows)
    width = max(len(cells) for _, cells in rows)
    columns = [[c[i] if i < len(c) else "" for _, c in rows] for i in range(width)]
    whole_columns = [
        i
        for i, column in enumerate(columns)
        if all(whole(c) is not None for c in column)
    ]
    roles = _named(heading, columns) if heading else {}
    texts = [i for i in range(width) if i not in whole_columns]
    coloured = [i for i in texts if all(colour_of(c) for c in columns[i])]
    if "colour" not in roles and "r" not in roles and coloured:
        roles["colour"] = coloured[0]
    texts = [i for i in texts if i not in coloured]
    if "name" not in roles:
        if not texts:
            raise UserError(
                f"{file} has no column of names. Write lines 'id,name' or 'name,R,G,B'."
            )
        numbers = [i for i in texts if i not in roles.values()]
        roles["name"] = numbers[0] if numbers else texts[0]
        if heading and len(numbers) > 1:
            raise UserError(
                f"{file} has columns {', '.join(heading)}, and none is called 'name'. "
                "Call the column of class names 'name'."
            )
        if not heading and len(numbers) > 1:
            if not whole_columns and not coloured:  # names with commas in them
                return [Entry(", ".join(filter(None, c)), n) for n, c in rows]
            raise UserError(
                f"{file} line {rows[0][0]} has {len(numbers)} columns of text. Write a "
                "heading that calls one 'name', and the ids 'id'."
            )
    unknown = [i for i in whole_columns if i not in roles.values()]
    if heading and unknown and not roles.keys() & {"id", "r", "colour"}:
        raise UserError(
            f"{file} has a column '{heading[unknown[0]]}' of numbers, and none is "
            "called 'id'. Call the ids 'id', and the parts of colours 'r', 'g', 'b'."
        )
    if not heading:
        roles |= _unnamed([i for i in whole_columns], columns, file, rows[0][0])
    return [_entry(number, cells, roles) for number, cells in rows]


def _heading(rows: list[Row]) -> tuple[list[str], list[Row]]:
    """The first row where it is a heading, else [], and the rows below it."""
    (_, first), rest = rows[0], rows[1:]
    known = [role(cell) for cell in first]
    numbers = any(whole(cell) is not None or colour_of(cell) for cell in first)
    if numbers or not rest:
        return [], rows
    over_numbers = any(
        all(i < len(c) and whole(c[i]) is not None for _, c in rest)
        for i in range(len(first))
    )
    if over_numbers or sum(map(bool, known)) >= 2 or all(known):
        return first, rest
    return [], rows


def _named(heading: list[str], columns: list[list[str]]) -> dict[str, int]:
    """The columns of a heading by role. "class" is an id where it holds numbers."""
    roles: dict[str, int] = {}
    for i, cell in enumerate(heading[: len(columns)]):
        kind = role(cell)
        numbers = all(whole(c) is not None for c in columns[i])
        if kind == "name" and numbers:
            kind = "id"
        if kind == "id" and not numbers:
            kind = "name" if all(columns[i]) else ""
        better = kind == "name" and _plain(cell) in ("name", "classname", "labelname")
        if kind and (kind not in roles or better):
            roles[kind] = i
    if not {"r", "g", "b"} <= roles.keys():
        roles = {r: i for r, i in roles.items() if r not in "rgb"}
    return roles


def _unnamed(
    numbers: list[int], columns: list[list[str]], file: object, line: int
) -> dict[str, int]:
    """The columns of whole numbers without a heading: an id, R G B, or both."""
    count = len(numbers)
    following = count >= 3 and numbers[-1] - numbers[-3] == 2
    if count == 0:
        return {}
    if count == 1:
        return {"id": numbers[0]}
    if count == 3 and following:
        return dict(zip("rgb", numbers, strict=True))
    opaque = set(columns[numbers[-1]]) == {"255"}
    different = len(set(columns[numbers[0]])) == len(columns[0])
    if count == 4 and following and different and not opaque:
        return dict(zip(("id", "r", "g", "b"), numbers, strict=True))
    if count == 4 and opaque and not different:
        return dict(zip("rgb", numbers[:3], strict=True))
    if count == 5 and opaque and different:  # as QGIS and GDAL write colour tables
        return dict(zip(("id", "r", "g", "b"), numbers[:4], strict=True))
    raise UserError(
        f"{file} line {line} has {count} numbers, which can be understood in several "
        "ways. Write a heading: id,name or name,r,g,b or id,name,r,g,b."
    )


def _entry(number: int, cells: list[str], roles: dict[str, int]) -> Entry:
    def cell(kind: str) -> str:
        place = roles.get(kind, len(cells))
        return cells[place] if place < len(cells) else ""

    colour = colour_of(cell("colour")) if "colour" in roles else None
    if "r" in roles:
        parts = [whole(cell(kind)) for kind in "rgb"]  # 128, also as 128.0
        colour = colour_of(" ".join(map(str, parts)))
    if (
        colour is None
        and "colour" in roles
        and re.fullmatch(r"[0-9a-fA-F]{6}", cell("colour"))
    ):
        colour = colour_of("#" + cell("colour"))
    name = cell("name") or "ignore"
    return Entry(name, number, whole(cell("id")), colour)


def _without_heading(lines: Sequence[tuple[int, str]]) -> Sequence[tuple[int, str]]:
    """Lines of words without a first one such as "name" or "class_name"."""
    words = re.split(r"[\s,;]+", lines[0][1].strip())
    roles = [role(word) for word in words]
    plain = roles == ["name"] and _plain(words[0]) not in CLASSES_TOO
    if len(lines) > 1 and (plain or (len(words) > 1 and all(roles))):
        return lines[1:]
    return lines


def _of_words(lines: Sequence[tuple[int, str]], file: object) -> list[Entry]:
    """Lines "name", "name R G B", "R G B name", "0: name", "0 name R G B"."""
    out: list[Entry] = []
    four = [re.fullmatch(r"(\d+)((?:\s+\d+){3})\s+(\D.*)", line) for _, line in lines]
    if all(four) and len({m[1] for m in four if m}) == len(four):  # "0 128 64 128 road"
        return [
            Entry(_bare(m[3]), number, int(m[1]), colour_of(m[2]))
            for m, (number, _) in zip(four, lines, strict=True)
            if m
        ]
    for number, line in lines:
        name, colour = _split_colour(line)
        out.append(Entry(name, number, None, colour))
    numbered = [re.fullmatch(r"(\d+)\s*[:=.)\-,\s]\s*(.*\S)", e.name) for e in out]
    if all(numbered) and (len(out) > 1 or ":" in out[0].name):
        return [
            Entry(_bare(match[2]), e.line, int(match[1]), e.colour)
            for e, match in zip(out, numbered, strict=True)
            if match
        ]
    if any(numbered) and len(out) > 1 and any(m and ":" in m[0] for m in numbered):
        plain = next(e for e, m in zip(out, numbered, strict=True) if not m)
        raise UserError(
            f"{file} line {plain.line} has no id, other lines have. Give all or none."
        )
    behind = [re.fullmatch(r"(.*\S)[\s:=,]+(\d+)", e.name) for e in out]
    if all(behind) and len(out) > 1:
        names = {m[1].casefold() for m in behind if m}
        ids = {int(m[2]) for m in behind if m}
        if len(names) == len(ids) == len(out):
            return [
                Entry(_bare(m[1]), e.line, int(m[2]), e.colour)
                for e, m in zip(out, behind, strict=True)
                if m
            ]
    return [Entry(_bare(e.name), e.line, None, e.colour) for e in out]


def _bare(name: str) -> str:
    name = name.strip(" \t,;:=")
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] in "\"'" else name


def _split_colour(line: str) -> tuple[str, Colour | None]:
    """The line without the colour at its end or beginning."""
    line = line.strip(" \t,;")
    numbers = r"\(?\[?\d+[\s,;]+\d+[\s,;]+\d+\)?\]?"
    found = re.fullmatch(rf"(.*\S)[\s,;:=]+({numbers}|#[0-9a-fA-F]{{6}})", line)
    if found and colour_of(found[2]):
        return found[1].strip(" \t,;:="), colour_of(found[2])
    found = re.fullmatch(rf"({numbers}|#[0-9a-fA-F]{{6}})[\s,;:=]+(\S.*)", line)
    if found and colour_of(found[1]) and whole(found[2]) is None:
        return found[2].strip(" \t,;:="), colour_of(found[1])
    return line, None
