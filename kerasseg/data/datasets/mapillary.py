"""Mapillary Vistas v1.2 and v2.0: 20,000 labelled street images of many sizes.

Neuhold et al. 2017. Names, colours and what is evaluated come from its config file.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.frames import Frame, object_numbers, samples_of, visible
from kerasseg.data.reading.masks.label_maps import lookup_table, to_classes
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

SPLITS = {"training": "train", "validation": "val"}
VERSIONS = ("v2.0", "v1.2")


def load(src: Path, /, *, version: str = "") -> tuple[Taxonomy, dict[str, Samples]]:
    """Mapillary Vistas: training/images/*.jpg with training/v2.0/labels/*.png.

    In the package of v1.2 labels are in training/labels/; without labels/ the class is
    taken from the 16-bit files in instances/, which tell objects apart too. Classes
    are those that the config file says to evaluate; the others become 255 = ignore.
    testing has no labels.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds training/, validation/ and the config file.
        version: v1.2 or v2.0; empty: the newest that is there.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if version not in ("", *VERSIONS):
        raise UserError(f"--version must be {' or '.join(VERSIONS)}, got '{version}'.")
    versions = [version] if version else list(VERSIONS)
    places = [f"{v}/" for v in versions] + [""] * ("v1.2" in versions)
    for place in places:
        folders = {s: _labels(src / s / place) for s in SPLITS}
        if any(folders.values()):
            break
    else:
        raise UserError(
            f"{src} has no folder training/{places[0]}labels. Name the folder that "
            "holds training/ and validation/ of Mapillary Vistas."
        )
    taxonomy, known, things = _config(src, place.strip("/") or "v1.2")
    splits = {}
    for folder, name in SPLITS.items():
        labels = folders[folder]
        images = visible(src / folder / "images", "*.jpg")
        if labels:
            objects = {
                file.stem: file for file in visible(labels.parent, "instances/*.png")
            }
            frames = [
                Frame(
                    image.stem,
                    image,
                    labels / f"{image.stem}.png",
                    instances=objects.get(image.stem),
                )
                for image in images
            ]
            read = partial(_classes, known=known)
            instances = partial(_objects, things=things)
            splits |= {name: samples_of(frames, read, instances)} if frames else {}
    if not splits:
        raise UserError(f"{src}/training/images holds no *.jpg. Unpack it again.")
    return taxonomy, splits


def _labels(folder: Path) -> Path | None:
    kinds = (folder / "labels", folder / "instances")
    return next((kind for kind in kinds if kind.is_dir()), None)


def _config(src: Path, version: str) -> tuple[Taxonomy, np.ndarray, tuple[int, ...]]:
    """Classes, lookup table of the labels, and the labels whose objects are told."""
    files = [src / f"config_{version}.json", src / "config.json"]
    file = next((f for f in files if f.is_file()), None)
    if file is None:
        raise UserError(
            f"{src} has no {files[0].name} (nor config.json), which names the classes. "
            "Copy it there from the archive of the data set."
        )
    try:
        entries = json.loads(file.read_bytes())["labels"]
        evaluated = {i: entry for i, entry in enumerate(entries) if entry["evaluate"]}
        names = tuple(entry["name"] for entry in evaluated.values())
        colours = tuple(tuple(entry["color"]) for entry in evaluated.values())
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} is not a config file of Mapillary Vistas ({type(error).__name__}: "
            f"{error}). Copy it again."
        ) from error
    classes = {stored: i for i, stored in enumerate(evaluated)}
    known = lookup_table(classes, ignored=range(len(entries)))
    things = tuple(i for i, entry in enumerate(entries) if entry.get("instances"))
    return Taxonomy(names, colours), known, things


def _classes(file: Path, known: np.ndarray) -> np.ndarray:
    stored, _ = read_mask(file)
    if file.parent.name == "instances":  # 16 bits: 256 * label + number of the object
        stored = stored // 256
    return to_classes(stored, known, file)


def _objects(file: Path, things: tuple[int, ...]) -> np.ndarray:
    """(H, W) numbers of objects, from 1 on: the first of a label may be number 0."""
    stored = object_numbers(file).astype(np.int64)
    return np.where(np.isin(stored // 256, things), stored + 1, 0)
