"""Annotation files of COCO, read element by element: as a whole they fill gigabytes."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ijson

from kerasseg import UserError
from kerasseg.data.reading.drawn.coco_masks import has_outline

KEPT = ("id", "category_id", "segmentation", "iscrowd")
"""What is kept of an annotation; and `bbox` where there is no segmentation."""


@dataclass(frozen=True)
class CocoFile:
    """Contents of one file.

    images: id -> its entry: file_name, height, width. categories: id -> name.
    parents: category id -> its supercategory, "" for none.
    annotations: image id -> JSON texts of `KEPT`, in the order of the file; as texts
        they stay small, COCO has 860,000.
    used: category id -> id of the first annotation that names it.
    counts: annotations in all ("objects"), those of crowds, those with only a box.
    """

    images: dict[Any, dict[str, Any]] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)
    parents: dict[Any, str] = field(default_factory=dict)
    annotations: dict[Any, list[str]] = field(default_factory=dict)
    used: dict[Any, int | None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def read_coco(file: Path) -> CocoFile:
    """The images, categories and annotations of a file.

    Raises UserError that names the file where it is damaged or not COCO's, or two of
    its images have one id.
    """
    try:
        return _filled(file, _elements)
    except ijson.JSONError as error:
        if not _has_nan(file):
            raise _unreadable(file, error) from error
    try:  # NaN is not JSON, but pandas and others write it; json reads it
        with file.open(encoding="utf-8-sig") as opened:
            document = json.load(opened)
        return _filled(file, lambda _, key: iter(document.get(key) or ()))
    except ValueError as error:
        raise _unreadable(file, error) from error


def _filled(file: Path, elements: Any) -> CocoFile:
    found = CocoFile()
    try:
        for image in elements(file, "images"):
            other = found.images.setdefault(image["id"], image)
            if other.get("file_name") != image.get("file_name"):
                raise UserError(
                    f"images {other.get('file_name')} and {image.get('file_name')} "
                    f"have the same id {image['id']}"
                )
        for category in elements(file, "categories"):
            found.categories[category["id"]] = str(category["name"])
            parent = category.get("supercategory") or ""
            found.parents[category["id"]] = str(parent)
        for annotation in elements(file, "annotations"):
            _add(annotation, found)
    except ijson.JSONError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(file, error) from error
    return found


def _add(annotation: dict[str, Any], found: CocoFile) -> None:
    found.used.setdefault(annotation["category_id"], annotation.get("id"))
    kept = {key: annotation[key] for key in KEPT if key in annotation}
    found.counts["objects"] += 1
    if not has_outline(kept.get("segmentation")):
        kept.pop("segmentation", None)
        if annotation.get("bbox"):
            kept["bbox"] = annotation["bbox"]
        found.counts["boxes"] += 1
    elif annotation.get("iscrowd"):
        found.counts["crowds"] += 1
    found.annotations.setdefault(annotation["image_id"], []).append(json.dumps(kept))


def _unreadable(file: Path, error: Exception) -> UserError:
    reason = str(error).partition("\n")[0]  # ijson draws the place below
    if not isinstance(error, UserError):
        reason = f"{type(error).__name__}: {reason}"
    return UserError(
        f"{file} cannot be read as COCO's JSON ({reason}). Copy or export it again."
    )


def _has_nan(file: Path) -> bool:
    with file.open("rb") as opened:
        return any(b"NaN" in line or b"Infinity" in line for line in opened)


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
