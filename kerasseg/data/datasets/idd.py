"""India Driving Dataset (IDD): 20,000 frames in two parts, 19 classes of Cityscapes.

Varma et al. 2019. Labels, and where they go, are those of anue_labels.py in
github.com/AutoNUE/public-code; its files are named after the kind of ids in them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import cityscapes_labels
from kerasseg.data.datasets.cityscapes_polygons import label_ids
from kerasseg.data.datasets.frames import Frame, classes_of, samples_of, visible
from kerasseg.data.datasets.idd_labels import IDS, Number, lookup_table, taxonomy
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy

SPLITS = ("train", "val")
IMAGE = "_leftImg8bit"
KINDS: dict[str, Number] = {
    "labelids": "id",
    "labellevel3ids": "level3",
    "labellevel2ids": "level2",
    "labellevel1ids": "level1",
}
CITYSCAPES = {
    "labelcstrainids": cityscapes_labels.TRAIN_IDS,
    "labelcsids": cityscapes_labels.KNOWN,
}


def load(
    src: Path, /, *, classes: Literal[7, 16, 19, 26] = 19
) -> tuple[Taxonomy, dict[str, Samples]]:
    """IDD: leftImg8bit/train/0/*_leftImg8bit.png (or .jpg) with gtFine/train/0/*.

    Labels are drawn from *_gtFine_polygons.json; where there is none they are
    *_gtFine_labelids.png, ..._labellevel3Ids.png, ..._labelcsTrainIds.png or another
    kind that AutoNUE's createLabels.py writes. Of level 3, what holds several classes
    (caravans with trains, bridges with tunnels, parking) is ignored, and fallback
    ground is terrain, as AutoNUE's csTrainId has it. A drive is a sequence. test has no
    labels and is left out.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds leftImg8bit/ and gtFine/ (IDD_Segmentation, idd20kII).
        classes: 19 of Cityscapes, or the 26, 16 or 7 of IDD's own levels 3, 2 and 1.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    splits: dict[str, list[Frame]] = {}
    for split in SPLITS:
        folder = src / "leftImg8bit" / split
        images = visible(folder, f"*/*{IMAGE}.png", f"*/*{IMAGE}.jpg")
        splits[split] = [_frame(image, src) for image in images]
    if not any(splits.values()):
        raise UserError(
            f"{src} has no image leftImg8bit/train/DRIVE/*{IMAGE}.png (or .jpg). Name "
            "the folder that holds leftImg8bit/ and gtFine/."
        )
    read = partial(_classes, classes=classes)
    tests = len(visible(src / "leftImg8bit" / "test", f"*/*{IMAGE}.*"))
    said = f"test has no labels: {tests} images are left out." if tests else ""
    return taxonomy(classes), {
        split: samples_of(frames, read, left_out=said)
        for split, frames in splits.items()
        if frames
    }


def _frame(image: Path, src: Path) -> Frame:
    drive, name = image.parent.name, image.stem.removesuffix(IMAGE)
    folder = src / "gtFine" / image.parent.parent.name / drive
    drawing = folder / f"{name}_gtFine_polygons.json"
    if drawing.is_file():
        return Frame(f"{drive}_{name}", image, drawing, drive)
    found = {_kind(file): file for file in folder.glob(f"{name}_gtFine_label*.png")}
    kind = next((k for k in (*KINDS, *CITYSCAPES) if k in found), None)
    return Frame(f"{drive}_{name}", image, found[kind] if kind else drawing, drive)


def _kind(file: Path) -> str:
    return file.stem.rpartition("_")[2].casefold()


def _classes(file: Path, classes: int) -> np.ndarray:
    """(H, W) uint8 class ids of a label file of any kind."""
    if file.suffix == ".json":
        return to_classes(
            label_ids(file, IDS, skip_short=True), lookup_table("id", classes), file
        )
    kind = _kind(file)
    if kind in KINDS:
        return classes_of(file, lookup_table(KINDS[kind], classes, file))
    if classes != len(cityscapes_labels.CLASSES):
        raise UserError(
            f"{file} has ids of Cityscapes: --classes {classes} needs the polygons, or "
            "files made with --id-type id."
        )
    return classes_of(file, CITYSCAPES[kind])
