"""By which words in their files the exports of annotation tools are recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kerasseg import UserError
from kerasseg.data.reading.drawn import coco_files
from kerasseg.data.reading.pairing.listing import Listing
from kerasseg.data.reading.pairing.splits import split_of

HEAD, TAIL = 1 << 18, 1 << 16
"""Bytes of a file that are looked at: its beginning and its end."""
LOOKED, OF_FOLDER = 120, 3
"""Files of one ending that are looked into, at most: of all, and of one folder."""


class Candidate(NamedTuple):
    """A kind that a folder may be.

    evidence: the files that say so. flags: what the adapter must be told. over: see
    `marks.Mark`. sources: paths that the adapter wants instead of the folder. tool:
    what wrote the files, where it is known.
    """

    kind: str
    evidence: str
    flags: tuple[str, ...] = ()
    over: tuple[tuple[str, str], ...] = ()
    sources: tuple[Path, ...] = ()
    tool: str = ""


def candidates(found: Listing) -> Iterator[Candidate]:
    """What tools may have written the files of a folder."""
    jsons = {f: kind_of_json(found.root / f) for f in _some(found, "json")}
    yield from _coco(found, jsons)
    for kind, pattern in (
        ("via", "{,*/}*.json"),
        ("label_studio", "*.json"),
        ("labelme", "{,train/,val/,test/}*.json"),
    ):
        files = [f for f in found.all(pattern) if jsons.get(f) == kind]
        if files:
            yield Candidate(kind, _and_more(files))
    tables = [
        f
        for f in _some(found, "csv")
        if f.count("/") < 2 and b"region_shape_attributes" in words(found.root / f)
    ]
    if tables and not any(kind == "via" for kind in jsons.values()):
        yield Candidate("via", tables[0])
    yield from _yolo(found)
    drawings = [
        f for f in _some(found, "xml") if f.count("/") < 3 and _is_cvat(found.root / f)
    ]
    if drawings:
        yield Candidate("cvat", _and_more(drawings), tool="XML")
    meta, drawn = found.first("{,*/}meta.json"), found.first("**/ann/*.json")
    if meta and drawn and b'"classes"' in words(found.root / meta):
        yield Candidate("supervisely", f"{meta}, {drawn}")
    tables = _some(found, "{parquet,arrow}")
    tables = [f for f in tables if COLUMNS.search(words(found.root / f))]
    if tables:
        yield Candidate("huggingface", tables[0])


COLUMNS = re.compile(
    rb"(?<![A-Za-z_])(image|img|pixel_values|photo|bytes)(?![A-Za-z_])"
)
"""Columns of pictures in the schema of a table, at its end or beginning."""


def kind_of_json(file: Path) -> str:
    """The adapter that a JSON file is for, "voc", "createml", ... for what is not
    read, "" where its beginning and end do not tell."""
    text = words(file)
    if re.match(rb"\s*\[", text.removeprefix(b"\xef\xbb\xbf")):
        if re.search(rb'"(annotations|completions)"\s*:', text) and b'"result"' in text:
            return "label_studio"
        if re.search(rb'"(polygon|brush|rectangle|ellipse|bitmask)labels"', text):
            return "label_studio"
        return ""
    if b'"shapes"' in text and b'"imagePath"' in text:
        return "labelme"
    if b'"_via_img_metadata"' in text or (
        b'"regions"' in text and b'"filename"' in text and b'"shape_attributes"' in text
    ):
        return "via"
    listed = [b'"images"', b'"annotations"', b'"categories"', b'"segments_info"']
    if any(word in text for word in listed):
        return coco_files.kind_of(file) if file.stat().st_size else ""
    return ""


def words(file: Path) -> bytes:
    """The beginning and the end of a file; b"" where it cannot be read."""
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
            size = opened.seek(0, 2)
            opened.seek(max(len(head), size - TAIL))
            return head + opened.read(TAIL)
    except OSError:
        return b""


def _some(found: Listing, ending: str) -> list[str]:
    """Files to look into: those outside first, of each folder a few."""
    per_folder: dict[str, list[str]] = {}
    for name in found.all(f"**/*.{ending}"):
        per_folder.setdefault(name.rpartition("/")[0], []).append(name)
    # The first, and the last: names of other tools may come before and after.
    some = [
        dict.fromkeys((*files[: OF_FOLDER * 4], *files[-OF_FOLDER:]))
        if folder.count("/") < 2
        else files[:OF_FOLDER]
        for folder, files in sorted(per_folder.items(), key=lambda f: f[0].count("/"))
    ]
    return [name for files in some for name in files][:LOOKED]


def _and_more(files: list[str]) -> str:
    return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")


COCO_PLACES = "{,annotations/,*/,*/annotations/}*.json"
COCO_TOOLS = {
    "_annotations.coco.json": "Roboflow",
    "instances_default.json": "CVAT",
    "result.json": "Label Studio",
}
"""How tools call their files of COCO's kind."""
PANOPTIC_PLACES = "{,*/,*/*/,*/*/*/}*.json"


STUFF = "{,annotations/}stuff_{train,val}2017.json"
"""These are the adapter coco_stuff's."""


def _coco(found: Listing, jsons: dict[str, str]) -> Iterator[Candidate]:
    """Instances and panoptic."""
    for kind, words_of, places, layouts in (
        ("coco", "instances", COCO_PLACES, coco_files.LAYOUTS),
        ("coco_panoptic", "panoptic", PANOPTIC_PLACES, ()),
    ):
        fit = [f for f in found.all(places) if jsons.get(f) == words_of]
        if found.first(STUFF):
            fit = [f for f in fit if not Path(f).name.startswith("stuff_")]
        if not fit:
            continue
        if layouts:
            try:
                files = coco_files.annotation_files(found.root).values()
                fit = [file.relative_to(found.root).as_posix() for file in files]
            except UserError:  # two for one split: the adapter says so
                pass
        tool = COCO_TOOLS.get(Path(fit[0]).name, "")
        yield Candidate(kind, _and_more(fit), tool=tool)


YOLO_LINE = re.compile(
    rb"\s*\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}\s*(\n|\r|$)", re.IGNORECASE
)
YOLO_NAMES = "{data.yaml,dataset.yaml,*.yaml,*.yml,classes.txt,obj.names}"


def _yolo(found: Listing) -> Iterator[Candidate]:
    names = [
        f
        for f in found.all(YOLO_NAMES)
        if not f.endswith(("yaml", "yml"))
        or re.search(rb"^['\"]?names['\"]?\s*:", words(found.root / f), re.MULTILINE)
    ]
    texts = [f for f in _some(found, "txt") if YOLO_LINE.match(words(found.root / f))]
    if not names:  # the adapter asks for them where the folders are YOLO's
        texts = [f for f in texts if _beside_images(f.casefold().split("/")[:-1])]
    if texts:
        yield Candidate("yolo", ", ".join([*names[:1], texts[0]]))


def _beside_images(folders: list[str]) -> bool:
    """Whether these are labels/..., or train/labels."""
    return folders[:1] == ["labels"] or (
        folders[1:2] == ["labels"] and bool(split_of(folders[0]))
    )


def _is_cvat(file: Path) -> bool:
    return b"<annotations>" in words(file)[:4096]
