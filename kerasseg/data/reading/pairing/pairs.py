"""Finds the mask of each image, and its split.

`find_pairs` is for folders of any names: it refuses the first file that does not fit,
where `found.look` only says so. `with_labels` is for data sets whose layout is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pairing.found import look
from kerasseg.data.reading.pairing.pair_flags import Found, PairFlags
from kerasseg.data.reading.pictures.signatures import SUFFIXES
from kerasseg.data.reading.text_file import text_of

Pair = tuple[Path, Path]
"""Image and mask."""


def find_pairs(
    src: Path, flags: PairFlags, endings: Collection[str] = SUFFIXES, several: str = ""
) -> Found:
    """What `look` finds, in which everything has its place.

    Images without a mask stay in `alone` where `flags.negatives` takes them.

    Raises UserError for a file that does not fit, and where there is no pair.
    """
    found = look(src, flags, endings, several)
    if found.clashes:
        one, other = found.clashes[0]
        raise UserError(
            f"{one} and {other} have one name. Rename or remove one of them; for "
            "several masks of one image see --per-class."
        )
    if found.empty:
        raise UserError(
            f"There is no image in {found.empty[0]}. Add some, or remove the folder."
        )
    for split, pairs in found.alone.items():
        if found.pairs and not found.pairs.get(split) and flags.negatives == "refuse":
            raise UserError(
                f"No image of {split} has a mask ({len(pairs)}, such as "
                f"{pairs[0].image}).{found.hint} Add them, or move the images away."
            )
    alone = [pair.image for pairs in found.alone.values() for pair in pairs]
    if alone and flags.negatives == "refuse":
        raise UserError(
            f"Image {alone[0]} has no mask of that name{_more(alone)}.{found.hint} Add "
            "it, remove the image, or say --negatives background where such images "
            "show nothing (--on-error skip leaves them out)."
        )
    if found.masks_alone:
        raise UserError(
            f"Mask {found.masks_alone[0]} has no image of that name"
            f"{_more(found.masks_alone)}.{found.hint} Add it, or remove the file."
        )
    if not any(found.pairs.values()):
        raise UserError(f"No image in {src} has a mask. See docs/labels.md, Pairs.")
    return found


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
    return text_of(file).split()


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


def _more(files: Sequence[Path]) -> str:
    return f" ({len(files)} such files)" if len(files) > 1 else ""
