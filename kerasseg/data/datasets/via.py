"""Regions drawn with the VGG Image Annotator (VIA) 1 and 2: JSON, projects and CSV.

Dutta and Zisserman 2019; robots.ox.ac.uk/~vgg/software/via.
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
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.json_errors import drawn
from kerasseg.data.reading.drawn.named_images import NamedImages, sample_ids
from kerasseg.data.reading.drawn.polygons import (
    VOID,
    Boxes,
    box,
    box_rule,
    class_ids,
    class_of_box,
    ellipse,
    polygon,
)
from kerasseg.data.reading.drawn.via_files import ViaImage, read_via, via_files
from kerasseg.data.reading.negatives import Negatives, negatives_note
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

OBJECT = "object"
"""The name of the one class where regions have no attribute."""
LINES = ("polyline", "line")


def load(
    src: Path,
    /,
    *,
    attribute: str = "",
    boxes: Boxes = "ask",
    polylines: Literal["ask", "object", "background"] = "ask",
    negatives: Negatives = "ask",
    overlap: bool = False,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """VIA: via_region_data.json, a project (via_project.json) or a CSV export.

    The images are beside the file or below SRC. Splits are train/ and val/ with a file
    each; one file is all train. Class 0 is the background, the others are the values of
    one region attribute, by alphabet, and a region without a value is ignored;
    where no region has an attribute, all are the class "object". Regions are painted in
    the order of the file: later ones cover earlier ones. Samples have object ids: the
    position of the region in the image.

    Args:
        src: Folder that holds the file and the images; or the file.
        attribute: The region attribute that is the class; needed where there are
            several.
        boxes: Rectangles. ask: filled as objects, but refused where all regions are
            rectangles. ignore: ignored inside. background: they are left out.
        polylines: Open lines. object: closed and filled, as Mask R-CNN's examples do.
            background: they are left out. ask: refused.
        negatives: Images without a region. background: nothing is on them. skip:
            they are left out, as not yet annotated. ask: refused.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    files = via_files(src)
    found = {split: read_via(file) for split, file in files.items()}
    name, classes, unnamed = _classes(files, found, attribute)
    taxonomy, ids = class_ids(classes)
    notes = [f"classes are the values of '{name}'"] if name else []
    if unnamed:
        notes.append(f"{unnamed} regions without a value of it are ignored")
    counts = Counter(
        str(shape["name"])
        for images in found.values()
        for image in images
        for shape, _ in image.regions
    )
    filled = sum(counts.values()) - counts["point"]
    rule, note = box_rule(boxes, counts["rect"], filled, "object", src)
    notes += [note, *_left_out(counts, polylines, src)]
    drawings = {
        split: _drawings(file, src, found[split], negatives, notes)
        for split, file in files.items()
    }
    masks = partial(
        _masks, ids=ids, attribute=name, boxes=rule, lines=polylines == "object"
    )
    return samples_of(
        drawings,
        masks,
        small_on_top=False,
        notes=notes,
        taxonomy=taxonomy,
        overlap=overlap,
    )


def _classes(
    files: dict[str, Path], found: dict[str, list[ViaImage]], attribute: str
) -> tuple[str, list[str], int]:
    """The attribute that is the class, "" for none; its values; regions without."""
    keys: Counter[str] = Counter()
    regions = []
    for split, images in found.items():
        for image in images:
            for number, (_, attributes) in enumerate(image.regions, 1):
                where = f"{files[split]}: region {number} of {image.name}"
                regions.append((where, attributes))
                keys.update(k for k, v in attributes.items() if v not in ("", None, {}))
    if not regions:
        raise UserError(f"{next(iter(files.values()))} has no region. Draw some.")
    if attribute and not keys[attribute]:
        raise UserError(
            f"No region has the attribute '{attribute}'. --attribute may be "
            f"{', '.join(sorted(keys)) or 'left out: there are none'}."
        )
    if len(keys) > 1 and not attribute:
        raise UserError(
            f"Regions have the attributes {', '.join(sorted(keys))}. Say which one is "
            "the class with --attribute NAME."
        )
    name = attribute or next(iter(keys), "")
    if not name:
        return "", [OBJECT], 0
    values = [_value(a.get(name), where) for where, a in regions]
    return name, sorted({v for v in values if v}), values.count("")


