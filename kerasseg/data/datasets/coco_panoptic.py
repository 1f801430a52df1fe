"""COCO's panoptic format: PNG files of segment ids, and a JSON file with their classes.

Kirillov et al. 2019; github.com/cocodataset/panopticapi. Also the conversions of
Cityscapes, Mapillary Vistas and ADE20K to this format.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.drawn.coco_files import annotation_files, image_places
from kerasseg.data.reading.drawn.json_errors import read_as
from kerasseg.data.reading.drawn.named_images import NamedImages, sample_ids
from kerasseg.data.reading.pictures.image import opened_image, read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy, ignore_of, label_type

LAYOUTS = (
    ("annotations/panoptic_*.json",),
    ("*panoptic*.json", "*/*panoptic*.json", "*/*/*panoptic*.json"),
    ("*/*/*/*panoptic*.json",),
    ("*.json", "*/*.json"),
)
KIND = "COCO's panoptic JSON"
VOID = 0
"""The segment id of pixels that nobody labelled."""


@dataclass(frozen=True)
class Entry:
    """An image, the PNG of its segments, the file that names both, and there: (H, W),
    (0, 0) where it is not said; segment id and category id of each segment; the
    segments that are crowds."""

    id: str
    image: Path
    segments: Path
    source: Path
    size: tuple[int, int]
    categories: tuple[tuple[int, int], ...]
    crowds: tuple[int, ...] = ()


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """Panoptic: annotations/panoptic_train2017.json with its PNG files, and val2017.

    Images are in train2017/, the PNG files in annotations/panoptic_train2017/.

    All may also lie elsewhere, as in the conversions of Cityscapes, Mapillary and
    ADE20K; the PNG files then in a folder of the JSON's name, or beside it. The
    classes are the categories by their ids, things and stuff; there is no background.
    Void (segment id 0) is ignored. Samples have object ids of things; crowds have
    their class and no object id.

    Args:
        src: Folder that holds annotations/ and the folders of images; or a JSON file.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    files = annotation_files(src, LAYOUTS, "panoptic")
    documents = {split: _document(file) for split, file in files.items()}
    first = next(iter(files))
    categories = _categories(documents[first], files[first])
    for split, file in files.items():
        if _categories(documents[split], file) != categories:
            raise UserError(
                f"{file} has other categories than {files[first]}. Export both with "
                "the same categories, or move one of them away."
            )
    with read_as(KIND, files[first]):
        ids = {number: i for i, number in enumerate(sorted(categories))}
    things = {ids[n] for n, category in categories.items() if category["thing"]}
    read = partial(_read, ids=ids, things=frozenset(things))
    names = [categories[n]["name"] for n in ids]
    colours = [categories[n]["colour"] for n in ids]
    taxonomy = Taxonomy.named(names)
    if all(colours) and len(set(colours)) == len(colours):
        taxonomy = Taxonomy(tuple(names), tuple(colours))
    line = f"{len(things)} things and {len(names) - len(things)} stuff; void is ignore"
    source = {"objects": {"line": line}}
    return taxonomy, {
        split: Samples(
            _entries(file, src, documents[split]), read, id=_id, source=source
        )
        for split, file in files.items()
    }


def _id(entry: Entry) -> str:
    return entry.id


def _document(file: Path) -> dict[str, Any]:
    with read_as(KIND, file):
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        for key in "images", "annotations", "categories":
            if not isinstance(document[key], list) or not document[key]:
                raise ValueError(f"its list of {key} is empty")
    return document


def _categories(document: dict[str, Any], file: Path) -> dict[int, dict[str, Any]]:
    """Name, colour (() for none) and kind of each category."""
    with read_as(KIND, file):
        return {
            category["id"]: {
                "name": str(category["name"]),
                "colour": _colour(category.get("color")),
                "thing": bool(category.get("isthing", 1)),
            }
            for category in document["categories"]
        }


def _colour(values: Any) -> tuple[int, ...]:
    colour = tuple(map(int, values or ()))
    return colour if len(colour) == 3 and 0 <= min(colour) <= max(colour) < 256 else ()


