"""Ultralytics' YOLO segmentation: data.yaml, and a text file of polygons an image.

docs.ultralytics.com/datasets/segment: each line is a class number and x, y of corners,
0 to 1; or, for detection, a class number and centre, width and height of a box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.named_images import sample_ids
from kerasseg.data.reading.drawn.polygons import (
    Boxes,
    box,
    box_rule,
    class_ids,
    class_of_box,
    polygon,
)
from kerasseg.data.reading.drawn.yolo_yaml import image_lists, names_of, yaml_of
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

OUTSIDE = 0.01
"""Corners may lie outside 0..1 by so much: what tools round."""


def load(
    src: Path,
    /,
    *,
    boxes: Boxes = "ask",
    overlap: bool = False,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """YOLO: data.yaml, images/train/*.jpg and labels/train/*.txt, and val and test.

    Also train/images and train/labels, as Roboflow writes it, and classes.txt instead
    of data.yaml, as Label Studio does. Class 0 is the background; class number n of the
    files is class n + 1. Objects are painted from the largest to the smallest, as
    Ultralytics does, so that small ones stay visible. Images without a text file, or
    with an empty one, are background, as for Ultralytics; their number is said. Samples
    have object ids: the number of the line that is an object.

    Args:
        src: Folder that holds data.yaml or classes.txt; or the YAML file.
        boxes: Lines that are boxes. ask: ignored inside the box, but refused where
            all are boxes. object: the box is filled. background: they are left out.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    file, settings = yaml_of(src)
    names = names_of(settings, file, src)
    taxonomy, by_name = class_ids(names)
    ids = tuple(by_name[name] for name in names)
    lists, notes = image_lists(settings, file, src)
    counts: Counter[str] = Counter()
    splits = {}
    for split, images in lists.items():
        splits[split] = _drawings(images, len(names), counts)
    if not counts["files"]:
        raise UserError(
            f"{src}: no image has a text file of labels, such as "
            f"{label_file(next(iter(lists.values()))[0])}. Put labels/ beside images/."
        )
    if counts["missing"]:
        notes.append(f"{counts['missing']} images without a label file are background")
    rule, note = box_rule(boxes, counts["boxes"], counts["objects"], "ignore", src)
    notes += [note] if note else []
    masks = partial(_masks, ids=ids, boxes=rule)
    return samples_of(
        splits,
        masks,
        small_on_top=True,
        notes=notes,
        taxonomy=taxonomy,
        overlap=overlap,
    )


def label_file(image: Path) -> Path:
    """The text file of an image: labels/ for the last images/ of its path."""
    parts = list(image.with_suffix(".txt").parts)
    for i in reversed(range(len(parts) - 1)):
        if parts[i].lower() == "images":
            parts[i] = "Labels" if parts[i] == "Images" else "labels"
            break
    return Path(*parts)


def _drawings(images: list[Path], classes: int, counts: Counter[str]) -> list[Drawing]:
    """Each image and its text file, checked; `counts` grows."""
    drawings = []
    for name, image in zip(sample_ids(images), images, strict=True):
        file = label_file(image)
        if not file.is_file():
            file = image.with_suffix(".txt")
        if file.is_file():
            counts["files"] += 1
            for _, numbers in _lines(file, classes):
                counts["objects"] += 1
                counts["boxes"] += numbers.size == 4
            drawings.append(Drawing(name, image, file))
        else:
            counts["missing"] += 1
            drawings.append(Drawing(name, image, image))
    return drawings


def _lines(file: Path, classes: int) -> Iterator[tuple[int, np.ndarray]]:
    """Class number and coordinates of each line of a text file."""
    for row, line in enumerate(text_of(file).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{file} line {row}"
        try:
            number, *values = map(float, words)
        except ValueError as error:
            raise UserError(
                f"{where}: '{line[:40]}' is not a list of numbers. Export it again."
            ) from error
        if number != int(number) or not 0 <= number < classes:
            raise UserError(
                f"{where} has class {words[0]}, but there are names for classes 0 to "
                f"{classes - 1}. Correct it, or add the name to data.yaml."
            )
        numbers = np.array(values)
        if numbers.size != 4 and (numbers.size < 6 or numbers.size % 2):
            raise UserError(
                f"{where} has {numbers.size} numbers after the class. A polygon is x y "
                "of 3 corners or more, a box is x y width height. Export it again."
            )
        if not ((numbers >= -OUTSIDE) & (numbers <= 1 + OUTSIDE)).all():
            raise UserError(
                f"{where} has numbers outside 0 to 1. Divide x by the width and y by "
                "the height of the image."
            )
        yield int(number), numbers


def _masks(
    drawing: Drawing, size: tuple[int, int], ids: tuple[int, ...], boxes: Boxes
) -> Iterator[Painted]:
    if drawing.source == drawing.image:
        return
    height, width = size
    for number, values in _lines(drawing.source, len(ids)):
        if values.size == 4:
            x, y, w, h = values * [width, height, width, height]
            if boxes != "background":
                mask = box(x - w / 2, y - h / 2, w, h, size)
                yield class_of_box(ids[number], boxes), mask
        else:
            yield ids[number], polygon(values.reshape(-1, 2) * [width, height], size)