def _value(value: Any, where: str) -> str:
    """The text of an attribute; of a checkbox, the one that is ticked."""
    if isinstance(value, dict):
        ticked = [key for key, on in value.items() if on]
        if len(ticked) > 1:
            raise UserError(
                f"{where} is ticked as {' and '.join(ticked)}. A pixel has one class: "
                "tick one."
            )
        return ticked[0] if ticked else ""
    return "" if value is None else str(value).strip()


def _left_out(counts: Counter[str], polylines: str, src: Path) -> list[str]:
    """What to say of regions that are not areas."""
    notes = []
    lines = sum(counts[name] for name in LINES)
    if lines and polylines == "ask":
        raise UserError(
            f"{src} has {lines} regions that are open lines, which have no inside. Say "
            "--polylines object to close and fill them, or --polylines background to "
            "leave them out."
        )
    if lines:
        what = "closed and filled" if polylines == "object" else "left out"
        notes.append(f"{lines} open lines are {what}")
    if counts["point"]:
        notes.append(f"{counts['point']} points are left out")
    return notes


def _drawings(
    file: Path,
    src: Path,
    found: list[ViaImage],
    negatives: Negatives,
    notes: list[str],
) -> list[Drawing]:
    empty = [f"{image.name} of {file}" for image in found if not image.regions]
    notes.append(negatives_note(negatives, empty, len(found), "region"))
    kept = [i for i in found if i.regions or negatives == "background"]
    root = src if src.is_dir() else file.parent
    split = file.parent.name if file.parent != root else ""
    images = NamedImages([file.parent, file.parent / "images", root], root, split)
    paths = []
    for image in kept:
        path = images.find(image.name)
        if path is None:
            raise UserError(
                f"{file} names {file.parent / image.name}, which does not exist. Put "
                "it there."
            )
        paths.append(path)
    changed = sum(
        image.bytes > 0 and path.stat().st_size != image.bytes
        for image, path in zip(kept, paths, strict=True)
    )
    if changed:
        notes.append(
            f"{changed} of {len(kept)} images of {file.name} have another size in "
            "bytes than when they were drawn on: check that none was resized"
        )
    return [
        Drawing(name, path, file, shapes=tuple(json.dumps(r) for r in image.regions))
        for name, path, image in zip(sample_ids(paths), paths, kept, strict=True)
    ]


def _masks(
    drawing: Drawing,
    size: tuple[int, int],
    ids: dict[str, int],
    attribute: str,
    boxes: Boxes,
    lines: bool,
) -> Iterator[Painted]:
    for number, (shape, attributes) in enumerate(map(json.loads, drawing.shapes), 1):
        kind = shape["name"]
        where = f"{drawing.source}: region {number} of {drawing.image.name}"
        name = _value(attributes.get(attribute), where) if attribute else OBJECT
        class_id = ids.get(name, VOID)
        if kind == "point" or (kind in LINES and not lines):
            continue
        if kind == "rect":
            if boxes == "background":
                continue
            class_id = class_of_box(class_id, boxes)
        with drawn(where):
            mask = _mask(shape, size)
        yield class_id, mask


def _mask(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    kind = shape["name"]
    if kind in ("polygon", *LINES):
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        return polygon(list(zip(xs, ys, strict=True)), size)
    if kind == "rect":
        return box(shape["x"], shape["y"], shape["width"], shape["height"], size)
    if kind == "circle":
        return ellipse((shape["cx"], shape["cy"]), (shape["r"], shape["r"]), 0, size)
    if kind == "ellipse":
        degrees = np.degrees(shape.get("theta") or 0)  # VIA 2 turns in radians
        radii = shape["rx"], shape["ry"]
        return ellipse((shape["cx"], shape["cy"]), radii, degrees, size)
    raise UserError(f"the shape '{kind}' is unknown")
