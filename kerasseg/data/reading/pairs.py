"""Finds the mask file of each image, by name and folder.

`match` looks through two folders and says what does not fit, without stopping: the
adapter `folder` refuses the first such file, the doctor reports them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError

Pair = tuple[Path, Path]
"""Image and mask."""

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
MASKS = {*IMAGES, ".gif"} - {".jpg", ".jpeg"}
"""Endings of lossless files."""
SPLITS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
"""What folders of splits are called elsewhere, and here."""


@dataclass(frozen=True)
class Matched:
    """What two folders hold.

    pairs: image and mask of equal stems, sorted by stem.
    images_alone, masks_alone: files without a partner.
    same_stem: two files of one folder that one name would stand for.
    lossy: masks that are JPEG files, which changes ids and colours.
    """

    images: Path
    masks: Path
    pairs: list[Pair]
    images_alone: list[Path]
    masks_alone: list[Path]
    same_stem: list[tuple[Path, Path]]
    lossy: list[Path]


def layout(src: Path, images: str, masks: str) -> dict[str, tuple[Path, Path]]:
    """Folders of images and masks of each split: train/images or images/train.

    images, masks: names of these folders. Without splits all is train.

    Raises UserError where there is no such layout.
    """
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
    return {SPLITS.get(name, name): folders for name, folders in found.items()}


def match(images: Path, masks: Path) -> Matched:
    """Brings the files of two folders together by their names without the ending."""
    image_files, doubled_images = _by_stem(images, IMAGES)
    mask_files, doubled_masks = _by_stem(masks, IMAGES | MASKS)
    both = sorted(image_files.keys() & mask_files.keys())
    return Matched(
        images,
        masks,
        [(image_files[stem], mask_files[stem]) for stem in both],
        [image_files[s] for s in image_files if s not in mask_files],
        [mask_files[s] for s in mask_files if s not in image_files],
        [*doubled_images, *doubled_masks],
        [f for f in mask_files.values() if f.suffix.lower() not in MASKS],
    )


def with_labels(images: Iterable[Path], label_of: Callable[[Path], Path]) -> list[Pair]:
    """Each image with the label file that `label_of` names; sorted.

    Raises UserError for an image whose label file does not exist.
    """
    pairs = [(image, label_of(image)) for image in sorted(images)]
    missing = [pair for pair in pairs if not pair[1].is_file()]
    if missing:
        image, label = missing[0]
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        raise UserError(
            f"Image {image} has no label {label}{more}. Add it, or move the image away."
        )
    return pairs


def read_list(file: Path) -> list[str]:
    """The words of a file that lists the images of a split.

    Raises UserError where there is no such file.
    """
    if not file.is_file():
        raise UserError(
            f"List {file} does not exist. Unpack the archive that holds it again."
        )
    return file.read_text().split()


def existing(pairs: list[Pair], lists: Path) -> list[Pair]:
    """The pairs, which the lists in the folder `lists` name.

    Raises UserError where an image or a label does not exist.
    """
    for file in (file for pair in pairs for file in pair):
        if not file.is_file():
            raise UserError(
                f"The lists in {lists} name {file.stem}, but {file} does not exist. "
                "Unpack the archive that holds it again."
            )
    return pairs


def _folders(folder: Path) -> list[str]:
    return sorted(
        f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")
    )


def _by_stem(
    folder: Path, endings: set[str]
) -> tuple[dict[str, Path], list[tuple[Path, Path]]]:
    """The files of a folder by stem, and pairs of files that have the same one."""
    files: dict[str, Path] = {}
    doubled = []
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in endings or file.name.startswith("."):
            continue
        if file.is_dir():
            continue
        if file.stem in files:
            doubled.append((files[file.stem], file))
        else:
            files[file.stem] = file
    return files, doubled
