"""Label Studio's JSON exports: polygons, brushes, rectangles and ellipses.

labelstud.io/guide/export: coordinates are percent of the image's width and height.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.json_errors import drawn, read_as
from kerasseg.data.reading.drawn.label_studio_brush import brush_mask
from kerasseg.data.reading.drawn.label_studio_tasks import (
    HASHED,
    Task,
    file_name,
    read_tasks,
)
from kerasseg.data.reading.drawn.named_images import NamedImages, sample_ids
from kerasseg.data.reading.drawn.polygons import (
    Boxes,
    box,
    box_rule,
    class_ids,
    class_of_box,
    ellipse,
    polygon,
)
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy


def load(
    src: Path,
    /,
    *,
    images: str = "",
    image: str = "",
    annotator: str = "",
    boxes: Boxes = "ask",
    overlap: bool = False,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Label Studio: the JSON export, and the images below the same folder.

    Images are found by the end of their path, without the hash that Label Studio puts
    before the name if need be. Class 0 is the background, the others are the labels by
    alphabet. Regions are painted in their order: later ones cover earlier ones. Samples
    have object ids: the position of the region. Tasks without an annotation and
    cancelled annotations are left out, and counted; an annotation without a region
    is background. All is one split, train.

    Args:
        src: The JSON file, or a folder that holds it.
        images: Folder of the images, if they are not below that of the file.
        image: The key of a task's data that is the image, where there are several.
        annotator: Whose annotation counts where a task has several: an address or
            number of completed_by, or first or last by time.
        boxes: Rectangles. ask: filled as objects, but refused where all regions are
            rectangles. ignore: ignored inside. background: they are left out.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    with read_as("an export of Label Studio", src):
        file, tasks, left_out = read_tasks(src, image, annotator)
    labels = sorted({region.label for task in tasks for region in task.regions})
    if not labels:
        raise UserError(f"{file} has no region with a label. Draw some first.")
    taxonomy, ids = class_ids(labels)
    kinds = Counter(region.kind for task in tasks for region in task.regions)
    rule, note = box_rule(
        boxes, kinds["rectangle"], sum(kinds.values()), "object", file
    )
    notes = [
        f"{count} {what} are left out" for what, count in left_out.items() if count
    ]
    notes.append(note)
    folder = Path(images) if images else file.parent
    with read_as("an export of Label Studio", file):
        drawings = {"train": _drawings(file, folder, tasks)}
    masks = partial(_masks, ids=ids, boxes=rule)
    return samples_of(
        drawings,
        masks,
        small_on_top=False,
        notes=notes,
        taxonomy=taxonomy,
        overlap=overlap,
    )


def _drawings(file: Path, folder: Path, tasks: list[Task]) -> list[Drawing]:
    if not folder.is_dir():
        raise UserError(f"--images {folder} is not a folder. Check the path.")
    images = NamedImages([folder, folder / "images"], folder)
    paths = []
    for task in tasks:
        name = file_name(task.image)
        path = images.find(name)
        if path is None:
            path = images.find(HASHED.sub("", name.rsplit("/", 1)[-1], count=1))
        if path is None:
            raise UserError(
                f"{file}: task {task.number} names the image {task.image}; no file in "
                f"{folder} is called {name.rsplit('/', 1)[-1]}. Put it there, or name "
                "its folder with --images."
            )
        paths.append(path)
    drawings = []
    for name, path, task in zip(sample_ids(paths), paths, tasks, strict=True):
        sizes = {region.size for region in task.regions}
        if len(sizes) > 1:
            raise UserError(
                f"{file}: regions of task {task.number} are of images of several sizes "
                f"{sorted(sizes)}. Label the task again."
            )
        size = sizes.pop() if sizes else (0, 0)
        shapes = tuple(json.dumps(asdict(region)) for region in task.regions)
        drawings.append(Drawing(name, path, file, size, shapes))
    return drawings


def _masks(
    drawing: Drawing, size: tuple[int, int], ids: dict[str, int], boxes: Boxes
) -> Iterator[Painted]:
    for number, region in enumerate(map(json.loads, drawing.shapes), 1):
        class_id = ids[region["label"]]
        if region["kind"] == "rectangle":
            if boxes == "background":
                continue
            class_id = class_of_box(class_id, boxes)
        label, image = region["label"], drawing.image.name
        with drawn(f"{drawing.source}: region {number} ({label}) of {image}"):
            mask = _mask(region["kind"], region["value"], size)
        yield class_id, mask


def _mask(kind: str, value: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Percent to pixels, and drawn."""
    height, width = size
    if kind == "brush":
        return brush_mask(value["rle"], size)
    if kind == "bitmask":
        return _bitmap(value["imageDataURL"], size)
    scale = np.array([width, height]) / 100
    if kind == "polygon":
        return polygon(np.asarray(value["points"], float) * scale, size)
    corner = np.array([value["x"], value["y"]]) * scale
    degrees = float(value.get("rotation") or 0)
    if kind == "ellipse":
        radii = np.array([value["radiusX"], value["radiusY"]]) * scale
        return ellipse((corner[0], corner[1]), (radii[0], radii[1]), degrees, size)
    w, h = np.array([value["width"], value["height"]]) * scale
    if not degrees:
        return box(corner[0], corner[1], w, h, size)
    # A rectangle is turned clockwise around its upper left corner.
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return polygon(np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ turn + corner, size)


def _bitmap(url: str, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a PNG as data:image/png;base64,...: where alpha, or gray without
    alpha, is above 0."""
    content = base64.b64decode(url.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as bitmap:
        alpha = "A" in bitmap.getbands()
        pixels = np.asarray(bitmap.getchannel("A") if alpha else bitmap.convert("L"))
    if pixels.shape != size:
        raise UserError(f"its mask has {pixels.shape} pixels, not {size}")
    return pixels > 0
