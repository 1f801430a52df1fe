"""Files of the VGG Image Annotator (VIA) 1 and 2: what is drawn on each image."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import split_in
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of

LAYOUTS = (
    *("via_region_data.json", "*/via_region_data.json"),
    *("*.json", "*.csv", "*/*.json", "*/*.csv"),
)
"""Patterns of files; the first of these that fit are taken."""
NOT_VIA = (
    "has no regions of VIA 1 or 2. Export the annotations in VIA as JSON or CSV, or "
    "save the project"
)


@dataclass(frozen=True)
class ViaImage:
    """An image: its name, size in bytes when it was drawn on (-1: unknown), and the
    shape and the attributes of each region."""

    name: str
    bytes: int
    regions: tuple[tuple[dict[str, Any], dict[str, Any]], ...]


def via_files(src: Path) -> dict[str, Path]:
    """The file of each split, named train, val or test where it is one.

    Raises UserError where there is none, or two for one split.
    """
    files = [src] if src.is_file() else _found(src)
    if not files:
        raise UserError(
            f"{src} has no JSON or CSV file of VIA, nor have its folders. Name the "
            "folder or the file that VIA saved."
        )
    splits: dict[str, Path] = {}
    for file in files:
        split = split_in(file.stem) or split_of(file.parent.name)
        split = split or (file.parent.name if file.parent != src else file.stem)
        if split in splits:
            raise UserError(
                f"{splits[split]} and {file} are both of the split {split}. Move one "
                "of them away, or name one as SRC."
            )
        splits[split] = file
    names = named(dict.fromkeys(splits))
    return {names[split]: file for split, file in splits.items()}


def _found(src: Path) -> list[Path]:
    """Files of VIA in src, else in its folders; JSON before CSV."""
    for pattern in LAYOUTS:
        files = [f for f in sorted(src.glob(pattern)) if not is_junk(f)]
        fitting = [f for f in files if f.is_file() and _is_via(f)]
        if fitting:
            return fitting
    return []


def _is_via(file: Path) -> bool:
    with file.open("rb") as opened:
        text = opened.read(1 << 20)
    if file.suffix.lower() == ".csv":
        return b"region_shape_attributes" in text
    return b'"regions"' in text and b'"filename"' in text


def read_via(file: Path) -> list[ViaImage]:
    """The images of a file, in its order.

    Raises UserError that names the file where it is damaged or not VIA's.
    """
    try:
        if file.suffix.lower() == ".csv":
            return list(_of_csv(file))
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        return list(_of_json(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = error if isinstance(error, UserError) else f"{NOT_VIA} ({error!r})"
        raise UserError(f"{file} {reason}.") from error


def _of_json(document: Any) -> Iterator[ViaImage]:
    if not isinstance(document, dict):
        raise UserError(NOT_VIA)
    if "metadata" in document and "view" in document:
        raise UserError("is of VIA 3, which is not read: export it with VIA 2")
    images = document.get("_via_img_metadata", document)
    for image in images.values():
        regions = image["regions"]
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        yield ViaImage(
            str(image["filename"]),
            int(image.get("size") or -1),
            tuple(
                _region(r["shape_attributes"], r.get("region_attributes") or {})
                for r in regions
            ),
        )


def _region(shape: Any, attributes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(shape.get("name"), str) or not isinstance(attributes, dict):
        raise UserError("has a region without the name of its shape")
    return shape, attributes


def _of_csv(file: Path) -> Iterator[ViaImage]:
    """VIA writes a line a region, and one with an empty shape for none."""
    sizes: dict[str, int] = {}
    regions: dict[str, list] = {}
    with file.open(encoding="utf-8-sig", newline="") as opened:
        for row in csv.DictReader(opened):
            row = {key.lstrip("#"): text for key, text in row.items() if key}
            name = row["filename"]
            sizes[name] = int(row.get("file_size") or -1)
            shape = json.loads(row["region_shape_attributes"] or "{}")
            drawn = regions.setdefault(name, [])
            if shape:
                attributes = json.loads(row["region_attributes"] or "{}")
                drawn.append(_region(shape, attributes))
    if not regions:
        raise UserError(NOT_VIA)
    for name, drawn in regions.items():
        yield ViaImage(name, sizes[name], tuple(drawn))
