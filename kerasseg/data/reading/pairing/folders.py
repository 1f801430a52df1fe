"""Tells from the names of folders what is in them: images or masks, of which split."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from kerasseg import UserError
from kerasseg.data.reading.pairing.names import folded, is_junk
from kerasseg.data.reading.pairing.splits import NAMES, SHORT, split_of
from kerasseg.data.reading.pictures import signatures

Role = Literal["", "images", "masks"]

IMAGES = {
    *("images", "image", "imgs", "img", "imgdir", "jpegimages", "jpegimage", "photos"),
    *("photo", "pictures", "rgb", "input", "inputs", "original", "originals", "frames"),
    *("leftimg8bit", "sat"),
}
"""What folders of images are called, blanks and signs left out."""
MASKS = {
    *("masks", "mask", "labels", "label", "annotations", "annotation", "anndir", "ann"),
    *("annot", "annots", "gt", "gts", "groundtruth", "groundtruths", "targets"),
    *("target", "segmentation", "segmentations", "seg", "segmentationclass", "gtfine"),
    *("segmentationclasspng", "trimaps", "semantic", "manual", "1stmanual"),
}
"""What folders of masks are called."""


@dataclass(frozen=True)
class PictureFile:
    """A picture below the source.

    role: images or masks, as its folders are called; "" where none says so. name: that
    folder's, without the split; exact: it is a word of `IMAGES` or `MASKS` and no more.
    split: train, val, test or "". group: the other folders, from outside; `before` of
    them come before the first that tells a role or a split. stem: of the name.
    """

    path: Path
    role: Role
    name: str
    exact: bool
    split: str
    group: tuple[str, ...]
    before: int
    stem: str = ""


@dataclass
class Tree:
    """What lies below a folder: pictures, and for each folder the other files' endings
    with their number. splits: a folder of each split that folders are named after."""

    pictures: list[PictureFile] = field(default_factory=list)
    others: dict[Path, Counter[str]] = field(default_factory=dict)
    splits: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class _Meaning:
    split: str = ""
    role: Role = ""
    exact: bool = False


def look_through(src: Path, endings: Collection[str], images: str, masks: str) -> Tree:
    """All pictures below `src`, in the order of their paths; hidden ones left out.

    endings: of pictures, in small letters. images, masks: names of the folders, such as
    "images", "data/masks" or "." (no folder); "" for the usual names. Names that hold a
    split's (train_labels) stand for those of all splits.

    Raises UserError for a folder that names two splits, and a name that is no text.
    """
    tree = Tree()
    given: dict[Role, list[str]] = {
        "images": _parts(images),
        "masks": _parts(masks),
    }
    for place, folders, files in os.walk(src, followlinks=True):
        here = Path(place)
        folders[:] = sorted(f for f in folders if not is_junk(Path(f)))
        if here != src and _is_loop(here):
            folders.clear()
            continue
        kept = [name for name in sorted(files) if not is_junk(Path(name))]
        pictures = [n for n in kept if _is_picture(here / n, endings)]
        for name in pictures:
            if not name.isprintable() and any(0xDC80 <= ord(c) <= 0xDCFF for c in name):
                raise UserError(
                    f"The name of a file in {here} is not UTF-8: {name!a}. Rename it."
                )
        taken = set(pictures)
        other = Counter(ending_of(n) for n in kept if n not in taken)
        if other:
            tree.others[here] = other
        if split := word_of(here.name).split if here != src else "":
            tree.splits.setdefault(split, here)
        if pictures:
            parts = here.relative_to(src).parts
            meaning = _meaning(parts, given, here)
            tree.pictures += [
                PictureFile(here / n, *meaning, stem=stem_of(n)) for n in pictures
            ]
    tree.pictures = _without_common_parents(tree.pictures)
    return tree


def _is_loop(folder: Path) -> bool:
    """Whether a link leads back to a folder that it lies in."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(
        folder.resolve()
    )


def _is_picture(file: Path, endings: Collection[str]) -> bool:
    """By the ending of the name; where it has none, as of DICOM files that scanners
    write, by the first bytes. Any ZIP archive begins like .npz."""
    if ending := ending_of(file.name):
        return ending in endings
    if file.name.upper() == "DICOMDIR":  # a list of the files beside it
        return False
    try:
        with file.open("rb") as opened:
            kind = signatures.kind_of(opened.read(signatures.HEAD))
    except OSError:
        return False
    return kind not in ("", "npz", *signatures.OTHERS)


def ending_of(name: str) -> str:
    """ ".png" of "x.PNG", ".nii.gz" of "x.nii.gz"; small letters. A number is none:
    IM.0001 and 1.2.840.7 have no ending."""
    path = Path(name.lower())
    if path.suffix[1:].isdecimal():
        return ""
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix


def stem_of(name: str) -> str:
    """The name without its ending; of x.ome.tif and x.nii.gz both of them."""
    stem = name[: len(name) - len(ending_of(name))]
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _parts(name: str) -> list[str]:
    parts = [folded(p) for p in name.replace("\\", "/").split("/") if p]
    return parts if parts == ["."] else [p for p in parts if p != "."]


