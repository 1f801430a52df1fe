"""Annotations drawn with labelme: one JSON file an image, all types of shapes.

X-AnyLabeling and others save the same files.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.drawn.drawings import planes_of
from kerasseg.data.reading.drawn.labelme_shapes import rasterise
from kerasseg.data.reading.drawn.named_images import NamedImages
from kerasseg.data.reading.drawn.polygons import VOID, asked_alone
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pairing.divide import divide
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy, ignore_of, label_type

BACKGROUND, IGNORED = "_background_", "__ignore__"


def load(
    src: Path, /, *, labels: str = "", overlap: bool = False, val_share: float = 0.2
) -> tuple[Taxonomy, dict[str, Samples]]:
    """JSON files of labelme and X-AnyLabeling, images beside them, inside or below SRC.

    Layouts: *.json, of which some are chosen to validate on; or train/*.json and
    val/*.json (and test), by any usual names. Class 0 is the background; the others are
    the lines of labels.txt in their order, or without it all labels that occur, by
    alphabet. The label __ignore__ is ignored, _background_ gives 0. Shapes are
    drawn in the order of the file: later ones cover earlier ones. Samples have object
    ids: shapes of one label and one group_id are one object.

    Args:
        src: Folder of the JSON files.
        labels: File of class names, one a line, if it is not labels.txt in src.
        overlap: A pixel may be of several classes: each has a plane of its own, and
            there is no background.
        val_share: Share of the files to validate on, where there is no folder val.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    splits = _files(src)
    ids = _ids([f for files in splits.values() for f in files], _listing(src, labels))
    if list(splits) == ["train"]:
        splits = divide(splits["train"], val_share, lambda file: file.stem)
    names = [name for name, number in ids.items() if number > 0]
    colours = ((0, 0, 0), *Taxonomy.named(names).colours) if names else ((0, 0, 0),)
    taxonomy = Taxonomy(("background", *names), colours)
    taxonomy = asked_alone(taxonomy) if overlap else taxonomy
    read = partial(_read, ids=ids, images=NamedImages([], src), overlap=overlap)
    return taxonomy, {
        split: Samples(files, read, id=stem) for split, files in splits.items()
    }


def _files(src: Path) -> dict[str, list[Path]]:
    flat = _json(src)
    folders = [f for f in sorted(src.glob("*")) if split_of(f.name) and _json(f)]
    if flat and folders:
        names = ", ".join(folder.name for folder in folders)
        raise UserError(
            f"There are JSON files in {src} and in its folders {names}. Move those of "
            "no split away, such as predictions or COCO files."
        )
    if not flat and not folders:
        raise UserError(
            f"{src} holds no *.json, nor do its folders train, val, test. Name the "
            "folder in which labelme saved."
        )
    names_of = named([folder.name for folder in folders])
    found = {names_of[folder.name]: _json(folder) for folder in folders}
    return found or {"train": flat}


def _json(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.json")) if not is_junk(file)]


def _listing(src: Path, labels: str) -> list[str] | None:
    file = Path(labels) if labels else src / "labels.txt"
    if not file.is_file():
        if labels:
            raise UserError(f"--labels {file} does not exist. Check the path.")
        return None
    return [name for line in text_of(file).splitlines() if (name := line.strip())]


def _ids(files: list[Path], names: list[str] | None) -> dict[str, int]:
    """Id of each label; looks through all files before anything is written."""
    used: dict[str, Path] = {}
    for file in files:
        for shape in _document(file)["shapes"]:
            label = str(shape.get("label") or "").strip()
            if not label:
                raise UserError(
                    f"{file} has a shape without a label. Name it in labelme, or "
                    "remove it."
                )
            used.setdefault(str(shape.get("label")), file)
    fixed = {BACKGROUND: 0, "background": 0, IGNORED: VOID}
    classes = [n for n in (names or sorted(used)) if n not in fixed]
    ids = fixed | {name: number for number, name in enumerate(classes, 1)}
    for label, file in used.items():
        if label not in ids:
            raise UserError(
                f"{file} has a shape with the label '{label}', which is not in "
                "labels.txt. Add it there, or correct the shape."
            )
    return ids


def _document(file: Path) -> dict:
    try:
        document = json.loads(text_of(file))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file} is not a JSON file that can be read ({error}). Save it again."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
        raise UserError(
            f"{file} has no list of shapes: it was not saved by labelme. Move it away."
        )
    return document


def _read(
    file: Path, ids: dict[str, int], images: NamedImages, overlap: bool
) -> Sample:
    document = _document(file)
    image, encoded = read_image(_image(file, document, images))
    size = image.shape[:2]
    keys = ("imageHeight", "imageWidth")
    stated = tuple(document.get(k) or n for k, n in zip(keys, size, strict=True))
    if stated != size:
        raise UserError(
            f"{file} was drawn on an image of {stated} pixels (height, width), its "
            f"image has {size}. Put the image back that it was drawn on."
        )
    num_classes = 1 + max(ids.values())
    if overlap:
        blank = np.zeros((*size, num_classes - 1), np.uint8)
        painted = (
            (ids[str(s.get("label"))], m) for s, m in _masks(file, document, size)
        )
        label = planes_of(painted, blank)
        return Sample(file.stem, image, label, encoded=encoded)
    label = np.zeros(size, label_type(num_classes))
    instance = np.zeros(size, np.uint16)
    objects: dict[tuple, int] = {}
    for number, (shape, mask) in enumerate(_masks(file, document, size)):
        name, group = str(shape.get("label")), shape.get("group_id")
        label[mask] = ids[name] if ids[name] != VOID else ignore_of(num_classes)
        key = (name, f"shape {number}" if group is None else group)
        counts = ids[name] > 0
        instance[mask] = objects.setdefault(key, len(objects) + 1) if counts else 0
    return Sample(file.stem, image, label, instance, encoded=encoded)


def _masks(
    file: Path, document: dict, size: tuple[int, int]
) -> Iterator[tuple[dict, np.ndarray]]:
    """Each shape, and its (H, W) bool pixels."""
    for number, shape in enumerate(document["shapes"], 1):
        try:
            yield shape, rasterise(shape, size)
        except ValueError as error:
            raise UserError(f"{file}, shape {number}: {error}") from error


def _image(file: Path, document: dict, images: NamedImages) -> Path | EmbeddedFile:
    """The image inside the file, or where it says; else of that name beside it, else
    the only one below the source."""
    if document.get("imageData"):
        try:
            content = base64.b64decode(document["imageData"])
        except (TypeError, binascii.Error):
            content = b""  # not an image either, as read_image will say
        return EmbeddedFile(f"imageData of {file}", content)
    name = str(document.get("imagePath")).replace("\\", "/")
    for place in (file.parent / name, file.parent / PurePosixPath(name).name):
        if place.is_file():
            return place
    found = images.find(name)
    if found is None:
        raise UserError(
            f"{file} holds no imageData, and its image {file.parent / name} does not "
            "exist. Put the image there."
        )
    return found
