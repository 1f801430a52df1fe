"""Reads legends that are JSON or YAML, as HuggingFace, YOLO, CVAT and others write."""

from __future__ import annotations

from typing import Any

from kerasseg import UserError
from kerasseg.data.reading.legends.legend_entry import Colour, Entry, colour_of, whole

LISTS = ("names", "categories", "labels", "classes", "items", "label_map")
NAMES = ("name", "title", "readable", "label", "class", "class_name", "label_name")
TABLES = (
    *("id2label", "label2id", "id_to_label", "label_to_id", "id_to_name", "name_to_id"),
    *("id_to_class", "class_to_id", "idx_to_class", "class_to_idx"),
)
"""Keys of a table of ids and names, from the most usual on."""
IDENTIFIERS = ("id", "value", "index", "pixel_value", "class_id", "label_id")
COLOURS = ("color", "colour", "rgb", "color_rgb", "hex", "color_hex_code")


def entries(value: Any, file: object) -> list[Entry]:
    """The entries of a decoded JSON or YAML file, in its order.

    Understood are id2label, label2id, lists of names, lists of objects with name, id
    and colour, {name: colour}, and any of these inside a config.json, a data.yaml or
    the features of a data set.

    Raises UserError where there is none of these, or several.
    """
    for key in TABLES:
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            return _of_table(value[key], file)
    found = _entries(value)
    if found:
        return found
    inside = _inside(value)
    if len(inside) != 1:
        what = "no list of class names" if not inside else f"{len(inside)} of them"
        raise UserError(
            f"{file} has {what} that can be understood. Expected "
            '{"0": "name", ...}, a list of names, or "id2label" or "names" with one.'
        )
    return inside[0]


def _inside(value: Any) -> list[list[Entry]]:
    """What lies deeper, under a key that names a list of classes."""
    out: list[list[Entry]] = []
    if isinstance(value, dict):
        for key, part in value.items():
            named = key in (*LISTS, "id2label")
            found = _entries(part) if named else []
            out += [found] if found else _inside(part)
    elif isinstance(value, list):
        for part in value:
            out += _inside(part)
    unique: list[list[Entry]] = []
    for one in out:
        if one not in unique:
            unique.append(one)
    return unique


def _entries(value: Any) -> list[Entry]:
    if isinstance(value, list) and value:
        if all(isinstance(v, str) for v in value):
            return [Entry(v, i + 1) for i, v in enumerate(value)]
        if all(isinstance(v, dict) for v in value):
            return _of_objects(value)
    if isinstance(value, dict) and value:
        try:
            return _of_table(value, "")
        except UserError:
            return []
    return []


def _of_objects(objects: list[dict]) -> list[Entry]:
    """[{"id": 0, "name": "road", "color": [128, 64, 128]}, ...]"""
    out = []
    for i, one in enumerate(objects):
        name = next((one[k] for k in NAMES if isinstance(one.get(k), str)), None)
        if name is None:
            return []
        number = next((one[k] for k in IDENTIFIERS if k in one), None)
        colour = next((one[k] for k in COLOURS if k in one), None)
        if number is not None:
            number = whole(str(number))
        out.append(Entry(name, i + 1, number, _colour(colour)))
    if any(entry.id is None for entry in out):
        out = [Entry(e.name, e.line, None, e.colour) for e in out]
    return out


def _of_table(table: dict, file: object) -> list[Entry]:
    """{"0": "road"}, {"road": 0}, {"road": [128, 64, 128]}, {"road": "#804080"}."""
    out = []
    for i, (key, value) in enumerate(table.items(), 1):
        number, text = whole(str(key)), isinstance(value, str)
        if number is not None and text:
            out.append(Entry(value, i, number))
        elif isinstance(value, int) and not isinstance(value, bool):
            out.append(Entry(str(key), i, value))
        elif _colour(value) is not None:
            name = str(key)
            colour = colour_of(name)
            out.append(Entry(name, i, None, colour or _colour(value)))
        elif text and colour_of(str(key)):
            out.append(Entry(value, i, None, colour_of(str(key))))
        else:
            raise UserError(
                f"{file}: entry '{key}' is not understood. Expected an id with a name, "
                "or a name with an id or a colour."
            )
    return out


def _colour(value: Any) -> Colour | None:
    if isinstance(value, str):
        return colour_of(value)
    if isinstance(value, list) and len(value) in (3, 4):
        if all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return value[0], value[1], value[2]
    return None
