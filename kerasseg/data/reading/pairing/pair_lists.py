"""Reads lists of pairs: a line for each image with its mask, as PaddleSeg has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kerasseg import UserError
from kerasseg.data.reading.pairing.folders import stem_of
from kerasseg.data.reading.pairing.names import folded, nearest
from kerasseg.data.reading.pairing.splits import lines_of, split_of

HEADING = re.compile(
    r"(image|img|photo|input|x)s?\W?(_?(path|file|name|filename))? "
    r"(mask|label|annotation|target|gt|y)s?\W?(_?(path|file|name|filename))?"
    r"( split| set| fold)?",
    re.IGNORECASE,
)
"""The first line of a table: "image,mask,split"."""
Line = tuple[str, Path, Path | None, str]
"""Split, image, mask, and where that stands."""


def read_pair_lists(src: Path, lists: Sequence[str]) -> list[Line]:
    """The lines of `--pairs`: FILE, or train=FILE val=FILE.

    A line has an image, its mask and maybe the name of its split. Files are looked for
    from `src` on, then from the list's own folder on. Without any split all is train.

    Raises UserError for a line of another form, a file that does not exist, and an
    image in two lines.
    """
    lines: list[Line] = []
    for text in lists:
        before, _, after = text.partition("=")
        split = split_of(before) if after else split_of(Path(text).stem)
        if after and not split:
            raise UserError(
                f"--pairs {text}: '{before}' is not a split. Write val={after}."
            )
        file = _existing(src, Path.cwd(), after or text, f"--pairs {text}")
        for number, words in lines_of(file):
            if HEADING.fullmatch(" ".join(words)):
                continue
            where = f"{file} line {number}"
            lines.append(_line(src, file.parent, words, split, where))
    if not lines:
        raise UserError(
            f"The lists {', '.join(lists)} name no image. Write lines 'IMAGE MASK'."
        )
    seen: dict[Path, str] = {}
    for _, image, _, where in lines:
        if image in seen:
            raise UserError(
                f"{where} names {image} again, as {seen[image]}. Keep one line."
            )
        seen[image] = where
    splits = {line[0] for line in lines}
    if "" in splits and len(splits) > 1:
        where = next(line[3] for line in lines if not line[0])
        raise UserError(
            f"{where} names no split, other lines do. Name all of them, as in --pairs "
            "train=FILE val=FILE."
        )
    return lines


def _line(src: Path, folder: Path, words: list[str], split: str, where: str) -> Line:
    if len(words) > 3 or (len(words) == 3 and not split_of(words[2])):
        raise UserError(
            f"{where}: expected an image and its mask, got {len(words)} words "
            f"({' | '.join(words)[:120]}). Put names with blanks in quotes, or part "
            "them by a tab."
        )
    if len(words) == 3:
        split = split or split_of(words[2])
    image = _existing(src, folder, words[0], where)
    mask = _existing(src, folder, words[1], where) if len(words) > 1 else None
    return split, image, mask, where


def _existing(src: Path, folder: Path, name: str, where: str) -> Path:
    """The file of this name from `src` on, else from `folder` on."""
    for base in (src, folder):
        for text in (name, name.lstrip("/")):
            if (base / text).is_file():
                return base / text
    beside = (src / name.lstrip("/")).parent
    others = [f.name for f in beside.iterdir()] if beside.is_dir() else []
    same = [other for other in others if folded(other) == folded(Path(name).name)]
    if len(same) == 1:
        return beside / same[0]
    close = nearest(Path(name).name, others)
    hint = f" The nearest name is {close}." if close else ""
    raise UserError(f"{where}: {name} does not exist in {src}, nor in {folder}.{hint}")


def ids_of(src: Path, images: Sequence[Path]) -> list[str]:
    """The stem of each image; its path where two stems are alike."""
    stems = Counter(stem_of(image.name) for image in images)
    if max(stems.values(), default=0) == 1:
        return [stem_of(image.name) for image in images]
    names = []
    for image in images:
        inside = image.is_relative_to(src)
        path = PurePosixPath(image.relative_to(src) if inside else image.name)
        names.append(path.with_name(stem_of(path.name)).as_posix())
    return names
