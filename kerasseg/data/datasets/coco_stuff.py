"""COCO-Stuff: things and stuff in label maps, or stuff alone as maps or run lengths.

Caesar et al. 2018; github.com/nightrome/cocostuff. Ids 1-91 are things, 92-182 stuff;
in the stuff task of COCO 183 is all things together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.datasets.coco_stuff_names import COLOURS, NAMES
from kerasseg.data.reading.drawn.coco_json import read_coco
from kerasseg.data.reading.drawn.coco_masks import mask_of
from kerasseg.data.reading.masks.label_maps import lookup_table, to_classes
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.pairs import with_labels
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

NEVER = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91)
"""Things that the list of names has and no image: 182 names are 171 classes."""

ALL = [i for i in range(1, 183) if i not in NEVER]
OTHER = 183
STUFF = range(92, OTHER + 1)
MAPS_KNOWN = lookup_table(  # the maps hold id - 1
    {stored - 1: i for i, stored in enumerate(ALL)},
    ignored=(*(i - 1 for i in NEVER), IGNORE),
)
STUFF_KNOWN = lookup_table({stored: i for i, stored in enumerate(STUFF)}, ignored=(0,))
MAPS = ("stuffthingmaps_trainval2017/{}", "stuffthingmaps/{}", "annotations/{}")
PIXELMAPS = ("annotations/stuff_{}_pixelmaps", "stuff_{}_pixelmaps")
JSON = ("annotations/stuff_{}.json", "stuff_{}.json")
SPLITS = {"train2017": "train", "val2017": "val"}


@dataclass(frozen=True)
class Entry:
    """An image and JSON texts of its annotations of stuff in the file `source`."""

    source: Path
    image: Path
    annotations: tuple[str, ...]


def load(
    src: Path, /, *, labels: Literal["auto", "maps", "pixelmaps", "json"] = "auto"
) -> tuple[Taxonomy, dict[str, Samples]]:
    """COCO-Stuff: train2017/*.jpg (or images/train2017/) and val2017 with their labels.

    maps: stuffthingmaps_trainval2017/train2017/*.png (its first folder may also be
    stuffthingmaps/ or annotations/), 171 classes of things and stuff.
    pixelmaps: annotations/stuff_train2017_pixelmaps/*.png, and json:
    annotations/stuff_train2017.json with run lengths; both have 91 classes of stuff
    and "other", which is all things.
    Unlabelled pixels become 255 = ignore.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds the images and the labels.
        labels: Which labels to read; auto takes the first of the three that are there.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    kinds = ["maps", "pixelmaps", "json"] if labels == "auto" else [labels]
    found = {kind: _places(src, kind) for kind in kinds}
    kind = next((k for k in kinds if found[k]), None)
    if kind is None:
        raise UserError(
            f"{src} has no labels: {MAPS[0].format('train2017')}, "
            f"{PIXELMAPS[0].format('train2017')} or {JSON[0].format('train2017')}. "
            "Unpack one of these archives there, or check --labels."
        )
    splits = {}
    for year, place in found[kind].items():
        images = _images(src, year)
        if kind == "json":
            require("pycocotools.mask")
            splits[SPLITS[year]] = Samples(_entries(images, place), _read_runs, id=stem)
        else:
            pairs = with_labels(images.glob("*.jpg"), partial(_label, place))
            read = partial(_read, known=MAPS_KNOWN if kind == "maps" else STUFF_KNOWN)
            splits[SPLITS[year]] = Samples(pairs, read, id=stem)
    return _taxonomy(ALL if kind == "maps" else STUFF), splits


def _taxonomy(ids: Iterable[int]) -> Taxonomy:
    """Names and colours of these ids; 183, all things together, is white."""
    colours = dict(zip(ALL, COLOURS, strict=True)) | {OTHER: (255, 255, 255)}
    return Taxonomy(tuple(NAMES[i] for i in ids), tuple(colours[i] for i in ids))


def _places(src: Path, kind: str) -> dict[str, Path]:
    """The first place of each split that holds labels of a kind."""
    patterns = {"maps": MAPS, "pixelmaps": PIXELMAPS, "json": JSON}[kind]
    found = {}
    for year in SPLITS:
        places = [src / pattern.format(year) for pattern in patterns]
        place = next((p for p in places if p.exists()), None)
        found |= {year: place} if place else {}
    return found


def _images(src: Path, year: str) -> Path:
    folders = [f for f in (src / "images" / year, src / year) if any(f.glob("*.jpg"))]
    if not folders:
        raise UserError(
            f"There are labels of {year}, but no image {src / year}/*.jpg. Unpack "
            f"{year}.zip there."
        )
    return folders[0]


def _label(folder: Path, image: Path) -> Path:
    return folder / f"{image.stem}.png"


def _read(pair: tuple[Path, Path], known: np.ndarray) -> Sample:
    image, encoded = read_image(pair[0])
    label = to_classes(read_mask(pair[1])[0], known, pair[1])
    return Sample(pair[0].stem, image, label, encoded=encoded)


def _entries(images: Path, file: Path) -> list[Entry]:
    found = read_coco(file)
    names = {number: image["file_name"] for number, image in found.images.items()}
    if not names:
        raise UserError(f"{file} names no images. Copy it again.")
    missing = [n for n in names.values() if not (images / n).is_file()]
    if missing:
        raise UserError(
            f"{file} names {images / missing[0]}, which does not exist. Unpack the "
            "images again."
        )
    return [
        Entry(file, images / name, tuple(found.annotations.get(number, ())))
        for number, name in names.items()
    ]


def _read_runs(entry: Entry) -> Sample:
    image, encoded = read_image(entry.image)
    stored = np.zeros(image.shape[:2], np.uint8)
    for annotation in map(json.loads, entry.annotations):
        category = annotation.get("category_id")
        try:
            if category not in STUFF:
                raise UserError("it is not stuff (92 to 183)")
            stored[mask_of(annotation["segmentation"], image.shape[:2])] = category
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise UserError(
                f"{entry.source}: category {category} of {entry.image.name} cannot be "
                f"read ({error}). Use stuff_train2017.json and its own images."
            ) from error
    label = to_classes(stored, STUFF_KNOWN, entry.source)
    return Sample(entry.image.stem, image, label, encoded=encoded)
