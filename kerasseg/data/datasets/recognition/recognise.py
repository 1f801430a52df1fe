"""Recognises which adapter a folder is for, by its files alone.

Names of files tell most sets (`marks`), words in their JSON, XML and text files the
exports of tools (`tool_marks`); a few need a look into a picture. What has images and
masks and no more than that is `folder`. Where several kinds fit, or none, it says so
and does not choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets.recognition.marks import MARKS
from kerasseg.data.datasets.recognition.no_sets import lacking, what_else
from kerasseg.data.datasets.recognition.picture_marks import by_pictures, maps, size_of
from kerasseg.data.datasets.recognition.tool_marks import (
    Candidate,
    candidates,
    kind_of_json,
    words,
)
from kerasseg.data.reading.pairing.folders import word_of
from kerasseg.data.reading.pairing.listing import Listing, is_picture, listing
from kerasseg.data.reading.pairing.matching import Names, match
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.data.reading.pairing.roles import images_and_masks
from kerasseg.data.reading.pictures.image import SUFFIXES

AS = "--as"
"""The flag of `prepare auto` and of `train FOLDER` that says which of several kinds is
meant."""
PREPARE = "python -m kerasseg.prepare"
TOOLS = (
    *("coco", "via", "label_studio", "labelme", "yolo", "cvat", "supervisely"),
    *("raster", "huggingface"),
)
"""Kinds of drawings: where there are masks in pictures too, either may be meant."""
LARGE = 25_000_000
"""Pixels from which on pictures with masks may be meant as maps to cut."""
PLAIN = word_of("")
"""What a folder's name means that tells neither images, masks nor a split."""
INSIDE = 40
"""Folders that are looked at for themselves, at most, where SRC itself is nothing."""


@dataclass(frozen=True)
class Recognised:
    """The adapter of a source, the paths and flags to give it, and the files that say
    so, in a line for the user."""

    kind: str
    sources: tuple[Path, ...]
    flags: tuple[str, ...]
    line: str


def recognise(src: Path, kind: str = "") -> Recognised:
    """Which adapter a folder or a file is for.

    kind: which of several that fit is meant; "" for the only one.

    Raises UserError, in one line with what was seen and what to say, where that is
    none or not sure.
    """
    if not src.exists():
        raise UserError(f"{src} does not exist. Check the path.")
    if src.is_file():
        return _told(src, [_of_file(src)], kind)
    found = listing(src)
    other = what_else(found)
    if other:
        raise UserError(other)
    top = sorted({name.split("/")[0] for name in found.names})
    if len(top) == 1 and word_of(top[0]) == PLAIN:
        if kinds(found.below(top[0]), generic=False):
            return recognise(src / top[0], kind)  # the folder that an archive brought
    fitting = kinds(found)
    generic = not fitting or fitting[0].kind == "folder"
    ours = {c.kind for c in fitting}
    below = [
        (folder, c)
        for folder, c in _below(found)
        if c.kind not in ours and (generic or word_of(folder.split("/")[0]) == PLAIN)
    ]
    if not fitting or (below and kind not in ours):
        raise UserError(_nothing(found, below, fitting))
    return _told(src, fitting, kind)


def kinds(found: Listing, generic: bool = True) -> list[Candidate]:
    """The kinds that fit what is in a folder; those that others stand for left out.

    generic: with `folder`, where there are images and masks and no set of a name.
    """
    fitting = [*_by_names(found), *by_pictures(found), *candidates(found)]
    fitting += maps(found)
    if generic and all(c.kind in TOOLS for c in fitting):
        fitting += _folder(found)
    once = {(c.kind, c.flags, c.sources): c for c in reversed(fitting)}
    over = [pair for c in fitting for pair in c.over]
    return [
        c
        for c in reversed(once.values())
        if not any(c.kind == kind and c.evidence.startswith(at) for kind, at in over)
    ]


def _by_names(found: Listing) -> Iterator[Candidate]:
    for mark in MARKS:
        files = [found.first(pattern) for pattern in mark.files]
        if all(files) and not any(found.first(p) for p in mark.without):
            yield Candidate(mark.kind, ", ".join(files), mark.flags, mark.over)


def _folder(found: Listing) -> list[Candidate]:
    """Images and masks that belong together, in any layout that `folder` reads."""
    if not any(map(is_picture, found.names)):
        return []
    try:
        roles = images_and_masks(found.root, PairFlags(), Names("", ()), SUFFIXES)
    except UserError:
        return []
    sure = all(any(p.exact for p in files) for files in (roles.images, roles.masks))
    if not sure and not match(roles.images, roles.masks, Names("", ()), SUFFIXES).pairs:
        return []
    image, mask = (
        files[0].path.relative_to(found.root).as_posix()
        for files in (roles.images, roles.masks)
    )
    fitting = [Candidate("folder", f"images such as {image}, masks such as {mask}")]
    if image.endswith((".tif", ".tiff")) and mask.endswith((".tif", ".tiff")):
        size = size_of(found.root / image)
        if size[0] * size[1] > LARGE:
            sources = (found.root / image).parent, (found.root / mask).parent
            why = f"{image}, {size[0]} x {size[1]} pixels"
            fitting.append(Candidate("raster", why, sources=sources))
    return fitting


