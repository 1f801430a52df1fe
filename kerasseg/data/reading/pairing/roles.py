"""Tells which pictures below a folder are images and which are masks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pairing.affixes import MASK_WORDS
from kerasseg.data.reading.pairing.folders import PictureFile, Role, Tree, look_through
from kerasseg.data.reading.pairing.matching import Names, by_pattern, parted
from kerasseg.data.reading.pairing.names import folded
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.data.reading.pictures.signatures import OTHERS

CODE = (".py", ".ipynb", ".m", ".sh")
PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass
class Roles:
    """Images and masks; notes about pictures that are neither; empty: folders that are
    called after a split and have no image in them."""

    images: list[PictureFile]
    masks: list[PictureFile]
    notes: list[str]
    empty: list[Path] = field(default_factory=list)


def images_and_masks(
    src: Path, flags: PairFlags, names: Names, endings: Collection[str]
) -> Roles:
    """Which pictures are images and which are masks.

    Raises UserError where folders and names do not tell them, or there is none.
    """
    if "*" in flags.images + flags.masks:
        if not ("*" in flags.images and "*" in flags.masks):
            raise UserError("Give both --images and --masks as patterns, or neither.")
        tree = look_through(src, endings, ".", ".")
        images, masks = by_pattern(src, tree.pictures, flags.images, flags.masks)
        for flag, files in (("--images", images), ("--masks", masks)):
            if not files:
                pattern = flags.images if flag == "--images" else flags.masks
                raise UserError(f"No file in {src} fits {flag} '{pattern}'.")
        return Roles(images, masks, _aside(src, tree.pictures, [*images, *masks]))
    tree = look_through(src, endings, flags.images, flags.masks)
    images = _of_role(src, tree, "images", flags.images)
    masks = _of_role(src, tree, "masks", flags.masks)
    rest = [p for p in tree.pictures if not p.role]
    if masks and not images and not flags.images:
        images = rest
    elif images and not masks and not flags.masks and not rest:
        common = parted(images, names, endings)
        images, masks = common or (images, [])
    elif not images and not masks:
        common = parted(rest, names, endings)
        images, masks = common or (rest, [])
    if images and masks:
        notes = _aside(src, tree.pictures, [*images, *masks])
        notes += _not_read(src, tree, images)
        full = {image.split for image in images}
        empty = [
            tree.splits[s] for s in ("train", "val") if s in tree.splits.keys() - full
        ]
        if full == {""}:
            code = [folder for folder in empty if _is_code(folder, tree)]
            notes += [f"Code, and no split: {f.relative_to(src)}." for f in code]
            empty = [folder for folder in empty if folder not in code]
        return Roles(images, masks, notes, empty)
    raise UserError(_nothing(src, tree, images, masks, flags))


def _is_code(folder: Path, tree: Tree) -> bool:
    """Whether a folder called train holds the code of a training, and no archive of
    images that nobody has unpacked."""
    endings = {e for f, c in tree.others.items() if f.is_relative_to(folder) for e in c}
    return not endings.isdisjoint(CODE) and not any(e.endswith(PACKED) for e in endings)


def _of_role(src: Path, tree: Tree, role: Role, given: str) -> list[PictureFile]:
    """The pictures in the folders of images or masks; those of the plainest name.

    Raises UserError where several names fit alike.
    """
    files = [p for p in tree.pictures if p.role == role]
    if given or not files:
        return files
    exact = [p for p in files if p.exact]
    files = exact or files
    usual = [p for p in files if p.name == role]
    files = usual or files
    several = sorted({p.name for p in files})
    if len(several) > 1:
        folders = [next(p.path.parent for p in files if p.name == n) for n in several]
        places = " and ".join(str(f.relative_to(src)) for f in folders[:2])
        raise UserError(
            f"{src} holds {places}, which both may be the {role}. Name the right one "
            f"with --{role}."
        )
    return files


def _not_read(src: Path, tree: Tree, images: Sequence[PictureFile]) -> list[str]:
    """A note on files beside the images that are pictures of kinds not read here."""
    endings = {ending for _, known in OTHERS.values() for ending in known}
    found = []
    for folder in sorted({image.path.parent for image in images}):
        for ending, count in sorted(tree.others.get(folder, {}).items()):
            if ending in endings:
                place = folder.relative_to(src)
                inside = "" if place == Path() else f" in {place}"
                found.append(f"{count} {ending}{inside}")
    if not found:
        return []
    more = f" and in {len(found) - 5} more places" if len(found) > 5 else ""
    return [f"Left out, of kinds that are not read: {', '.join(found[:5])}{more}."]


def _aside(
    src: Path, pictures: Sequence[PictureFile], used: Sequence[PictureFile]
) -> list[str]:
    taken = {p.path for p in used}
    left = Counter(
        str(p.path.parent.relative_to(src)) for p in pictures if p.path not in taken
    )
    if not left:
        return []
    places = ", ".join(f"{n} in {folder}" for folder, n in list(left.items())[:4])
    return [f"Left aside, neither images nor masks: {places}."]


def _nothing(
    src: Path,
    tree: Tree,
    images: Sequence[PictureFile],
    masks: Sequence[PictureFile],
    flags: PairFlags,
) -> str:
    """Why there are no pairs, and what would help."""
    others: Counter[str] = Counter()
    for counts in tree.others.values():
        others += counts
    tools = {
        ".txt": "YOLO's polygons (prepare yolo)",
        ".json": "annotations of a tool (prepare auto finds which)",
        ".xml": "annotations of a tool (prepare auto finds which)",
        ".parquet": "a Hugging Face data set (prepare huggingface)",
        ".mat": "MATLAB labels (prepare sbd reads those of SBD)",
    }
    most = max(tools, key=lambda ending: others[ending])
    tool = others[most] >= max(1, len(images) // 2)
    other = f" Are the {most} files {tools[most]}?" if tool else ""
    for kind, (cure, endings) in OTHERS.items():
        if not tool and any(others[ending] for ending in endings):
            other = f" {kind} files are not read. {cure}."
    asked = f" named {flags.images}" if flags.images else ""
    if not images:
        known = ", ".join(f"*{e}" for e, _ in others.most_common(3) if e)
        holds = f"; it holds {known}" if known else ""
        return (
            f"There is no image{asked} in {src}: neither images/ nor train/images/, "
            f"nor pictures beside their masks{holds}. Name the folders with --images "
            f"and --masks.{other}"
        )
    place = images[0].path.parent
    if flags.masks:
        return (
            f"There are images in {place}, but no folder {flags.masks} of masks with "
            f"pictures in {src}.{other} Check --masks."
        )
    if tool:
        return f"There are images in {place}, but no pictures of masks.{other}"
    folders = dict.fromkeys(str(p.path.parent.relative_to(src)) for p in tree.pictures)
    listed = (
        f"; pictures lie in {', '.join([*folders][:4])}" if len(folders) > 1 else ""
    )
    patterns = "--images '*.jpg' --masks '*.png'"
    called = sorted({p.path.name for p in tree.pictures}, key=_like_a_mask)
    if len(called) == 2 and len(folders) > 1:  # case1/image.jpg + case1/mask.png
        patterns = f"--images '*/{called[0]}' --masks '*/{called[1]}'"
    return (
        f"There are images in {place}, but no folder of masks (masks, labels, ...) "
        f"beside{listed}. Name it with --masks; files of one folder are told by "
        f"patterns: {patterns}."
    )


def _like_a_mask(name: str) -> bool:
    return any(word in MASK_WORDS for word in re.split(r"[\W_]+", folded(name))[:-1])
