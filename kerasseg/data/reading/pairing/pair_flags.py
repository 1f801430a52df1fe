"""What a user says of pairs of images and masks, and what was found of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple


class FilePair(NamedTuple):
    """An image with its mask, or with several masks; () for none.

    id: name of the sample, with the folders between the image and its split. group:
    those folders. page: of a stack, from 0; -1 where the files are no stacks.
    """

    image: Path
    masks: tuple[Path, ...]
    id: str
    group: str = ""
    page: int = -1


@dataclass(frozen=True)
class PairFlags:
    """Where images and masks are, and how their names belong together."""

    images: str = ""
    """Name of the folders of images, "." for the dataset's folder itself, or a pattern
    of file names: '*_sat.jpg'. Usual names are found."""
    masks: str = ""
    """Name of the folders of masks, or a pattern of their file names: '*_mask.png'."""
    suffix: str = ""
    """What the names of masks have more than those of their images: --suffix _mask."""
    strip: tuple[str, ...] = ()
    """What to leave out at the start or end of names before they are compared: --strip
    _0000 _sat."""
    pairs: tuple[str, ...] = ()
    """Lists of pairs, "image mask" a line: --pairs FILE, or train=FILE val=FILE."""
    negatives: Literal["refuse", "background"] = "refuse"
    """Images without a mask. background: they show nothing, all of it is class 0."""


@dataclass
class Found:
    """What a folder holds.

    pairs: of each split, sorted; without splits all is train. alone: images without a
    mask, likewise. masks_alone: masks without an image. clashes: two files that one
    name stands for. empty: folders of train or val without an image. by: what told
    the splits, "folders", "lists", "pairs" or "". notes: what was found, in lines for
    the user. hint: what may help where something does not fit.
    """

    src: Path
    pairs: dict[str, list[FilePair]] = field(default_factory=dict)
    alone: dict[str, list[FilePair]] = field(default_factory=dict)
    masks_alone: list[Path] = field(default_factory=list)
    clashes: list[tuple[Path, Path]] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)
    by: str = ""
    notes: list[str] = field(default_factory=list)
    hint: str = ""
