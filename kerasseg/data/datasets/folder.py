"""A folder of images and masks that belong together by name: for data of your own."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.datasets.reading.images import read_image, read_mask, size_of
from kerasseg.data.datasets.reading.legend import Legend, read_legend
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
MASKS = {*IMAGES, ".gif"} - {".jpg", ".jpeg"}
NAMES = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
LEGENDS = ("classes.txt", "legend.txt")


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
    one video must not be parted so: then make the folder val yourself.

    Args:
        src: Folder of the dataset, SRC.
        images: Name of the folders of images.
        masks: Name of the folders of masks.
        legend: File of class names, if it is not classes.txt or legend.txt in src.
        binary: Masks are 0 (background) and 255 (foreground), smoothed or not.
        val_share: Share of the images to validate on, where there is no folder val.
    """
    src = Path(src)
    if not 0 <= val_share < 1:
        raise UserError(f"--val-share must be at least 0 and below 1, got {val_share}.")
    splits = {
        split: _pairs(*folders, binary)
        for split, folders in _layout(src, images, masks).items()
    }
    known = _legend(src, legend, binary)
    taxonomy = _survey([p for s in splits.values() for p in s], known, binary)
    if "train" in splits and "val" not in splits and val_share:
        splits |= _divide(splits["train"], val_share)
    read = partial(_read, legend=known, binary=binary)
    return taxonomy, {
        split: Samples(pairs, read, id=stem) for split, pairs in splits.items()
    }


def _layout(src: Path, images: str, masks: str) -> dict[str, tuple[Path, Path]]:
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    if (src / images).is_dir():
        names = _folders(src / images)
        found = {n: (src / images / n, src / masks / n) for n in names}
        found = found or {"train": (src / images, src / masks)}
    else:
        names = [n for n in _folders(src) if (src / n / images).is_dir()]
        found = {n: (src / n / images, src / n / masks) for n in names}
    if not found:
        raise UserError(
            f"{src} has neither {images}/ nor train/{images}/. Name the folders of "
            "images and masks with --images and --masks."
        )
    for image_folder, mask_folder in found.values():
        if not mask_folder.is_dir():
            raise UserError(
                f"There are images in {image_folder}, but no folder {mask_folder}. "
                "Name the folder of masks with --masks, or move away what has no masks."
            )
    return {NAMES.get(name, name): folders for name, folders in found.items()}


def _folders(folder: Path) -> list[str]:
    return sorted(
        f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")
    )


def _pairs(images: Path, masks: Path, binary: bool) -> list[tuple[Path, Path]]:
    image_files = _by_stem(images, IMAGES)
    mask_files = _by_stem(masks, IMAGES | MASKS)
    for one, other, what in (
        (image_files, mask_files, f"Image {{}} has no mask of that name in {masks}"),
        (mask_files, image_files, f"Mask {{}} has no image of that name in {images}"),
    ):
        alone = [one[stem] for stem in one if stem not in other]
        if alone:
            more = f" ({len(alone)} such files)" if len(alone) > 1 else ""
            raise UserError(
                f"{what.format(alone[0])}{more}. Add it, or remove the file."
            )
    if not image_files:
        raise UserError(f"There is no image in {images} ({', '.join(sorted(IMAGES))}).")
    pairs = [(image_files[stem], mask_files[stem]) for stem in sorted(image_files)]
    for image, mask in pairs:
        if mask.suffix.lower() not in MASKS and not binary:
            raise UserError(
                f"Mask {mask} is a JPEG, which changes class ids and colours. Save "
                "masks as PNG (only --binary masks may be JPEG)."
            )
        if size_of(image) != size_of(mask):
            raise UserError(
                f"Mask {mask} has {_text(size_of(mask))}, its image {image} has "
                f"{_text(size_of(image))}. Masks must be as large as their images."
            )
    return pairs


def _by_stem(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    files = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in suffixes and not file.name.startswith("."):
            if file.stem in files:
                raise UserError(
                    f"{files[file.stem]} and {file} have one name. Rename one of them."
                )
            files[file.stem] = file
    return files


def _legend(src: Path, legend: str, binary: bool) -> Legend:
    files = (
        [Path(legend)] if legend else [src / n for n in LEGENDS if (src / n).exists()]
    )
    known = read_legend(files[0]) if files else Legend()
    if binary and not known.names:
        return Legend(("background", "foreground"))
    if binary and len(known.names) != 2:
        raise UserError(
            f"--binary makes 2 classes, {files[0]} names {len(known.names)}."
        )
    return known


def _survey(pairs: list[tuple[Path, Path]], legend: Legend, binary: bool) -> Taxonomy:
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
        if binary:
            bright = pixels if palette is None else palette[pixels]
            return ((bright if bright.ndim == 2 else bright.max(-1)) > 127).astype("u1")
        if palette is not None and legend.colours:
            ids = np.full(256, IGNORE, np.uint8)  # index 255 stays ignore
            used = [i for i in np.unique(pixels) if i != IGNORE]
            ids[used] = legend.taxonomy().from_colours(palette[None, used])[0]
            return ids[pixels]
        if pixels.ndim == 3:
            return _from_rgb(pixels, legend)
    except ValueError as error:
        raise UserError(f"Mask {file}: {error}") from error
    if pixels.min() < 0 or pixels.max() > IGNORE:
        raise UserError(
            f"Mask {file} holds ids {pixels.min()} to {pixels.max()}; class ids are "
            "0 to 254, and 255 = ignore."
        )
    return pixels.astype(np.uint8)


def _from_rgb(pixels: np.ndarray, legend: Legend) -> np.ndarray:
    if legend.colours:
        return legend.taxonomy().from_colours(pixels)
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0]  # gray ids, saved as RGB
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    some = ", ".join(str(tuple(c)) for c in colours[:6].tolist())
    raise UserError(
        f"It holds colours ({len(colours)}, such as {some}). Say which class each is: "
        "lines 'name R G B' in classes.txt."
    )


def _divide(pairs: list, share: float) -> dict[str, list]:
    """A share of the pairs by the hash of their names: the same on every machine."""
    ranked = sorted(pairs, key=lambda p: hashlib.sha256(p[0].stem.encode()).digest())
    count = max(1, round(share * len(pairs)))
    if count >= len(pairs):
        raise UserError(
            f"{len(pairs)} images cannot be divided into train and val with a share of "
            f"{share}. Add images, or say --val-share 0 for no val split."
        )
    return {"train": sorted(ranked[count:]), "val": sorted(ranked[:count])}


def _read(pair: tuple[Path, Path], legend: Legend, binary: bool) -> Sample:
    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, _ids(pair[1], legend, binary), encoded=encoded)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels (height x width)"
