"""Annotation files of COCO, read element by element: as a whole they fill gigabytes."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ijson

from kerasseg import UserError

KEPT = ("id", "category_id", "segmentation", "iscrowd")
"""What is kept of an annotation."""


@dataclass(frozen=True)
class CocoFile:
    """Contents of one file.

    images: id -> its entry: file_name, height, width. categories: id -> name.
    annotations: image id -> JSON texts of `KEPT`, in the order of the file; as texts
        they stay small, COCO has 860,000.
    used: category id -> id of the first annotation that names it.
    """

    images: dict[int, dict[str, Any]] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    annotations: dict[int, list[str]] = field(default_factory=dict)
    used: dict[int, int | None] = field(default_factory=dict)


def read_coco(file: Path) -> CocoFile:
    """The images, categories and annotations of a file.

    Raises UserError that names the file where it is damaged or not COCO's.
    """
    found = CocoFile()
    try:
        for image in _elements(file, "images"):
            found.images[image["id"]] = image
        for category in _elements(file, "categories"):
            found.categories[category["id"]] = category["name"]
        for annotation in _elements(file, "annotations"):
            found.used.setdefault(annotation["category_id"], annotation.get("id"))
            kept = {key: annotation[key] for key in KEPT if key in annotation}
            texts = found.annotations.setdefault(annotation["image_id"], [])
            texts.append(json.dumps(kept))
    except (ijson.JSONError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]  # ijson draws the place below
        raise UserError(
            f"{file} cannot be read as COCO's JSON ({type(error).__name__}: {reason}). "
            "Copy it again."
        ) from error
    return found


def _elements(file: Path, key: str) -> Iterator[Any]:
    """The elements of the list `key` of the object in a JSON file, one at a time."""
    with file.open("rb") as opened:
        if opened.read(3) != codecs.BOM_UTF8:
            opened.seek(0)
        begin = opened.tell()
        first, _ = next(ijson.basic_parse(opened))
        if first != "start_map":
            raise UserError("expected a JSON object")
        opened.seek(begin)
        yield from ijson.items(opened, f"{key}.item", use_float=True)
