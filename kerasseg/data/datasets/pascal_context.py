"""PASCAL-Context: all pixels of VOC2010's images in 59 classes and background.

Mottaghi et al. 2014; 4,998 train and 5,105 val images. Names, order and ids of the
classes are those of mmsegmentation (datasets/pascal_context.py, and its converter).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import pascal_voc
from kerasseg.data.datasets.frames import Frame, samples_of
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.pairs import read_list
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

NAMES = (
    "background aeroplane bag bed bedclothes bench bicycle bird boat book bottle "
    "building bus cabinet car cat ceiling chair cloth computer cow cup curtain dog "
    "door fence floor flower food grass ground horse keyboard light motorbike "
    "mountain mouse person plate platform pottedplant road rock sheep shelves "
    "sidewalk sign sky snow sofa table track train tree truck tvmonitor wall water "
    "window wood"
).split()
IDS_OF_459 = (
    *(0, 2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98),
    *(104, 105, 113, 115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260),
    *(284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397, 415, 416),
    *(420, 424, 427, 440, 445, 454, 458),
)
"""Of the classes above in the MAT files; those between are none of the 59."""
MASKS = ("SegmentationClassContext", "trainval")
LISTS = ("ImageSets/SegmentationContext", "ImageSets/Main")


def load(
    src: Path, /, *, classes: Literal["59", "60"] = "59"
) -> tuple[Taxonomy, dict[str, Samples]]:
    """PASCAL-Context: VOC2010's JPEGImages, and masks as PNG or MAT files.

    SegmentationClassContext/*.png as mmsegmentation converts them (0 = background), or
    trainval/*.mat as they are given out (LabelMap, 459 ids). Splits are the lists of
    ImageSets/SegmentationContext, else VOC2010's own train and val in ImageSets/Main.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder VOC2010, with the masks in it.
        classes: 59: the background is 255 = ignore. 60: it is class 0.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    roots = (src, src / "VOC2010", src / "VOCdevkit/VOC2010")
    found = [r / m for r in roots for m in MASKS if (r / m).is_dir()]
    if not found:
        raise UserError(
            f"{src} holds neither {' nor '.join(MASKS)}. Put the masks into the folder "
            "VOC2010 beside JPEGImages, and name that."
        )
    masks = found[0]
    root, suffix = masks.parent, ".mat" if masks.name == "trainval" else ".png"
    if suffix == ".mat":
        require("scipy.io")
    lists = [root / name for name in LISTS if (root / name / "train.txt").is_file()]
    if not lists:
        raise UserError(
            f"{root} holds no train.txt in {' or '.join(LISTS)}. Unpack VOCtrainval of "
            "2010 again."
        )
    splits = {
        split: [
            Frame(name, root / f"JPEGImages/{name}.jpg", masks / f"{name}{suffix}")
            for name in read_list(lists[0] / f"{split}.txt")
        ]
        for split in ("train", "val")
    }
    first = 1 if classes == "59" else 0
    stored = IDS_OF_459 if suffix == ".mat" else tuple(range(len(NAMES)))
    label_of = partial(_label, stored=stored, first=first)
    said = "the background is 255 = ignore (--classes 60 keeps it)" if first else ""
    names = tuple(NAMES[first:])
    colours = tuple(pascal_voc.colour(i) for i in range(first, len(NAMES)))
    return Taxonomy(names, colours), {
        split: samples_of(frames, label_of, left_out=said)
        for split, frames in splits.items()
    }


def _label(file: Path, stored: tuple[int, ...], first: int) -> np.ndarray:
    """(H, W) uint8 class ids; stored: id in the files of background and each class.

    In MAT files other ids are classes beyond the 59: background.
    """
    known = np.full(1 << 16, 0 if file.suffix == ".mat" else -1)
    known[list(stored)] = np.arange(len(stored))
    pixels = _map_of(file) if file.suffix == ".mat" else read_mask(file)[0]
    whole = pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
    if not whole or not pixels.size or known[pixels].min() < 0:
        what = f"id {pixels[known[pixels] < 0][0]}" if whole else "colours"
        raise UserError(
            f"Mask {file} holds {what}; expected are the ids 0 to {len(NAMES) - 1} of "
            "mmsegmentation's converter. Other PNG files: python -m kerasseg.prepare "
            "folder."
        )
    ids = known[pixels] - first
    return np.where(ids < 0, IGNORE, ids).astype(np.uint8)


def _map_of(file: Path) -> np.ndarray:
    io = require("scipy.io")
    try:
        return np.asarray(io.loadmat(file)["LabelMap"])
    except Exception as error:  # damaged files raise MatReadError, zlib.error, ...
        raise UserError(
            f"{file} is not a MAT file with LabelMap ({error}). Unpack PASCAL-Context "
            "again."
        ) from error
