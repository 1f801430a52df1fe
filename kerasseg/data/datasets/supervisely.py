"""Projects of images of Supervisely: meta.json, and a JSON file an image.

docs.supervisely.com, "Annotation JSON format"; the data sets of datasetninja.com.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from kerasseg import UserError
from kerasseg.data.reading.drawn.drawings import Drawing, Painted, samples_of
from kerasseg.data.reading.drawn.json_errors import drawn, read_as
from kerasseg.data.reading.drawn.named_images import NamedImages, sample_ids
from kerasseg.data.reading.drawn.polygons import (
    Boxes,
    box,
    box_rule,
    class_ids,
    class_of_box,
    polygon,
)
from kerasseg.data.reading.negatives import Negatives, negatives_note
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

NO_AREA = ("point", "polyline", "line", "graph", "cuboid", "cuboid_2d", "tag")
BACKGROUND = ("__bg__", "__bg", "bg")
"""Further names of class 0."""


def load(
    src: Path,
    /,
    *,
    boxes: Boxes = "ask",
    negatives: Negatives = "ask",
    overlap: bool = False,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Supervisely: meta.json, and folders DATASET/ann/*.json and DATASET/img/.

    Class 0 is the background, the others are the classes of meta.json in its order,
    but those of points and lines. Objects (polygons with holes, bitmaps, alpha masks,
    rectangles) are painted in the order of the file: later ones cover earlier ones.
    Points, lines and the like are left out and counted. Data sets called train, val or
    test are these splits; without any such name all are train. Samples have object ids:
    the position among the objects.

    Args:
        src: Folder of the unpacked project.
        boxes: Rectangles. ask: filled as objects, but refused where all objects are
            rectangles. ignore: ignored inside. background: they are left out.
        negatives: Images without an object. background: nothing is on them. skip: they
            are left out, as not yet annotated. ask: refused.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    root = _root(src)
    taxonomy, ids = _classes(root / "meta.json")
    counts: Counter[str] = Counter()
    by_split: dict[str, list[Annotation]] = {}
    for folder in _data_sets(root):
        annotations = _annotations(folder / "ann")
        by_split.setdefault(folder.name, []).extend(annotations)
        counts.update(kind for one in annotations for kind in one.kinds)
    names = dict.fromkeys(by_split, "train")
    if any(map(split_of, by_split)):
        names = named(by_split)
    splits: dict[str, list[Drawing]] = {}
    for data_set, annotations in by_split.items():
        splits.setdefault(names[data_set], []).extend(_drawings(annotations, root))
    splits = {s: _with_ids(listed) for s, listed in splits.items()}
    areas = sum(n for kind, n in counts.items() if kind not in NO_AREA)
    rule, note = box_rule(boxes, counts["rectangle"], areas, "object", src)
    notes = [note]
    notes += [f"{counts[k]} of {k} are left out" for k in NO_AREA if counts[k]]
    empty = [d.image for listed in splits.values() for d in listed if not d.shapes]
    images = sum(map(len, splits.values()))
    notes.append(negatives_note(negatives, empty, images, "object"))
    kept = {
        split: [d for d in listed if d.shapes or negatives == "background"]
        for split, listed in splits.items()
    }
    masks = partial(_masks, ids=ids, boxes=rule)
    return samples_of(
        kept, masks, small_on_top=False, notes=notes, taxonomy=taxonomy, overlap=overlap
    )


def _root(src: Path) -> Path:
    """The folder with meta.json: src, or the only one in it."""
    found = [f.parent for f in (src / "meta.json", *sorted(src.glob("*/meta.json")))]
    found = [f for f in found if (f / "meta.json").is_file()]
    if not found or (len(found) > 1 and found[0] != src):
        raise UserError(
            f"{src} holds {'several' if found else 'no'} meta.json. Name the folder of "
            "one project of Supervisely, with meta.json in it."
        )
    return found[0]


def _data_sets(root: Path) -> list[Path]:
    """The folders with ann/ in them, nested ones too."""
    found = [f.parent for f in sorted(root.rglob("ann")) if f.is_dir()]
    found = [f for f in found if not is_junk(f)]
    if not found:
        raise UserError(
            f"{root} has no folder DATASET/ann. Export the project in Supervisely's "
            "format."
        )
    return found


def _classes(file: Path) -> tuple[Taxonomy, dict[str, int]]:
    with read_as("Supervisely's meta.json", file):
        classes = json.loads(file.read_text(encoding="utf-8-sig"))["classes"]
        titles = [str(c["title"]) for c in classes if c.get("shape") not in NO_AREA]
    back = {t: 0 for t in titles if t.casefold() in BACKGROUND}
    taxonomy, ids = class_ids(t for t in titles if t not in back)
    return taxonomy, ids | back


class Annotation(NamedTuple):
    """A file, the (H, W) of its image, and the kind of each object; bitmaps would fill
    memory, and are read with the image."""

    file: Path
    size: tuple[int, int]
    kinds: tuple[str, ...]


def _annotations(folder: Path) -> list[Annotation]:
    """The files of a data set."""
    found = []
    for file in sorted(folder.glob("*.json")):
        if is_junk(file):
            continue
        with read_as("an annotation of Supervisely", file):
            document = json.loads(file.read_text(encoding="utf-8-sig"))
            if "framesCount" in document or "figures" in document:
                raise UserError(
                    f"{file} is of a video or a point cloud. Turn the project into one "
                    "of images there."
                )
            size = int(document["size"]["height"]), int(document["size"]["width"])
            kinds = tuple(map(_kind, document["objects"]))
        found.append(Annotation(file, size, kinds))
    return found


def _kind(shape: dict) -> str:
    return str(shape.get("geometryType") or shape.get("shape") or "polygon")


def _drawings(annotations: list[Annotation], root: Path) -> Iterator[Drawing]:
    """Shapes are the numbers of objects that have an inside."""
    finders: dict[Path, NamedImages] = {}
    for file, size, kinds in annotations:
        folder = file.parent.parent
        places = [folder / "img", folder / "images", folder]
        finder = finders.setdefault(folder, NamedImages(places, folder))
        name = file.name.removesuffix(".json")
        image = finder.find(name) or _of_stem(folder / "img", name)
        if image is None:
            raise UserError(
                f"{file} is of {folder / 'img' / name}, which does not exist. "
                f"Export {root.name} with its images."
            )
        areas = (str(i) for i, kind in enumerate(kinds) if kind not in NO_AREA)
        yield Drawing(image.stem, image, file, size, tuple(areas))


def _of_stem(folder: Path, stem: str) -> Path | None:
    """Old projects name the annotation without the image's ending."""
    found = sorted(folder.glob(f"{stem}.*")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def _with_ids(drawings: list[Drawing]) -> list[Drawing]:
    ids = sample_ids([drawing.image for drawing in drawings])
    return [
        Drawing(name, d.image, d.source, d.size, d.shapes)
        for name, d in zip(ids, drawings, strict=True)
    ]


def _masks(
    drawing: Drawing, size: tuple[int, int], ids: dict[str, int], boxes: Boxes
) -> Iterator[Painted]:
    objects = json.loads(drawing.source.read_text(encoding="utf-8-sig"))["objects"]
    for number in map(int, drawing.shapes):
        shape, where = objects[number], f"{drawing.source}: object {number + 1}"
        title = str(shape.get("classTitle"))
        if title not in ids:
            raise UserError(f"{where} has the class '{title}', not one of meta.json.")
        class_id = ids[title]
        if _kind(shape) == "rectangle":
            if boxes == "background":
                continue
            class_id = class_of_box(class_id, boxes)
        with drawn(where):
            mask = _mask(shape, size)
        yield class_id, mask


def _mask(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    kind = _kind(shape)
    if kind in ("bitmap", "alpha_mask"):
        bitmap = shape.get(kind) or shape["bitmap"]
        return _bitmap(bitmap["data"], bitmap["origin"], size)
    if kind not in ("polygon", "rectangle"):
        raise UserError(f"the shape '{kind}' is unknown")
    points = shape["points"]["exterior"]
    if kind == "rectangle":  # both corners belong to it
        (x0, y0), (x1, y1) = points
        left, top = min(x0, x1), min(y0, y1)
        return box(left, top, abs(x1 - x0) + 1, abs(y1 - y0) + 1, size)
    mask = polygon(points, size)
    for hole in shape["points"].get("interior") or ():
        mask &= ~polygon(hole, size)
    return mask


def _bitmap(data: str, origin: list[int], size: tuple[int, int]) -> np.ndarray:
    """A PNG in zlib in base64, whose left upper pixel is at x, y."""
    encoded = base64.b64decode(data)
    try:
        encoded = zlib.decompress(encoded)
    except zlib.error:
        pass  # the PNG itself
    with Image.open(io.BytesIO(encoded)) as image:
        bands = image.getbands()
        channel = image.getchannel("A") if "A" in bands else image.convert("L")
        part = np.asarray(channel) > 0
    left, top = (int(value) for value in origin)
    height, width = part.shape
    if min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        raise UserError(
            f"its bitmap of {part.shape} pixels at {left}, {top} leaves the image of "
            f"{size}"
        )
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = part
    return mask
