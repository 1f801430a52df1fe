"""LoveDA: 5,987 aerial images of 1024 x 1024 of towns and countryside, 7 classes.

Wang et al. 2021; masks hold 1 to 7, and 0 where there is no data. Colours as in
mmsegmentation and torchgeo.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets.frames import Frame, classes_of, samples_of, visible
from kerasseg.data.reading.masks.label_maps import lookup_table
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

CLASSES = {
    "background": (255, 255, 255),
    "building": (255, 0, 0),
    "road": (255, 255, 0),
    "water": (0, 0, 255),
    "barren": (159, 129, 183),
    "forest": (0, 255, 0),
    "agricultural": (255, 195, 128),
}
TAXONOMY = Taxonomy(tuple(CLASSES), tuple(CLASSES.values()))
KNOWN = lookup_table({i + 1: i for i in range(len(CLASSES))}, ignored=(0, IGNORE))
SPLITS = {"Train": "train", "Val": "val"}
AREAS = ("Rural", "Urban")


def load(src: Path, /, *, area: str = "") -> tuple[Taxonomy, dict[str, Samples]]:
    """LoveDA: Train/Rural/images_png/*.png with masks_png/*.png, Urban, and Val.

    Also as mmsegmentation copies them: img_dir/train/*.png with ann_dir/train/*.png.
    Ids 1 to 7 become classes 0 to 6; 0, no data, becomes 255 = ignore. Ids of samples
    begin with the area (Rural_0): --group-by '^(Rural|Urban)' makes it a group. Test
    has no masks and is left out.

    Tried on the three real tiles of mmsegmentation's tests, and on miniatures.

    Args:
        src: Folder that holds Train/ and Val/.
        area: Rural or Urban; empty: both.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if area not in ("", *AREAS):
        raise UserError(f"--area must be Rural or Urban, got '{area}'.")
    splits: dict[str, list[Frame]] = {}
    for folder, split in SPLITS.items():
        for name in AREAS:
            root = src / folder / name
            if area in ("", name):
                splits.setdefault(split, []).extend(
                    Frame(f"{name}_{f.stem}", f, root / "masks_png" / f.name)
                    for f in visible(root / "images_png", "*.png")
                )
        if not area:  # the copies of mmsegmentation do not tell areas
            splits[split] += [
                Frame(f.stem, f, src / "ann_dir" / split / f.name)
                for f in visible(src / "img_dir" / split, "*.png")
            ]
    if not any(splits.values()):
        raise UserError(
            f"{src} has no Train/{area or 'Rural'}/images_png/*.png (nor img_dir/"
            "train). Name the folder that holds Train/ and Val/."
        )
    tests = len(visible(src / "Test", "*/images_png/*.png"))
    said = f"Test has no masks: {tests} images are left out." if tests else ""
    read = partial(classes_of, known=KNOWN)
    return TAXONOMY, {
        split: samples_of(frames, read, left_out=said)
        for split, frames in splits.items()
        if frames
    }
