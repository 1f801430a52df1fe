"""Cityscapes: 5,000 finely and 20,000 coarsely labelled frames, 19 classes.

Cordts et al. 2016; label ids, train ids and colours of cityscapesscripts (labels.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_labels import KNOWN, TAXONOMY, TRAIN_IDS
from kerasseg.data.datasets.cityscapes_polygons import label_ids
from kerasseg.data.datasets.frames import (
    Frame,
    classes_of,
    object_numbers,
    samples_of,
    things,
    visible,
)
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

__all__ = ["KNOWN", "TAXONOMY", "load"]

SPLITS = ("train", "val", "train_extra")
IMAGE = "_leftImg8bit.png"
LABELS = ("labelIds.png", "labelTrainIds.png", "polygons.json", "instanceIds.png")


def load(src: Path, /, *, coarse: bool = False) -> tuple[Taxonomy, dict[str, Samples]]:
    """Cityscapes: leftImg8bit/train/aachen/*.png with gtFine/train/aachen/*.

    Labels are *_labelIds.png, else *_labelTrainIds.png, else drawn from
    *_polygons.json, else those in *_instanceIds.png. Label ids that Cityscapes does
    not train become 255 = ignore. Objects are those of *_instanceIds.png, where these
    are. The labels of its test split are dummies, so it is left out. Frames of one
    recording are a sequence.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds leftImg8bit/ and gtFine/ or gtCoarse/.
        coarse: Read gtCoarse instead of gtFine: splits train, val and train_extra.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src, kind = Path(src), "gtCoarse" if coarse else "gtFine"
    for folder in ("leftImg8bit", kind):
        if not (src / folder).is_dir():
            raise UserError(
                f"{src} has no folder {folder}. Unpack leftImg8bit_trainvaltest.zip "
                f"and the archive of {kind} into one folder, and name that."
            )
    splits = {}
    for split in SPLITS:
        images = visible(src / "leftImg8bit" / split, f"*/*{IMAGE}")
        if (src / kind / split).is_dir():
            splits[split] = [_frame(image, src, kind) for image in images]
    if not any(splits.values()):
        raise UserError(
            f"{src} has no image leftImg8bit/train/CITY/*{IMAGE} with labels in "
            f"{kind}/train/CITY. Unpack both archives into this folder."
        )
    return TAXONOMY, {
        split: samples_of(frames, classes, things)
        for split, frames in splits.items()
        if frames
    }


def classes(file: Path) -> np.ndarray:
    """(H, W) uint8 classes of a label file of Cityscapes, which its name tells apart:
    label ids, train ids, polygons, or objects (label ids, or those * 1000 + number)."""
    if file.suffix == ".json":
        return to_classes(label_ids(file), KNOWN, file)
    if "instance" in file.name:
        stored = object_numbers(file)
        labels = np.where(stored >= 1000, stored // 1000, stored)
        return to_classes(labels, KNOWN, file)
    return classes_of(file, TRAIN_IDS if "TrainIds" in file.name else KNOWN)


def _frame(image: Path, src: Path, kind: str) -> Frame:
    name = image.name.removesuffix(IMAGE)
    folder = src / kind / image.parent.parent.name / image.parent.name
    labels = [folder / f"{name}_{kind}_{end}" for end in LABELS]
    label = next((file for file in labels if file.is_file()), labels[0])
    objects = folder / f"{name}_{kind}_instanceIds.png"
    # City and number of the recording: aachen_000000 of aachen_000000_000019.
    recording = name.rpartition("_")[0]
    return Frame(name, image, label, recording, objects if objects.is_file() else None)
