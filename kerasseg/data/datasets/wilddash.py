"""WildDash 2: 4,256 frames from all over the world, 19 classes of Cityscapes.

Zendel et al. 2022. Labels beyond those of Cityscapes go where the authors' unified
policy puts them (wilddash_scripts, wd2_unified_label_policy.json): vans are cars,
pickups are trucks, road markings are road; billboards and street lights are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import coco_panoptic
from kerasseg.data.datasets.cityscapes_labels import KNOWN, NAMES, TAXONOMY
from kerasseg.data.datasets.frames import (
    Frame,
    classes_of,
    numbered,
    samples_of,
    things,
    visible,
)
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

BEYOND = ("pickup", "van", "billboard", "street-light", "road-marking")
"""Names of the labels 34 to 38; those before are the labels of Cityscapes."""

POLICY = {
    "road": "roadmarking manhole pothole tramtrack bikelane pedestrianarea catchbasin "
    "crosswalkplain crosswalkzebra servicelane",
    "sidewalk": "curb curbcut bikelanesidewalk manholesidewalk",
    "wall": "otherbarrier",
    "pole": "trafficsignframe utilitypole",
    "terrain": "curbterrain",
    "rider": "motorcyclist bicyclist otherrider",
    "car": "van",
    "truck": "pickup",
    "train": "onrails",
    "motorcycle": "autorickshaw",
    "": "billboard streetlight junctionbox mailbox phonebooth bikerack bird boat water "
    "groundanimal trafficsignany trafficsignback trashcan othervehicle bench mountain "
    "wheeledslow banner dashcammount sand firehydrant cctvcamera snow overlay",
}
"""Names of other labels, without blanks and dashes, by their class; "" is ignored."""


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """WildDash 2: images/*.jpg with labels/*.png of label ids, or panoptic.json.

    labels/ are those of wd_public_02.zip, with objects in instances/; the package
    wd_public_v2p0.zip has panoptic.json and panoptic/*.png. There is one split:
    --val-share divides it. The benchmark's images (wd_both_02) have no labels.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds images/.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not (src / "labels").is_dir():
        return _panoptic(src)
    images = visible(src / "images", "*.jpg", "*.png")
    if not images:
        raise UserError(f"{src}/images holds no image. Unpack wd_public_02.zip again.")
    objects = {file.stem: file for file in visible(src / "instances", "*.png")}
    frames = [
        Frame(
            image.stem,
            image,
            src / "labels" / f"{image.stem}.png",
            instances=objects.get(image.stem),
        )
        for image in images
    ]
    read = partial(classes_of, known=_known())
    return TAXONOMY, {"train": samples_of(frames, read, things)}


def _known() -> np.ndarray:
    table = KNOWN.copy()
    for number, name in enumerate(BEYOND, len(NAMES)):
        table[number] = _class_of()[_plain(name)]
    return table


def _panoptic(src: Path) -> tuple[Taxonomy, dict[str, Samples]]:
    file = src / "panoptic.json"
    if not file.is_file():
        raise UserError(
            f"{src} has neither labels/ nor panoptic.json. Unpack wd_public_02.zip or "
            "wd_public_v2p0.zip there; wd_both_02.zip has no labels."
        )
    found, splits = coco_panoptic.load(file)
    classes = _class_of()
    unknown = [name for name in found.names if _plain(name) not in classes]
    if unknown:
        raise UserError(
            f"{file} has a category '{unknown[0]}', which WildDash 2 does not. Use the "
            "file of wd_public_v2p0.zip, or the adapter coco_panoptic."
        )
    table = np.full(256, IGNORE, np.uint8)
    table[: len(found.names)] = [classes[_plain(name)] for name in found.names]
    (samples,) = splits.values()
    return TAXONOMY, {
        "train": replace(samples, read=partial(_mapped, samples.read, table))
    }


def _class_of() -> dict[str, int]:
    """Class id, or 255, of each name without blanks and dashes."""
    names = TAXONOMY.names
    classes = {_plain(name): KNOWN[i] for i, name in enumerate(NAMES)}
    for name, others in POLICY.items():
        number = names.index(name) if name else IGNORE
        classes |= dict.fromkeys(others.split(), number)
    return {name: int(number) for name, number in classes.items()}


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _mapped(read: Callable[[Any], Sample], table: np.ndarray, entry: Any) -> Sample:
    sample = read(entry)
    label = table[sample.label]
    objects = sample.instance
    instance = None if objects is None else numbered(objects, label)
    return replace(sample, label=label, instance=instance)