def _entries(file: Path, src: Path, document: dict[str, Any]) -> list[Entry]:
    with read_as(KIND, file):
        return _listed(file, src, document)


def _listed(file: Path, src: Path, document: dict[str, Any]) -> list[Entry]:
    """The entries of the document of a file."""
    folders, root, split = image_places(file, src)
    images = NamedImages(folders, root, split)
    masks = NamedImages(
        [file.parent / file.stem, file.parent / "panoptic", file.parent],
        file.parent,
        split,
    )
    listed = {image["id"]: image for image in document["images"]}
    known = {category["id"] for category in document["categories"]}
    found: list[Entry] = []
    for annotation in document["annotations"]:
        image = listed.get(annotation.get("image_id"))
        if image is None:
            raise UserError(
                f"{file}: image {annotation.get('image_id')}, of an annotation, is not "
                "listed. Export it again."
            )
        segments = annotation.get("segments_info", [])
        strange = {s["category_id"] for s in segments} - known
        if strange:
            raise UserError(
                f"{file}: category {min(strange)}, of a segment in "
                f"{annotation['file_name']}, is not listed. Export it again."
            )
        size = int(image.get("height") or 0), int(image.get("width") or 0)
        found.append(
            Entry(
                "",
                _existing(images, _image_name(image, annotation), folders[0], file),
                _existing(masks, annotation["file_name"], masks.folders[0], file),
                file,
                size,
                tuple((int(s["id"]), s["category_id"]) for s in segments),
                tuple(int(s["id"]) for s in segments if s.get("iscrowd")),
            )
        )
    names = sample_ids([entry.image for entry in found])
    return [replace(e, id=name) for e, name in zip(found, names, strict=True)]


def _image_name(image: dict[str, Any], annotation: dict[str, Any]) -> str:
    return str(image.get("file_name") or annotation["file_name"])


def _existing(images: NamedImages, name: str, place: Path, file: Path) -> Path:
    path = images.find(name)
    if path is None:
        raise UserError(
            f"{file} names {place / name}, which does not exist. Put it there."
        )
    return path


def _read(entry: Entry, ids: dict[int, int], things: frozenset[int]) -> Sample:
    image, encoded = read_image(entry.image)
    size = image.shape[:2]
    with opened_image(entry.segments, entry.segments.read_bytes()) as opened:
        if opened.mode not in ("RGB", "RGBA"):
            raise UserError(
                f"{entry.segments} has pixels of mode {opened.mode}, not RGB: segment "
                "ids are R + 256 G + 65536 B. Use the panoptic PNG files."
            )
        rgb = np.asarray(opened)[..., :3].astype(np.uint32)
    numbers = rgb @ np.array([1, 1 << 8, 1 << 16], np.uint32)
    for shape, what in ((entry.size, entry.source), (numbers.shape, entry.segments)):
        if shape not in ((0, 0), size):
            raise UserError(
                f"{entry.image} has {size} pixels (height, width), {what} has {shape}. "
                "Put the image back that was annotated."
            )
    found, inverse = np.unique(numbers, return_inverse=True)
    category = dict(entry.categories)
    strange = [int(n) for n in found if n != VOID and int(n) not in category]
    if strange:
        raise UserError(
            f"{entry.segments} holds segment {strange[0]}, which {entry.source} does "
            "not list. Copy both again."
        )
    num_classes = 1 + max(ids.values(), default=0)
    ignore = ignore_of(num_classes)
    labels = [ignore if n == VOID else ids[category[int(n)]] for n in found]
    objects, count = [], 0
    for number, class_id in zip(found, labels, strict=True):
        own = class_id in things and int(number) not in entry.crowds
        count += own
        objects.append(count if own else 0)
    label = np.array(labels, label_type(num_classes))[inverse].reshape(size)
    instance = np.array(objects, np.uint16)[inverse].reshape(size)
    return Sample(entry.id, image, label, instance, encoded=encoded)
