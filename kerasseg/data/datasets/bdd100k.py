"""BDD100K: 8,000 frames of as many drives with 19 classes, or objects; 80,000 with
drivable area and lane markings.

Yu et al. 2020. Semantic class ids and colours are those of Cityscapes; those of areas
and lanes are in bdd100k/label/label.py of github.com/bdd100k/bdd100k.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import bdd100k_bitmasks as bitmasks
from kerasseg.data.datasets.cityscapes_labels import TAXONOMY, TRAIN_IDS
from kerasseg.data.datasets.frames import Frame, classes_of, samples_of, visible
from kerasseg.data.reading.masks.label_maps import lookup_table
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

DRIVABLE = Taxonomy(
    ("direct", "alternative", "background"), ((219, 94, 86), (86, 211, 219), (0, 0, 0))
)
CATEGORIES = Taxonomy(
    (
        "crosswalk",
        "double other",
        "double white",
        "double yellow",
        "road curb",
        "single other",
        "single white",
        "single yellow",
        "background",
    ),
    (
        (219, 94, 86),
        (219, 194, 86),
        (145, 219, 86),
        (86, 219, 127),
        (86, 211, 219),
        (86, 111, 219),
        (160, 86, 219),
        (219, 86, 178),
        (0, 0, 0),
    ),
)


def _lanes(first_bit: int, bits: int) -> np.ndarray:
    """Class of each byte of a lane mask: those bits of it, or the last class where bit
    3 says that there is no lane."""
    values = np.arange(256, dtype=np.int16)
    lane = (values >> first_bit) & (2**bits - 1)
    return np.where(values & 8, 2**bits, lane).astype(np.int16)


SEMANTIC = (
    ("images/10k/{}", "labels/sem_seg/masks/{}", ".png"),
    ("seg/images/{}", "seg/labels/{}", "_train_id.png"),
)
"""Images, labels and end of the labels' names: now, and in the package of 2018."""
AREAS = (
    ("images/100k/{}", "labels/drivable/masks/{}", ".png"),
    ("images/100k/{}", "drivable_maps/labels/{}", "_drivable_id.png"),
)
LANES = (("images/100k/{}", "labels/lane/masks/{}", ".png"),)
OBJECTS = (("images/10k/{}", "labels/ins_seg/bitmasks/{}", ".png"),)
PANOPTIC = (("images/10k/{}", "labels/pan_seg/bitmasks/{}", ".png"),)
SAME = lookup_table({0: 0, 1: 1, 2: 2}, ignored=(IGNORE,))
OF_2018 = lookup_table({0: 2, 1: 0, 2: 1}, ignored=(IGNORE,))  # 0 was the background
NAMED = Taxonomy.named
KINDS = {
    "semantic": (TAXONOMY, SEMANTIC, (TRAIN_IDS, TRAIN_IDS), "sem_seg"),
    "instances": (bitmasks.INSTANCES, OBJECTS, (bitmasks.OF_INSTANCES,), "ins_seg"),
    "panoptic": (bitmasks.PANOPTIC, PANOPTIC, (bitmasks.OF_PANOPTIC,), "pan_seg"),
    "drivable": (DRIVABLE, AREAS, (SAME, OF_2018), "drivable"),
    "lanes": (CATEGORIES, LANES, (_lanes(0, 3),), "lane"),
    "lane-directions": (
        NAMED(["parallel", "vertical", "background"]),
        LANES,
        (_lanes(5, 1),),
        "lane",
    ),
    "lane-styles": (
        NAMED(["solid", "dashed", "background"]),
        LANES,
        (_lanes(4, 1),),
        "lane",
    ),
}
"""Classes, layouts, the lookup table of each layout, and the folder of the labels."""


def load(
    src: Path,
    /,
    *,
    labels: Literal[
        "semantic",
        "instances",
        "panoptic",
        "drivable",
        "lanes",
        "lane-directions",
        "lane-styles",
    ] = "semantic",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """BDD100K: images/10k/train/*.jpg with labels/sem_seg/masks/train/*.png, and val.

    Also the package of 2018: seg/images/train/*.jpg, seg/labels/train/*_train_id.png.
    Drivable area and lanes: images/100k/train/*.jpg with labels/drivable/masks/train/
    (or drivable_maps/labels/train/*_drivable_id.png of 2018), labels/lane/masks/train/.
    The test split has no labels and is left out.

    instances (labels/ins_seg/bitmasks/) has 8 classes of objects and background,
    panoptic (labels/pan_seg/bitmasks/) 40 classes; both keep the objects. Regions to
    ignore are ignored, crowds have their class and are no object.

    drivable has 3 classes, lanes 8 kinds of lines (bits 0 to 2 of its masks),
    lane-directions and lane-styles two each (bits 5 and 4); what is no lane (bit 3) is
    the last class, background.

    Lanes and bitmasks were tried on the masks of bdd100k's own tests, the rest on
    miniatures of this layout only.

    Args:
        src: Folder bdd100k, or the folder that holds it.
        labels: Which labels to read.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    taxonomy, layouts, tables, kind = KINDS[labels]
    splits: dict[str, Samples] = {}
    for root in (src, src / "bdd100k"):
        for (images, masks, end), table in zip(layouts, tables, strict=True):
            for split in ("train", "val"):
                folder = root / masks.format(split)
                files = visible(root / images.format(split), "*.jpg")
                if split in splits or not folder.is_dir() or not files:
                    continue
                frames = [Frame(f.stem, f, folder / (f.stem + end)) for f in files]
                said = ""
                if labels != "semantic":  # not all images have them
                    there = [frame for frame in frames if frame.label.is_file()]
                    lone = len(frames) - len(there)
                    said = f"{split}: {lone} images have no mask and are left out."
                    frames, said = there, said if lone else ""
                read, objects = partial(classes_of, known=table), None
                if first_thing := bitmasks.THINGS.get(labels):
                    frames = [replace(frame, instances=frame.label) for frame in frames]
                    read = partial(bitmasks.classes_of, known=table)
                    objects = partial(bitmasks.objects_of, first_thing=first_thing)
                if frames:
                    splits[split] = samples_of(frames, read, objects, left_out=said)
    if not splits:
        raise _nothing(src, labels, kind)
    return taxonomy, splits


def _nothing(src: Path, labels: str, kind: str) -> UserError:
    for root in (src, src / "bdd100k"):
        for other in ("polygons", "rles"):
            file = root / "labels" / kind / other
            if file.is_dir():
                mode = "lane_mark" if kind == "lane" else kind
                masks = KINDS[labels][1][0][1].format("")
                return UserError(
                    f"{file} holds {other} only, which are not read. Unpack the masks, "
                    f"{masks}, or draw them with: python -m "
                    f"bdd100k.label.to_mask -m {mode} (pip install bdd100k)."
                )
    images, masks, end = KINDS[labels][1][0]
    also, has = "", "has no"
    if labels == "semantic":
        also, has = " nor seg/images/train/*.jpg with seg/labels/train", "has neither"
    return UserError(
        f"{src} {has} {images.format('train')}/*.jpg with "
        f"{masks.format('train')}/*{end}{also}. Unpack the archives of images and of "
        f"labels ({labels}) into one folder, and name its folder bdd100k."
    )
