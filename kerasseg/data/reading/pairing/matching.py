"""Brings images and masks together: by folder and name, whatever the case or ending."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kerasseg.data.reading.pairing.affixes import (
    MASK_WORDS,
    PLAIN,
    Affix,
    Rule,
    find_rule,
)
from kerasseg.data.reading.pairing.folders import PictureFile, ending_of
from kerasseg.data.reading.pairing.names import folded

Place = tuple[Hashable, ...]
LOSSY = {".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".avif", ".heic", ".heif", ".dng"}
"""Endings of photographs: where they lie beside other pictures, they are the images."""


@dataclass
class Matched:
    """What belongs together, and what does not.

    rules: by what names belong together, one of each split where these differ. pairs:
    an image with its mask, or with several where `several`. clashes: two files that one
    name stands for. loose: folders did not count, as no pair had equal ones.
    """

    rules: list[Rule] = field(default_factory=list)
    pairs: list[tuple[PictureFile, tuple[PictureFile, ...]]] = field(
        default_factory=list
    )
    images_alone: list[PictureFile] = field(default_factory=list)
    masks_alone: list[PictureFile] = field(default_factory=list)
    clashes: list[tuple[PictureFile, PictureFile]] = field(default_factory=list)
    loose: bool = False


@dataclass(frozen=True)
class Names:
    """What a user says of the names: the end of the stems of masks, and what to take
    off the start or the end of the stems of both."""

    suffix: str = ""
    strip: tuple[str, ...] = ()
    plain_numbers: bool = False
    """Zeros at the start of numbers do not count."""

    def stem(self, file: PictureFile) -> str:
        """The folded stem of a file without what is stripped."""
        text = folded(file.stem)
        for part in map(folded, self.strip):
            if text.endswith(part) and text != part:
                text = text[: -len(part)]
            elif text.startswith(part) and text != part:
                text = text[len(part) :]
        return re.sub(r"(?<!\d)0+(?=\d)", "", text) if self.plain_numbers else text


def match(
    images: Sequence[PictureFile],
    masks: Sequence[PictureFile],
    names: Names,
    endings: Collection[str],
    several: str = "",
) -> Matched:
    """The image and mask files that belong together, in the order of the images.

    First of equal folders and splits; where no pair comes of that, whatever the folder.
    several: "suffix" where one image has several masks, x_car.png and x_road.png;
    "folders" where they lie in folders of their own, car/x.png and road/x.png.
    """
    if names.suffix:
        end = folded(names.suffix)
        masks = [m for m in masks if names.stem(m).endswith(end)]
    found = Matched(images_alone=list(images), masks_alone=list(masks))
    for level in range(3):
        found = _match(images, masks, names, endings, several, level)
        if found.pairs:
            break
    if found.images_alone or found.masks_alone:
        parts = [
            _match(
                [i for i in images if i.split == split],
                [m for m in masks if m.split == split],
                *(names, endings, several, 0),
            )
            for split in sorted({i.split for i in (*images, *masks)})
        ]
        if sum(len(part.pairs) for part in parts) > len(found.pairs):
            return _together(parts)
    found.loose = found.loose and bool(found.pairs)
    return found


def _together(parts: list[Matched]) -> Matched:
    out = Matched()
    for part in parts:
        out.rules += [rule for rule in part.rules if rule not in out.rules]
        out.pairs += part.pairs
        out.images_alone += part.images_alone
        out.masks_alone += part.masks_alone
        out.clashes += part.clashes
    return out


def _match(
    images: Sequence[PictureFile],
    masks: Sequence[PictureFile],
    names: Names,
    endings: Collection[str],
    several: str,
    level: int,
) -> Matched:
    """level: 0, folders and split count; 1, the split alone; 2, neither."""
    stems = [names.stem(i) for i in images]
    mask_stems = [names.stem(m) for m in masks]
    places = [_place(i, level) for i in images]
    cut = 1 if several == "folders" else 0
    mask_places = [_place(m, level, cut) for m in masks]
    rule = Rule()
    if several == "suffix":
        mask_stems = _begun(
            mask_stems, mask_places, set(zip(places, stems, strict=True))
        )
    else:
        rule = find_rule(
            stems,
            mask_stems,
            lambda rule: len(
                _keys(stems, places, rule.image).keys()
                & _keys(mask_stems, mask_places, rule.mask).keys()
            ),
            endings,
            names.suffix,
        )
    by_key = _keys(stems, places, rule.image)
    masks_by_key = _keys(mask_stems, mask_places, rule.mask)
    found = Matched([rule], loose=level > 0)
    for key, numbers in by_key.items():
        partners = [masks[n] for n in masks_by_key.get(key, [])]
        _add(found, [images[n] for n in numbers], partners, bool(several))
    for key, numbers in masks_by_key.items():
        if key not in by_key:
            found.masks_alone += [masks[n] for n in numbers]
    order = {id(image): n for n, image in enumerate(images)}
    found.pairs.sort(key=lambda pair: order[id(pair[0])])
    return found


def _place(file: PictureFile, level: int, cut: int = 0) -> Place:
    group = tuple(folded(part) for part in file.group)
    if cut:  # the last folder is that of a class
        group = group[:-1]
    return ((file.split, group), (file.split,), ())[level]


def _keys(
    stems: list[str], places: list[Place], affix: Affix
) -> dict[Place, list[int]]:
    """Numbers of the files of each place and key; without those that have no key."""
    found: dict[Place, list[int]] = defaultdict(list)
    for number, (stem, place) in enumerate(zip(stems, places, strict=True)):
        key = stem if affix == PLAIN else affix.key(stem)
        found[(*place, key if key is not None else f"{stem}/")].append(number)
    return dict(found)


def _begun(
    stems: list[str], places: list[Place], images: set[tuple[Place, str]]
) -> list[str]:
    """The stem of the image that each stem of a mask begins with, else itself."""
    found = []
    for stem, place in zip(stems, places, strict=True):
        heads = (stem[:end] for end in range(len(stem), 0, -1))
        whole = (h for h in heads if (place, h) in images)
        rest = next((h for h in whole if h == stem or not stem[len(h)].isalnum()), "")
        found.append(rest or stem)
    return found


def _add(
    found: Matched, images: list[PictureFile], masks: list[PictureFile], several: bool
) -> None:
    """Puts the files of one key where they belong."""
    if len(images) > 1 and len(masks) > 1:  # A.jpg, a.jpg with A.png, a.png
        by_stem = {_composed(m): m for m in masks}
        exact = {_composed(i): i for i in images}
        if len(exact) == len(images) == len(masks) and exact.keys() == by_stem.keys():
            found.pairs += [(i, (by_stem[stem],)) for stem, i in exact.items()]
            return
    if len(images) > 1:
        found.clashes.append((images[0], images[1]))
    elif len(masks) > 1 and not several:
        found.clashes.append((masks[0], masks[1]))
    elif masks:
        found.pairs.append((images[0], tuple(masks)))
    else:
        found.images_alone += images


def _composed(file: PictureFile) -> str:
    return unicodedata.normalize("NFC", file.stem)


def parted(
    files: Sequence[PictureFile], names: Names, endings: Collection[str]
) -> tuple[list[PictureFile], list[PictureFile]] | None:
    """Images and masks of one common folder; None where nothing tells them apart.

    Masks have the user's suffix; or they are the ones that are no photographs, or have
    a word such as "mask" in their names: whichever gives most pairs.
    """
    if names.suffix:
        end = folded(names.suffix)
        masks = [f for f in files if names.stem(f).endswith(end)]
        return _rest(files, masks), masks
    ways = [[f for f in files if ending_of(f.path.name) not in LOSSY]]
    for end in _ends(files):
        ways.append([f for f in files if names.stem(f).endswith(end)])
    best, most = None, 0
    for masks in ways:
        images = _rest(files, masks)
        if images and masks:
            pairs = len(_match(images, masks, names, endings, "", 0).pairs)
            if pairs > most:
                best, most = (images, masks), pairs
    return best


def _ends(files: Sequence[PictureFile]) -> list[str]:
    """The last words of stems that masks may have, with the sign before them."""
    last = (re.search(r"[\s_.-]([^\W_]+)$", folded(f.stem)) for f in files)
    return sorted({m[0] for m in last if m and m[1] in MASK_WORDS})


def _rest(files: Iterable[PictureFile], taken: list[PictureFile]) -> list[PictureFile]:
    gone = {id(file) for file in taken}
    return [file for file in files if id(file) not in gone]


def by_pattern(
    src: Path, files: Sequence[PictureFile], images: str, masks: str
) -> tuple[list[PictureFile], list[PictureFile]]:
    """Images and masks whose names, or paths below `src`, fit patterns with one *.

    Their stems become what the * stands for.
    """
    found: list[list[PictureFile]] = []
    taken: set[Path] = set()
    for pattern in (masks, images):
        start, _, end = folded(pattern).partition("*")
        fitting = []
        for file in files:
            path = folded(file.path.relative_to(src).as_posix())
            for text in (path.rpartition("/")[2], path):
                long = len(text) >= len(start) + len(end)
                fits = long and text.startswith(start) and text.endswith(end)
                if fits and file.path not in taken:
                    taken.add(file.path)
                    key = text[len(start) : len(text) - len(end)]
                    fitting.append(replace(file, stem=key))
                    break
        found.append(fitting)
    return found[1], found[0]
