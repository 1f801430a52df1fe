"""COCO instance annotations: polygons and run lengths painted to one class map.

Lin et al. 2014; instances_train2017.json and the many tools that export this format:
Roboflow, CVAT, Label Studio, labelme2coco, datumaro, FiftyOne.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.drawn.coco_files import annotation_files, image_places
from kerasseg.data.reading.drawn.coco_json import CocoFile, read_coco
from kerasseg.data.reading.drawn.coco_masks import mask_of
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.json_errors import UNLIKE, read_as
from kerasseg.data.reading.drawn.named_images import NamedImages, sample_ids
from kerasseg.data.reading.drawn.polygons import (
    BACKGROUND,
    VOID,
    Boxes,
    box,
    box_rule,
    class_ids,
    class_of_box,
)
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

Ids = dict[Path, dict[Any, int]]
"""Class id of each category id, for each file."""


def load(
    src: Path,
    /,
    *,
    crowd: Literal["auto", "object", "ignore"] = "auto",
    boxes: Boxes = "ask",
    overlap: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """COCO: annotations/instances_train2017.json, train2017/*.jpg, and val2017.

    Also as Roboflow (train/_annotations.coco.json beside the images, valid/, test/),
    CVAT (instances_default.json, images/), Label Studio (result.json, images/),
    labelme2coco, datumaro and FiftyOne write it, or one JSON file as SRC. Images are
    looked for by the path that the file names, then by the end of that path.

    Class 0 is the background, the others are the categories by their ids (80 in
    COCO). Painting: first crowds, as ignored; then objects from the largest
    to the smallest, so that small ones stay visible where masks overlap; of one size,
    in the order of the file. Samples have object ids: the position of the object among
    the image's annotations that are not crowds.

    Args:
        src: Folder that holds annotations/ and the folders of images; or a JSON file.
        crowd: Annotations with iscrowd = 1. auto: ignored, as in COCO; where most
            annotations have it, as with brushes of CVAT and RectLabel, objects.
        boxes: Objects that have a box and no outline. ask: ignored inside the box,
            but refused where all are boxes. object: the box is filled. background:
            they are left out.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.
        on_error: "skip" leaves out images that are listed and are not there.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    require("pycocotools.mask")
    src = Path(src)
    files = annotation_files(src)
    found = {split: read_coco(file) for split, file in files.items()}
    taxonomy, ids, notes = _classes(files, found)
    counts: Counter[str] = sum((f.counts for f in found.values()), Counter())
    crowds_are, crowd_note = _crowd_rule(crowd, counts)
    boxes_are, box_note = box_rule(
        boxes, counts["boxes"], counts["objects"], "ignore", src
    )
    drawings = {
        split: _drawings(file, src, found[split], on_error == "skip")
        for split, file in files.items()
    }
    empty = sum(not d.shapes for listed in drawings.values() for d in listed)
    if empty:
        notes.append(f"{empty} images without annotations are background")
    notes += [crowd_note, box_note]
    masks = partial(_masks, ids=ids, crowd=crowds_are, boxes=boxes_are)
    return samples_of(
        drawings,
        masks,
        small_on_top=True,
        notes=notes,
        taxonomy=taxonomy,
        overlap=overlap,
    )


def _classes(
    files: dict[str, Path], found: dict[str, CocoFile]
) -> tuple[Taxonomy, Ids, list[str]]:
    """The classes, the class id of each category of each file, and what to say."""
    used = {category for f in found.values() for category in f.used}
    names: dict[Path, dict[Any, str]] = {}
    notes: list[str] = []
    first = next(iter(files.values()))
    for split, file in files.items():
        content = found[split]
        if not content.images or not content.categories:
            raise UserError(
                f"{file} names no images or no categories. Export it again."
            )
        _check_listed(content, file)
        notes += _check_names(content, file, used)
        names[file] = {
            number: name
            for number, name in sorted(content.categories.items(), key=_in_order)
            if number in used or not _spare(number, name)
        }
        left = content.categories.keys() - names[file].keys()
        notes += [
            f"category {n} '{content.categories[n]}' has no object and is left out"
            for n in left
        ]
        if set(names[file].values()) != set(names[first].values()):
            raise UserError(
                f"{file} has other categories than {first}. Export both with the "
                "same categories, or move one of them away."
            )
    taxonomy, ids = class_ids(names[first].values())
    zero = [n for n in ids if n.casefold() in BACKGROUND]
    notes += [f"category '{name}' is the background, class 0" for name in zero]
    return (
        taxonomy,
        {file: {n: ids[name] for n, name in of.items()} for file, of in names.items()},
        list(dict.fromkeys(notes)),
    )


def _in_order(category: tuple[Any, str]) -> tuple[bool, Any]:
    """By id; ids that are texts after numbers."""
    return isinstance(category[0], str), category[0]


def _spare(number: Any, name: str) -> bool:
    """What tools write as a category without objects: the name of a Roboflow project,
    labelme's background."""
    return number == 0 or name.casefold() in BACKGROUND


def _check_names(content: CocoFile, file: Path, used: set) -> list[str]:
    """Categories of equal names are one class, if also their supercategories are
    equal; says so."""
    notes = []
    seen: dict[str, Any] = {}
    for number, name in content.categories.items():
        if number not in used and _spare(number, name):
            continue
        other = seen.setdefault(name, number)
        if other == number:
            continue
        parents = content.parents[other], content.parents[number]
        if parents[0] != parents[1]:
            raise UserError(
                f"{file}: categories {other} and {number} are both called '{name}' "
                f"(of '{parents[0]}' and '{parents[1]}'). Rename one of them there; "
                "equal names with equal supercategories become one class."
            )
        notes.append(f"categories {other} and {number}, both '{name}', are one class")
    return notes


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
        more = f" ({len(strange)} such ids)" if len(strange) > 1 else ""
        raise UserError(f"{file}: {strange[0]} is not listed{more}. Export it again.")


def _crowd_rule(crowd: str, counts: Counter[str]) -> tuple[str, str]:
    """What crowds become, and the words that say so."""
    crowds, objects = counts["crowds"], counts["objects"]
    if not crowds:
        return "ignore", ""
    most = 2 * crowds > objects
    rule = crowd if crowd != "auto" else "object" if most else "ignore"
    become = "objects" if rule == "object" else "ignored"
    other = "ignore" if rule == "object" else "object"
    return rule, (
        f"{crowds} of {objects} annotations have iscrowd = 1: they are {become} "
        f"(--crowd {other} changes it)"
    )


def _drawings(file: Path, src: Path, found: CocoFile, skip: bool) -> list[Drawing]:
    """The images of a file, with their annotations.

    skip: images that are not there stay, to be left out when they are read.
    """
    with read_as("COCO's JSON", file):
        return _listed(file, src, found, skip)


def _listed(file: Path, src: Path, found: CocoFile, skip: bool) -> list[Drawing]:
    folders, root, named = image_places(file, src)
    images = NamedImages(folders, root, named)
    paths, missing = [], []
    for image in found.images.values():
        url = str(image.get("coco_url", ""))  # LVIS: .../train2017/000000000009.jpg
        name = str(image.get("file_name") or "/".join(url.split("/")[-2:]))
        path = images.find(name)
        paths.append(path or folders[0] / Path(name).name)
        if path is None:
            missing.append(name)
    if missing and not skip:
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        raise UserError(
            f"{file} names {folders[0] / missing[0]}, which does not exist{more}. Put "
            "it there."
        )
    return [
        Drawing(
            name,
            path,
            file,
            (int(image.get("height") or 0), int(image.get("width") or 0)),
            tuple(found.annotations.get(number, ())),
        )
        for name, path, (number, image) in zip(
            sample_ids(paths), paths, found.images.items(), strict=True
        )
    ]


def _masks(
    drawing: Drawing, size: tuple[int, int], ids: Ids, crowd: str, boxes: Boxes
) -> Iterator[Painted]:
    for annotation in map(json.loads, drawing.shapes):
        class_id = ids[drawing.source][annotation["category_id"]]
        if "segmentation" not in annotation:
            if "bbox" in annotation and boxes != "background":
                mask = _mask(annotation, drawing, size)
                yield class_of_box(class_id, boxes), mask
            continue
        if annotation.get("iscrowd") and crowd == "ignore":
            class_id = VOID
        yield class_id, _mask(annotation, drawing, size)


def _mask(annotation: dict, drawing: Drawing, size: tuple[int, int]) -> np.ndarray:
    try:
        if "segmentation" not in annotation:
            left, top, width, height = map(float, annotation["bbox"])
            return box(left, top, width, height, size)
        return mask_of(annotation["segmentation"], size)
    except UNLIKE as error:
        raise UserError(
            f"{drawing.source}: annotation {annotation.get('id')} of "
            f"{drawing.image.name} cannot be decoded ({error}). Correct or remove it."
        ) from error