def _of_file(src: Path) -> Candidate:
    """What one file is."""
    ending = src.suffix.lower()
    other = what_else(Listing(src.parent, (src.name,)))
    if other:
        raise UserError(other)
    kind = ""
    if ending == ".json":
        names = {"instances": "coco", "panoptic": "coco_panoptic"}
        found = kind_of_json(src)
        kind = names.get(found, found)
    elif ending == ".csv" and b"region_shape_attributes" in words(src):
        kind = "via"
    elif ending in (".yaml", ".yml") and re.search(
        rb"^['\"]?names['\"]?\s*:", words(src), re.MULTILINE
    ):
        kind = "yolo"
    elif ending == ".xml" and b"<annotations>" in words(src)[:4096]:
        kind = "cvat"
    if kind == "labelme":
        raise UserError(
            f"{src} is one file of labelme. Name its folder: {PREPARE} labelme "
            f"{src.parent} OUT."
        )
    if not kind:
        raise UserError(
            f"{src} is a file of no kind that is known. Name the folder of the data "
            f"set, or its adapter ({PREPARE} --help lists them)."
        )
    return Candidate(kind, src.name)


def _told(src: Path, fitting: list[Candidate], kind: str) -> Recognised:
    """The only candidate, or that of the kind that is said, in a line; raises UserError
    that lists several."""
    listed = "; ".join(f"{_named(c)} ({c.evidence})" for c in fitting)
    if kind:
        fitting = [c for c in fitting if c.kind == kind]
    if not fitting:
        raise UserError(f"{src} is {listed}, and {AS} says {kind}. Leave it out.")
    if len(fitting) > 1:
        commands = " or ".join(_command(c, src) for c in fitting)
        kinds = dict.fromkeys(c.kind for c in fitting)
        ways = " or ".join(f"{AS} {k}" for k in kinds) if len(kinds) > 1 else ""
        also = f", or add {ways} to this command" if ways else ""
        raise UserError(f"{src} may be {listed}. Say which: {commands}{also}.")
    (one,) = fitting
    line = f"Recognised as {_named(one)}: {one.evidence}"
    return Recognised(one.kind, one.sources or (src,), one.flags, line)


def _named(candidate: Candidate) -> str:
    """ "coco (Roboflow)", "camvid --classes 32" """
    tool = [f"({candidate.tool})"] if candidate.tool else []
    return " ".join((candidate.kind, *candidate.flags, *tool))


def _command(candidate: Candidate, src: Path) -> str:
    sources = " ".join(map(str, candidate.sources or (src,)))
    flags = "".join(f" {flag}" for flag in candidate.flags)
    return f"'{PREPARE} {candidate.kind} {sources} OUT{flags}'"


def _below(found: Listing) -> list[tuple[str, Candidate]]:
    """Folders one or two levels deeper that are a set of a name, and which; not those
    inside these."""
    sets: list[tuple[str, Candidate]] = []
    folders = [f for f in found.folders() if f.count("/") < 2]
    for folder in folders[:INSIDE]:
        if not any(folder.startswith(f"{known}/") for known, _ in sets):
            fitting = kinds(found.below(folder), generic=False)
            sets += [(folder, candidate) for candidate in fitting[:1]]
    return sets


def _nothing(
    found: Listing, below: list[tuple[str, Candidate]], itself: list[Candidate]
) -> str:
    """Why a folder is not recognised, and what to do."""
    src = found.root
    if below:
        listed = "; ".join(f"{f} is {c.kind} ({c.evidence})" for f, c in below[:4])
        more = f" and {len(below) - 4} more" if len(below) > 4 else ""
        first = f"'{PREPARE} auto {src / below[0][0]} OUT'"
        alone = "".join(f", or {_command(c, src)} for {c.evidence}" for c in itself)
        return (
            f"{src} holds sets of other kinds in its folders: {listed}{more}. Name one "
            f"as SRC: {first}{alone}."
        )
    if not found.names:
        return f"{src} is empty. Name the folder of the data set."
    listed = ", ".join(
        f"{n} {end or 'others'}" for end, n in found.counts.most_common(4)
    )
    return (
        f"{src} is of no kind that is known: it holds {listed}, such as "
        f"{found.names[0]}{lacking(found)}. Name its adapter ({PREPARE} --help lists "
        "them), or say folder with --images and --masks."
    )
