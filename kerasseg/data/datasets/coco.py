"""COCO instance annotations: polygons and run lengths painted to one class map.

Lin et al. 2014; instances_train2017.json and the many tools that export this format.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.coco_json import CocoFile, read_coco
from kerasseg.data.reading.coco_masks import mask_of
from kerasseg.data.reading.image import read_image
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class Entry:
    """An image of `source`, its height and width there, and JSON texts of its
    annotations."""

    source: Path
    image: Path
    size: tuple[int, int]
    annotations: tuple[str, ...]


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """COCO: annotations/instances_train2017.json, train2017/*.jpg, and val2017.

    A split is named without the year. Images may also be in images/train2017/ or
    images/. Class 0 is the background, the others are the categories by their ids
    (80 in COCO). Painting: first crowds, as 255 = ignore; then objects from the largest
    to the smallest, so that small ones stay visible where masks overlap; of one size,
    in the order of the file. Samples have object ids: the position of the object among
    the image's annotations that are not crowds.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds annotations/ and the folders of images.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    require("pycocotools.mask")
    src = Path(src)
    files = sorted(src.glob("annotations/instances_*.json"))
    if not files:
        raise UserError(
            f"{src} has no annotations/instances_*.json. Name the folder above "
            "annotations/, and rename the file of a split to instances_train.json."
        )
    splits: dict[str, list[Entry]] = {}
    known: dict[int, str] = {}
    for file in files:
        folder = file.stem.removeprefix("instances_")
        split = re.sub(r"\d{4}$", "", folder) or folder
        if split in splits:
            raise UserError(
                f"{file}: there is another file for the split {split}. Move away the "
                "year that you do not want."
            )
        splits[split], categories = _entries(src, folder, file)
        if known not in ({}, categories):
            raise UserError(
                f"{file} has other categories than {files[0]}. Export both with the "
                "same categories, or move one of them away."
            )
        known = categories
    read = partial(_read, ids={n: i for i, n in enumerate(sorted(known), 1)})
    names = [known[i] for i in sorted(known)]
    colours = ((0, 0, 0), *Taxonomy.named(names).colours)
    taxonomy = Taxonomy(("background", *names), colours)
    return taxonomy, {split: Samples(e, read, id=stem) for split, e in splits.items()}


def _entries(src: Path, folder: str, file: Path) -> tuple[list[Entry], dict[int, str]]:
    """Entries of a file, and the name of each of its categories."""
    found = read_coco(file)
    if not found.images or not found.categories:
        raise UserError(f"{file} names no images or no categories. Export it again.")
    _check_listed(found, file)
    places = [src / folder, src / "images" / folder, src / "images"]
    place = next((p for p in places if p.is_dir()), None)
    if place is None:
        raise UserError(
            f"{file}: there is no folder {places[0]}. Put its images there."
        )
    entries = []
    for number, image in found.images.items():
        path, size = place / image["file_name"], (image["height"], image["width"])
        if not path.is_file():
            raise UserError(f"{file} names {path}, which does not exist. Put it there.")
        entries.append(
            Entry(file, path, size, tuple(found.annotations.get(number, ())))
        )
    return entries, found.categories


def _check_listed(found: CocoFile, file: Path) -> None:
    """Annotations must be of categories and images that the file lists."""
    strange = [
        f"category {category}, of annotation {found.used[category]},"
        for category in found.used.keys() - found.categories.keys()
    ]
    strange += [
        f"image {number}, of an annotation,"
        for number in found.annotations.keys() - found.images.keys()
    ]
    if strange:
        raise UserError(f"{file}: {strange[0]} is not listed. Export it again.")


def _read(entry: Entry, ids: dict[int, int]) -> Sample:
    image, encoded = read_image(entry.image)
    size = image.shape[:2]
    if size != entry.size:
        raise UserError(
            f"{entry.image} has {size} pixels (height, width), {entry.source} says "
            f"{entry.size}. Put the image back that was annotated."
        )
    label, instance = np.zeros(size, np.uint8), np.zeros(size, np.uint16)
    objects = []
    for annotation in map(json.loads, entry.annotations):
        mask = _mask(annotation, entry)
        if annotation.get("iscrowd"):
            label[mask] = IGNORE
        else:
            objects.append((len(objects) + 1, ids[annotation["category_id"]], mask))
    for number, class_id, mask in sorted(objects, key=lambda o: -int(o[2].sum())):
        label[mask], instance[mask] = class_id, number
    return Sample(entry.image.stem, image, label, instance, encoded=encoded)


def _mask(annotation: dict, entry: Entry) -> np.ndarray:
    try:
        return mask_of(annotation["segmentation"], entry.size)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(
            f"{entry.source}: annotation {annotation['id']} of {entry.image.name} "
            f"cannot be decoded ({error}). Correct or remove it."
        ) from error
