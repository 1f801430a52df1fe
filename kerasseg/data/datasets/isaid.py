"""iSAID: 1,869 labelled aerial images of DOTA, 15 kinds of objects and background.

Waqas Zamir et al. 2019; colours of its masks as in its development kit and in
mmsegmentation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.frames import Frame, samples_of, visible
from kerasseg.data.reading.masks.label_maps import lookup_table, to_classes
from kerasseg.data.reading.masks.mask import paint, read_mask
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

CLASSES = {
    "background": (0, 0, 0),
    "ship": (0, 0, 63),
    "store_tank": (0, 63, 63),
    "baseball_diamond": (0, 63, 0),
    "tennis_court": (0, 63, 127),
    "basketball_court": (0, 63, 191),
    "ground_track_field": (0, 63, 255),
    "bridge": (0, 127, 63),
    "large_vehicle": (0, 127, 127),
    "small_vehicle": (0, 0, 127),
    "helicopter": (0, 0, 191),
    "swimming_pool": (0, 0, 255),
    "roundabout": (0, 191, 127),
    "soccer_ball_field": (0, 127, 191),
    "plane": (0, 127, 255),
    "harbor": (0, 100, 155),
}
TAXONOMY = Taxonomy(tuple(CLASSES), tuple(CLASSES.values()))
KNOWN = lookup_table({i: i for i in range(len(CLASSES))}, ignored=(IGNORE,))
SPLITS = ("train", "val")
MASK, OBJECTS = "_instance_color_RGB.png", "_instance_id_RGB.png"


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """iSAID: train/images/P0002.png with train/Semantic_masks/images/P0002_..._RGB.png.

    Masks, *_instance_color_RGB.png, and objects, *_instance_id_RGB.png, may be in any
    folder below train/ and val/. Also the tiles of mmsegmentation: img_dir/train/*.png
    with ann_dir/train/*_instance_color_RGB.png, which hold ids 0 to 15 and 255 =
    ignore. Unlabelled pixels are background, as black is. Tiles of one image are a
    sequence. Images without a mask are left out, as all of test.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds train/ and val/, or img_dir/ and ann_dir/.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    splits = {}
    for split in SPLITS:
        roots = [src / split, src / "img_dir" / split, src / "ann_dir" / split]
        files = [f for root in roots for f in visible(root, "**/*.png")]
        masks = {f.name.removesuffix(MASK): f for f in files if f.name.endswith(MASK)}
        objects = {
            f.name.removesuffix(OBJECTS): f for f in files if f.name.endswith(OBJECTS)
        }
        images = [f for f in files if not f.name.endswith((MASK, OBJECTS))]
        frames = [
            Frame(
                image.stem,
                image,
                masks[image.stem],
                image.stem.partition("_")[0],
                objects.get(image.stem),
            )
            for image in images
            if image.stem in masks
        ]
        lone = len(images) - len(frames)
        said = f"{split}: {lone} images have no *{MASK} and are left out."
        if frames:
            splits[split] = samples_of(frames, _classes, _objects, said if lone else "")
    if not splits:
        raise UserError(
            f"{src} has no train/images/*.png (nor img_dir/train) with masks *{MASK}. "
            "Unpack images of DOTA and Semantic_masks of iSAID there."
        )
    return TAXONOMY, splits


def _classes(file: Path) -> np.ndarray:
    pixels, palette = read_mask(file)
    try:
        colours = paint(pixels, palette)
        if pixels.ndim == 3 or _official(colours):
            return TAXONOMY.from_colours(colours)
    except UserError as error:
        raise UserError(f"Label {file}: {error}") from error
    return to_classes(pixels, KNOWN, file)  # ids, as mmsegmentation has them


def _official(colours: np.ndarray) -> bool:
    """Whether these are colours, and all of them of iSAID; a gray ramp is not."""
    if colours.ndim != 3:
        return False
    return {
        tuple(c) for c in np.unique(colours.reshape(-1, 3), axis=0).tolist()
    } <= set(TAXONOMY.colours)


def _objects(file: Path) -> np.ndarray:
    """(H, W) object ids R + 256 G + 65536 B, 0 = none."""
    pixels, palette = read_mask(file)
    colours = paint(pixels, palette)
    if colours.ndim != 3:
        raise UserError(
            f"{file} holds no colours, which are the numbers of objects. Use the files "
            "of Instance_masks, or remove it."
        )
    return colours.astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16], np.uint32)
