"""PASCAL VOC segmentation: 20 classes of objects and background, 255 along borders.

Everingham et al. 2010; VOC2012 has 1,464 train and 1,449 val images. Masks are palette
PNG files whose indices are the class ids.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pairing.pairs import Pair, existing
from kerasseg.data.reading.pairing.splits import lines_of
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def colour(index: int) -> tuple[int, int, int]:
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
TAXONOMY = Taxonomy(tuple(NAMES), tuple(colour(i) for i in range(len(NAMES))))
SPLITS = ("trainaug", "train", "val", "test")
LISTS = "ImageSets/Segmentation"
AUGMENTED = "SegmentationClassAug"
"""Masks of VOC and of SBD's further images in one folder, as users of DeepLab have."""


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """PASCAL VOC: JPEGImages/, SegmentationClass/, ImageSets/Segmentation/train.txt.

    Splits train and val, and test where its masks are there (VOC2007). Where there are
    trainaug.txt and SegmentationClassAug, the union with SBD (10,582 images) that
    others have made, train is that, and it is said; see the dataset sbd and its --voc
    to make it. Lists may also hold pairs of paths, as DeepLab's do.

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
    source = {}
    if "trainaug" in splits:
        splits = {"train": splits.pop("trainaug"), **_without("train", splits)}
        line = f"train is trainaug.txt with the masks of {AUGMENTED}"
        source = {"layout": {"line": line}}
    return TAXONOMY, {
        split: Samples(entries, read_sample, id=stem, source=source)
        for split, entries in splits.items()
    }


def _without(split: str, splits: dict[str, list[Pair]]) -> dict[str, list[Pair]]:
    return {name: pairs for name, pairs in splits.items() if name != split}


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
    file = root / LISTS / f"{split}.txt"
    return [PurePosixPath(words[0]).stem for _, words in lines_of(file)]


def pairs(root: Path, names: list[str]) -> list[Pair]:
    """Image and mask of each id.

    Raises UserError where one does not exist.
    """
    found = [(root / f"JPEGImages/{n}.jpg", _mask(root, n)) for n in names]
    return existing(found, root / LISTS)


def _mask(root: Path, name: str) -> Path:
    """The mask in SegmentationClass; where it is not there, of SBD's images too."""
    own, other = (root / f / f"{name}.png" for f in ("SegmentationClass", AUGMENTED))
    return other if other.is_file() and not own.is_file() else own


def read_sample(pair: Pair) -> Sample:
    """The sample of an image and its palette PNG.

    Raises UserError where one cannot be read, or the mask holds no class ids.
    """
    image, encoded = read_image(pair[0])
    label, _ = read_mask(pair[1])
    if label.ndim != 2 or label.dtype != np.uint8:
        raise UserError(
            f"Mask {pair[1]} must be a palette PNG whose indices are class ids, and "
            "holds colours. python -m kerasseg.prepare voc_masks reads these."
        )
    return Sample(pair[0].stem, image, label, encoded=encoded)


def _labelled(root: Path, split: str) -> bool:
    if not (root / LISTS / f"{split}.txt").is_file():
        return False
    masks = (_mask(root, n) for n in listed(root, split))
    if split == "trainaug" and not (root / AUGMENTED).is_dir():
        return False
    return split != "test" or any(mask.is_file() for mask in masks)
