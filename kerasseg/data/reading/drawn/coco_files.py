"""Where annotation files of COCO's kind lie, and their images."""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import split_in
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pairing.splits import named, split_of

LAYOUTS = (
    ("annotations/instances_*.json",),
    ("_annotations.coco.json", "*/_annotations.coco.json"),
    ("instances_*.json", "*/instances_*.json", "*/annotations/instances_*.json"),
    ("*.json", "annotations/*.json", "*/*.json", "*/annotations/*.json"),
)
"""Patterns of annotation files; the first of these that fit are taken."""
PLAIN = {"annotations", "annotation", "labels", "instances", "result", "coco", "ann"}
"""Names of files and folders that say nothing about a split."""


def annotation_files(
    src: Path, layouts: Sequence[Sequence[str]] = LAYOUTS, kind: str = "instances"
) -> dict[str, Path]:
    """The annotation file of each split, named train, val or test where it is one.

    src: a folder, or one annotation file. kind: "instances", or "panoptic".

    Raises UserError where there is none, or two for one split.
    """
    if src.is_file():
        files = [src]
    else:
        files = _first(src, layouts, kind)
    if not files:
        shape = "panoptic" if kind == "panoptic" else "instances"
        raise UserError(
            f"{src} has no annotations/{shape}_*.json, nor another JSON file with "
            "images, annotations and categories. Name the folder above annotations/, "
            "or the file."
        )
    splits: dict[str, Path] = {}
    for file in files:
        split = _split(file)
        if split in splits:
            raise UserError(
                f"{file}: there is another file for the split {split}, "
                f"{splits[split]}. Move away the one that you do not want, or name one "
                "as SRC."
            )
        splits[split] = file
    names = named(dict.fromkeys(splits))
    if "default" in names and "train" not in names.values():
        names["default"] = "train"  # CVAT's name for what has no split
    order = ["train", "val", "test"]
    ours = {names[split]: file for split, file in splits.items()}
    return {s: ours[s] for s in [*(o for o in order if o in ours), *ours]}


def _first(src: Path, layouts: Sequence[Sequence[str]], kind: str) -> list[Path]:
    for patterns in layouts:
        found = sorted(
            {f for p in patterns for f in src.glob(p) if f.is_file() and not is_junk(f)}
        )
        found = [f for f in found if kind_of(f) == kind]
        if found:
            return found
    return []


def kind_of(file: Path) -> str:
    """ "instances" or "panoptic" by the words in a file, "" for neither.

    A file without annotations in it (captions are another matter) is "".
    """
    if not file.stat().st_size:
        return "instances"  # to be refused by name when it is read
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        if text.find(b'"segments_info"') >= 0:
            return "panoptic"
        if "instances" in file.stem:
            return "instances"
        needed = (b'"images"', b'"annotations"', b'"categories"')
        return "instances" if all(text.find(w) >= 0 for w in needed) else ""


def _split(file: Path) -> str:
    """The split of a file, by its name, else by its folder; else the name's rest."""
    rest = re.sub("^(instances|panoptic)_", "", file.stem)
    split = split_in(rest)
    if split:
        return split
    for folder in file.parent, file.parent.parent:
        if folder.name and split_of(folder.name):
            return split_of(folder.name)
    plain = set(re.findall("[a-z]+", file.stem.lower())) <= PLAIN
    return file.parent.name if plain else re.sub(r"\d{4}$", "", rest) or rest


def image_places(file: Path, src: Path) -> tuple[list[Path], Path, str]:
    """Folders in which the images of an annotation file may lie, the likeliest first;
    a folder below which to look for them; and what the file calls its split."""
    name = re.sub("^(instances|panoptic)_", "", file.stem)
    here = file.parent
    above = here.parent if here.name in PLAIN else here
    places = [above / name, above / "images" / name]
    split = name if split_in(name) else ""
    if not split and split_of(here.name):
        split = here.name
    places += [here, here / "images", above / "images", above / "data", above]
    if split and split != name:
        places.insert(0, above / "images" / split)
    root = src if src.is_dir() else above
    return places, root, split
