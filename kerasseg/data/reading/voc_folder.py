"""Folders laid out as PASCAL VOC's: JPEGImages, SegmentationClass, lists of names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import images_below
from kerasseg.data.reading.pairing.splits import named
from kerasseg.data.reading.text_file import text_of

LISTS = "ImageSets/Segmentation"
MASKS = ("SegmentationClass", "SegmentationClassPNG", "SegmentationClassAug")
"""The second is of older labelme2voc, whose first holds NumPy files."""
IMAGES = ("JPEGImages", "images", "Images", "img", "")
"""Where images lie; tools that leave them out of an export want them put there."""
ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True)
class VocEntry:
    """The files of a sample. mask, objects: None where it has none."""

    id: str
    image: Path
    mask: Path | None
    objects: Path | None


def voc_root(src: Path) -> Path | None:
    """The folder with masks: src, or the only one below it that has them.

    Raises UserError where several have.
    """
    for pattern in ("", "*", "*/*"):
        found = [
            f
            for f in (sorted(src.glob(pattern)) if pattern else [src])
            if any(_by_name(f / name) for name in MASKS)
        ]
        if len(found) > 1:
            some = ", ".join(str(f.relative_to(src)) for f in found[:9])
            raise UserError(f"{src} holds several data sets ({some}). Name one as SRC.")
        if found:
            return found[0]
    return None


def voc_entries(root: Path) -> tuple[dict[str, list[VocEntry]], list[str]]:
    """The entries of each split, and what to say of them.

    Without lists all masks are train.

    Raises UserError for lists and masks without images.
    """
    folder = next(root / name for name in MASKS if _by_name(root / name))
    masks = _by_name(folder)
    objects = _by_name(root / "SegmentationObject")
    objects = objects or _by_name(root / "SegmentationObjectPNG")
    lists = {_split(file): _names(file, masks) for file in _list_files(root)}
    images = _images(root)
    notes = []
    if not lists:
        lists = {"train": list(masks)}
        notes.append(f"no lists in {LISTS}: all masks of {folder.name} are used")
    names = named(lists)
    splits: dict[str, list[VocEntry]] = {}
    for split, listed in lists.items():
        entries = [
            VocEntry(
                name.replace("/", "_"),
                _image(name, images, root, split),
                masks.get(name),
                objects.get(name),
            )
            for name in dict.fromkeys(listed)
        ]
        if any(entry.mask for entry in entries):
            splits[names[split]] = entries
        elif listed:
            notes.append(f"no image of {split}.txt has a mask: {split} is left out")
    unlisted = masks.keys() - {name for listed in lists.values() for name in listed}
    if unlisted:
        notes.append(f"{len(unlisted)} masks that no list names are left out")
    if not splits:
        raise UserError(
            f"No image that {root / LISTS} lists has a mask in {folder}. Correct the "
            "lists, or remove them to take all masks."
        )
    return splits, notes


def _list_files(root: Path) -> list[Path]:
    """The lists; trainval.txt and all.txt only where they are not divided."""
    files = sorted((root / LISTS).glob("*.txt"))
    single = [f for f in files if f.stem.casefold() not in ("trainval", "all")]
    if any(f.stem == "train" for f in files):
        single = [f for f in single if f.stem != "trainaug"]
    return single or files[:1]


def _split(file: Path) -> str:
    return "train" if file.stem == "trainaug" else file.stem


def _names(file: Path, masks: dict[str, Path]) -> list[str]:
    """Names of a list: with blanks, with a mask after them, or as paths."""
    names = []
    for line in filter(None, map(str.strip, text_of(file).splitlines())):
        whole = _key(line.strip('"'))
        first = whole.split()[0]
        path = PurePosixPath(first.lstrip("/")).with_suffix("")
        known = (whole, first, PurePosixPath(*path.parts[1:]).as_posix(), path.name)
        names.append(next((name for name in known if name in masks), whole))
    return names


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _by_name(folder: Path) -> dict[str, Path]:
    files = images_below(folder) if folder.is_dir() else []
    return {
        _key(f.relative_to(folder).with_suffix("").as_posix()): f
        for f in files
        if f.suffix.lower() in ENDINGS
    }


def _images(root: Path) -> dict[str, list[Path]]:
    """The images by name: those of the first folder that has any."""
    for folder in (root / name for name in IMAGES):
        found: dict[str, list[Path]] = {}
        for file in _pictures(folder, root):
            place = file.relative_to(folder).with_suffix("")
            found.setdefault(_key(place.as_posix()), []).append(file)
        if found:
            return found
    return {}


def _pictures(folder: Path, root: Path) -> Iterator[Path]:
    for file in images_below(folder) if folder.is_dir() else ():
        if not file.relative_to(root).parts[0].startswith("Segmentation"):
            yield file


def _image(name: str, images: dict[str, list[Path]], root: Path, split: str) -> Path:
    found = images.get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"Image {name} may be {found[0]} or {found[1].name}. Remove one of them."
        )
    some = f"{root / 'JPEGImages' / name}.*"
    raise UserError(
        f"{split}: image {some} does not exist. Put the images into JPEGImages (CVAT "
        "exports them with 'Save images')."
    )
