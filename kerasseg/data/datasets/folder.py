"""A folder of images and masks that belong together by name: for data of your own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.divide import check_share, divide
from kerasseg.data.reading.image import read_image, size_of
from kerasseg.data.reading.legend import Legend, legend_of
from kerasseg.data.reading.mask import class_ids, read_mask
from kerasseg.data.reading.pairs import IMAGES, Matched, Pair, layout, match
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy


def load(
    src: Path,
    /,
    *,
    images: str = "images",
    masks: str = "masks",
    legend: str = "",
    binary: bool = False,
    val_share: float = 0.2,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """A folder of images and masks of the same name, whatever made them.

    Layouts: images/x.jpg + masks/x.png; images/train/x.jpg + masks/train/x.png;
    train/images/x.jpg + train/masks/x.png (and val, test).
    Masks hold class ids (gray, or the indices of a palette; 255 = ignore), or colours
    that classes.txt names. One class a line: "name", "name R G B" or "R G B name"; if
    it gives colours, palette and RGB masks are read by colour (black = ignore, unless a
    class is black).
    Without a folder val, images are chosen for it by the hash of their names. Frames of
    one video must not be divided like this: make the folder val yourself.

    Args:
        src: Folder of the dataset, SRC.
        images: Name of the folders of images.
        masks: Name of the folders of masks.
        legend: File of class names, if it is not classes.txt or legend.txt in src.
        binary: Masks are 0 (background) and 255 (foreground), smoothed or not.
        val_share: Share of the images to validate on, where there is no folder val.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    check_share(val_share)
    splits = {
        split: _complete(match(*folders), binary)
        for split, folders in layout(src, images, masks).items()
    }
    known = legend_of(src, legend, binary)
    taxonomy = _survey([p for s in splits.values() for p in s], known, binary)
    if "train" in splits and "val" not in splits:
        splits |= divide(splits["train"], val_share, lambda pair: pair[0].stem)
    read = partial(_read, legend=known, binary=binary)
    return taxonomy, {
        split: Samples(pairs, read, id=stem) for split, pairs in splits.items()
    }


def _complete(found: Matched, binary: bool) -> list[Pair]:
    """The pairs of two folders, in which every file must have its place."""
    if found.same_stem:
        one, other = found.same_stem[0]
        raise UserError(f"{one} and {other} have one name. Rename one of them.")
    for alone, text in (
        (found.images_alone, f"Image {{}} has no mask of that name in {found.masks}"),
        (found.masks_alone, f"Mask {{}} has no image of that name in {found.images}"),
    ):
        if alone:
            more = f" ({len(alone)} such files)" if len(alone) > 1 else ""
            raise UserError(
                f"{text.format(alone[0])}{more}. Add it, or remove the file."
            )
    if not found.pairs:
        raise UserError(
            f"There is no image in {found.images} ({', '.join(sorted(IMAGES))})."
        )
    if found.lossy and not binary:
        raise UserError(
            f"Mask {found.lossy[0]} is a JPEG, which changes class ids and colours. "
            "Save masks as PNG (only --binary masks may be JPEG)."
        )
    for image, mask in found.pairs:
        size, mask_size = size_of(image), size_of(mask)
        if size != mask_size:
            raise UserError(
                f"Mask {mask} has {_text(mask_size)}, its image {image} has "
                f"{_text(size)}. Masks must be as large as their images."
            )
    return found.pairs


def _survey(pairs: list[Pair], legend: Legend, binary: bool) -> Taxonomy:
    """Looks through all masks before anything is written; the classes they need."""
    used: set[int] = set()
    for _, mask in pairs:
        used |= set(np.unique(_ids(mask, legend, binary)).tolist())
    if used <= {0, IGNORE} and IGNORE in used:
        raise UserError(
            f"The masks in {pairs[0][1].parent} hold only 0 and 255, and 255 means "
            "ignore. If 255 is the object, say --binary."
        )
    if legend.names:
        return legend.taxonomy()
    classes = max(used - {IGNORE}) + 1 if used - {IGNORE} else 1
    if len(used - {IGNORE}) < classes / 2:
        ids = ", ".join(str(i) for i in sorted(used)[:10])
        raise UserError(
            f"The masks hold ids {ids}: gray levels rather than class ids 0, 1, 2, ... "
            "Renumber them, or name all classes, one a line, in classes.txt."
        )
    _, palette = read_mask(pairs[0][1])
    numbered = Taxonomy.numbered(classes)
    if palette is None or len(palette) < classes:
        return numbered
    return Taxonomy(numbered.names, tuple(map(tuple, palette[:classes].tolist())))


def _ids(file: Path, legend: Legend, binary: bool) -> np.ndarray:
    """(H, W) uint8 class ids of a mask file."""
    pixels, palette = read_mask(file)
    try:
        return class_ids(pixels, palette, legend, binary)
    except UserError as error:
        raise UserError(f"Mask {file}: {error}") from error


def _read(pair: Pair, legend: Legend, binary: bool) -> Sample:
    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, _ids(pair[1], legend, binary), encoded=encoded)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels (height x width)"
