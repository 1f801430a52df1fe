"""PASCAL VOC segmentation: 20 classes of objects and background, 255 along borders.

Everingham et al. 2010; VOC2012 has 1,464 train and 1,449 val images. Masks are palette
PNG files whose indices are the class ids.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.image import read_image
from kerasseg.data.reading.mask import read_mask
from kerasseg.data.reading.pairs import Pair, existing, read_list
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def _colour(index: int) -> tuple[int, int, int]:
    """The devkit's colour of an id: its bits go in turn to R, G, B, top bit first."""
    red, green, blue = (
        sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for channel in range(3)
    )
    return red, green, blue


NAMES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable "
    "dog horse motorbike person pottedplant sheep sofa train tvmonitor"
).split()
TAXONOMY = Taxonomy(tuple(NAMES), tuple(_colour(i) for i in range(len(NAMES))))
SPLITS = ("train", "val", "test")
LISTS = "ImageSets/Segmentation"


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """PASCAL VOC: JPEGImages/, SegmentationClass/, ImageSets/Segmentation/train.txt.

    Splits train and val, and test where its masks are there (VOC2007). For the union
    with SBD, "trainaug", see the dataset sbd and its --voc.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder VOC2012 (or another year), or VOCdevkit with one such folder in it.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    root = folder(Path(src))
    splits = {s: pairs(root, listed(root, s)) for s in SPLITS if _labelled(root, s)}
    if not splits:
        raise UserError(
            f"{root}/ImageSets/Segmentation has neither train.txt nor val.txt. Unpack "
            "VOCtrainval again."
        )
    return TAXONOMY, {
        split: Samples(entries, read_sample, id=stem)
        for split, entries in splits.items()
    }


def folder(src: Path) -> Path:
    """The folder of one year: `src`, or the only one in `src` or src/VOCdevkit.

    Raises UserError where there is none, or several.
    """
    found = [
        f
        for f in (src, *sorted(src.glob("VOC*")), *sorted(src.glob("VOCdevkit/VOC*")))
        if (f / LISTS).is_dir()
    ]
    if not found:
        raise UserError(
            f"{src} holds no ImageSets/Segmentation. Name the folder VOC2012 of "
            "VOCdevkit."
        )
    if len(found) > 1:
        years = ", ".join(f.name for f in found)
        raise UserError(f"{src} holds several years ({years}). Name one of them.")
    return found[0]


def listed(root: Path, split: str) -> list[str]:
    """Image ids of a split, in the order of its list.

    Raises UserError where there is no such list.
    """
    return read_list(root / LISTS / f"{split}.txt")


def pairs(root: Path, names: list[str]) -> list[Pair]:
    """Image and mask of each id.

    Raises UserError where one does not exist.
    """
    found = [
        (root / f"JPEGImages/{n}.jpg", root / f"SegmentationClass/{n}.png")
        for n in names
    ]
    return existing(found, root / LISTS)


def read_sample(pair: Pair) -> Sample:
    """The sample of an image and its palette PNG.

    Raises UserError where one cannot be read, or the mask holds no class ids.
    """
    image, encoded = read_image(pair[0])
    label, _ = read_mask(pair[1])
    if label.ndim != 2 or label.dtype != np.uint8:
        raise UserError(
            f"Mask {pair[1]} must be a palette PNG whose indices are class ids. Copy "
            "it from SegmentationClass again, without a conversion to RGB."
        )
    return Sample(pair[0].stem, image, label, encoded=encoded)


def _labelled(root: Path, split: str) -> bool:
    if not (root / LISTS / f"{split}.txt").is_file():
        return False
    masks = (root / f"SegmentationClass/{n}.png" for n in listed(root, split))
    return split != "test" or any(mask.is_file() for mask in masks)