def _meaning(
    parts: tuple[str, ...], given: dict[Role, list[str]], folder: Path
) -> tuple[Role, str, bool, str, tuple[str, ...], int]:
    """The fields of a PictureFile, but for its path; parts: from the source on."""
    role: Role = ""
    before = -1
    name, exact, split = "", False, ""
    group: list[str] = []
    asked = _given(parts, given)
    for i, part in enumerate(parts):
        meaning = asked[i] if i in asked else word_of(part)
        if meaning.role and i not in asked and given[meaning.role]:
            meaning = _Meaning(meaning.split)  # another name was given for this role
        if meaning.split and split and meaning.split != split and not meaning.role:
            raise UserError(
                f"{folder} names the splits {split} and {meaning.split}. Move or "
                "rename one of these folders."
            )
        split = split or meaning.split
        if (meaning.split or meaning.role) and before < 0:
            before = len(group)
        if meaning.role:
            role, exact, name = meaning.role, meaning.exact, _without_split(part)
        elif not meaning.split:
            group.append(part)
    for wanted in ("images", "masks"):
        if given[wanted] == ["."] and not role:
            role = role or wanted
    if given["images"] == given["masks"] == ["."]:
        role = ""
    before = len(group) if before < 0 else before
    return role, name, exact, split, tuple(group), before


def _given(parts: tuple[str, ...], given: dict[Role, list[str]]) -> dict[int, _Meaning]:
    """The meaning of those parts that are the folders which a user named."""
    small = [folded(part) for part in parts]
    found: dict[int, _Meaning] = {}
    for role, names in given.items():
        if not names or names == ["."]:
            continue
        for i in range(len(small) - len(names) + 1):
            here = small[i : i + len(names)]
            same = here == names or (
                any(map(_split_in, names))
                and [_without_split(n) for n in here]
                == [_without_split(n) for n in names]
                and all(
                    bool(_split_in(a)) == bool(_split_in(b))
                    for a, b in zip(here, names, strict=True)
                )
            )
            if same:
                for j in range(len(names)):
                    found[i + j] = _Meaning(_split_in(here[j]), role, True)
    return found


def _split_in(folder: str) -> str:
    """The split that one of the words of a name tells; "" where none or two do."""
    words = {NAMES[w] for w in _words(folder) if w in NAMES and w not in SHORT}
    return words.pop() if len(words) == 1 else ""


def word_of(folder: str) -> _Meaning:
    """What the name of a folder says: "train_labels" is train and masks."""
    whole = re.sub(r"[\W_]+", "", folded(folder))
    if split := split_of(folder):
        return _Meaning(split)
    if whole in MASKS:
        return _Meaning(role="masks", exact=True)
    if whole in IMAGES:
        return _Meaning(role="images", exact=True)
    words = _words(folder)
    splits = {NAMES[w] for w in words if w in NAMES}
    roles = {_role(w) for w in words} - {""}
    role: Role = "masks" if "masks" in roles else "images" if roles else ""
    if len(splits) > 1:
        return _Meaning()
    split = next(iter(splits), "")
    if not role:  # "train_v2" is a split, "test_site" the name of a site
        others = [w for w in words if w not in NAMES]
        plain = all(re.fullmatch(r"v?\d*|set|data|dir|folder", w) for w in others)
        short = {w for w in words if w in SHORT}
        return _Meaning(split if plain and not short else "")
    known = all(w in NAMES or _role(w) for w in words)
    return _Meaning(split, role, known and bool(split))


def _words(folder: str) -> list[str]:
    """The words of a name, also those written together: imagesTr, trainannot."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", _spelled(folder))
    words = [folded(word) for word in found]
    joined: list[str] = []
    for word in words:
        if joined and _role(joined[-1] + word):  # "Ground", "Truth"
            joined[-1] += word
            continue
        heads = [n for n in NAMES if len(n) > 2 and word.startswith(n)]
        head = max(heads, key=len, default="")
        joined += [head, word[len(head) :]] if _role(word[len(head) :]) else [word]
    return [word for word in joined if word]


def _spelled(name: str) -> str:
    """Words of other alphabets are left as they are, apart from plain ones."""
    return re.sub(r"[^A-Za-z0-9]+", " ", name)


def _role(word: str) -> Role:
    return "masks" if word in MASKS else "images" if word in IMAGES else ""


def _without_split(folder: str) -> str:
    rest = "".join(w for w in _words(folder) if w not in NAMES)
    return rest or ("" if _split_in(folder) else folded(folder))


def _without_common_parents(pictures: list[PictureFile]) -> list[PictureFile]:
    """Takes away the folders that all pictures lie in and that come before those of
    splits, images and masks: zip files bring them."""
    depth = min((p.before for p in pictures), default=0)
    while len({p.group[:depth] for p in pictures}) > 1:
        depth -= 1
    return [replace(p, group=p.group[depth:]) for p in pictures]
