"""GTA5 (Playing for Data): 24,966 frames of a game, 19 classes of Cityscapes.

Richter et al. 2016. Palette PNGs whose indices are the label ids of Cityscapes, and 34
for license plates, which it ignores; or the same as colours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_labels import KNOWN, TAXONOMY, VOID_COLOURS
from kerasseg.data.datasets.frames import Frame, samples_of, visible
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.reading.masks.mask import paint, read_mask
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

LICENSE_PLATE = 34
SPLITS = ("train", "val", "test")


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """GTA5: images/00001.png with labels/00001.png.

    Splits are those of split.mat (of the data set's read_mapping.zip), or of lists
    train.txt, val.txt and test.txt of names or numbers; without them all is train. Some
    labels of the real set are not as large as their image: --on-error skip leaves them
    out.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds images/ and labels/.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    frames = {
        image.stem: Frame(image.stem, image, src / "labels" / image.name)
        for image in visible(src / "images", "*.png")
    }
    if not frames or not (src / "labels").is_dir():
        raise UserError(
            f"{src} has no images/*.png with labels/*.png. Unpack all parts "
            "(01_images.zip, 01_labels.zip, ...) there."
        )
    lists = _lists(src)
    if not lists:
        return TAXONOMY, {"train": samples_of(frames.values(), _classes)}
    splits, missing = {}, 0
    for split, names in lists.items():
        missing += sum(name not in frames for name in names)
        splits[split] = [frames[name] for name in names if name in frames]
    said = f"{missing} images of the lists are not in images/." if missing else ""
    if not any(splits.values()):
        raise UserError(
            f"None of the images that the lists of {src} name is there. Unpack "
            "01_images.zip and its other parts there."
        )
    return TAXONOMY, {
        split: samples_of(found, _classes, left_out=said)
        for split, found in splits.items()
        if found
    }


def _lists(src: Path) -> dict[str, list[str]]:
    file = src / "split.mat"
    if file.is_file():
        try:
            stored: Any = require("scipy.io").loadmat(file)
            found = {split: stored[f"{split}Ids"].ravel().tolist() for split in SPLITS}
        except Exception as error:  # of scipy, there is no common one
            raise UserError(
                f"{file} does not hold trainIds, valIds and testIds ({error}). Copy it "
                "again, or move it away."
            ) from error
        return {split: [f"{int(n):05d}" for n in ids] for split, ids in found.items()}
    lists = {split: src / f"{split}.txt" for split in SPLITS}
    return {
        split: [
            f"{Path(word).stem:0>5}" for word in text_of(file).split() if word.strip()
        ]
        for split, file in lists.items()
        if file.is_file()
    }


def _classes(file: Path) -> np.ndarray:
    """(H, W) uint8 classes: by label id where the palette, if any, is Cityscapes'."""
    pixels, palette = read_mask(file)
    known = KNOWN.copy()
    known[LICENSE_PLATE] = IGNORE
    if pixels.ndim == 2:
        used = [i for i in np.unique(pixels) if i < len(known) and known[i] != IGNORE]
        official = np.array(TAXONOMY.colours, np.uint8)[known[used]]
        if palette is None or np.array_equal(palette[used], official):
            return to_classes(pixels, known, file)
    try:
        return _of_colours(paint(pixels, palette))
    except UserError as error:
        raise UserError(f"Label {file}: {error}") from error


def _of_colours(colours: np.ndarray) -> np.ndarray:
    """(H, W) classes of the colours of Cityscapes; other labels' are ignored."""
    void = list(VOID_COLOURS)
    names = (*TAXONOMY.names, *map(str, void))
    ids = Taxonomy(names, (*TAXONOMY.colours, *void)).from_colours(colours)
    return np.where(ids < TAXONOMY.num_classes, ids, np.uint8(IGNORE))
