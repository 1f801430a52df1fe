"""Finds what names of masks have more than those of their images: x_mask, x.jpg.png.

A rule brings the stem of an image and that of its mask to one key. It holds for a whole
data set, or not at all.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from kerasseg.data.reading.pairing.names import folded

MASK_WORDS = (
    *("mask", "masks", "label", "labels", "labelids", "labeltrainids", "gt", "gtfine"),
    *("segmentation", "segmentations", "seg", "segm", "semantic", "l", "annotation"),
    *("annotations", "annot", "groundtruth", "ground", "truth", "target", "manual1"),
    *("manual", "color", "colour", "instance", "rgb", "png", "binary", "trimap"),
    *("fuse", "cp", "matte", "lbl", "anno", "segmentationmask"),
)
IMAGE_WORDS = (
    *("image", "images", "img", "sat", "rgb", "im", "0000", "leftimg8bit", "photo"),
    *("training", "test", "orig", "original", "input", "data"),
)
SIGNS = r"[\s_.-]+"
"""What parts a word from the name."""


@dataclass(frozen=True)
class Affix:
    """What is taken off a stem: a text at its start, one at its end; small letters.

    endings: of pictures; one of them is taken off too, as x.jpg of x.jpg.png.
    """

    start: str = ""
    end: str = ""
    endings: tuple[str, ...] = ()

    def key(self, stem: str) -> str | None:
        """The folded stem without it; None where it has none."""
        text = folded(stem)
        if not (text.startswith(self.start) and text.endswith(self.end)):
            return None
        text = text[len(self.start) : len(text) - len(self.end)]
        if self.endings:
            ending = next((e for e in self.endings if text.endswith(e)), None)
            if ending is None:
                return None
            text = text[: -len(ending)]
        return text or None

    def __str__(self) -> str:
        parts = [f"{self.start}..." if self.start else "", self.end]
        parts.append("the image's ending" if self.endings else "")
        return " and ".join(part for part in parts if part)


PLAIN = Affix()


@dataclass(frozen=True)
class Rule:
    """What is taken off the stems of images and of masks."""

    image: Affix = PLAIN
    mask: Affix = PLAIN

    def __str__(self) -> str:
        said = [
            f"{what} have {affix}"
            for what, affix in (("masks", self.mask), ("images", self.image))
            if affix != PLAIN
        ]
        return ", ".join(said)


def find_rule(
    images: Sequence[str],
    masks: Sequence[str],
    count: Callable[[Rule], int],
    endings: Collection[str],
    suffix: str = "",
) -> Rule:
    """The rule by which most images have a mask; the plainest of equal ones.

    images, masks: stems. count: pairs that a rule gives. endings: of pictures. suffix:
    what all masks end with, as a user says; else words that all of them have.
    """
    for_images = _shared(images, IMAGE_WORDS, ())
    of_masks = [Affix(end=folded(suffix))] if suffix else _shared(masks, MASK_WORDS, ())
    if not suffix:
        of_masks += _with_ending(masks, of_masks, tuple(endings))
    best, most = Rule(mask=of_masks[0]), -1
    for image, mask in itertools.product(for_images, of_masks):
        pairs = count(Rule(image, mask))
        if pairs > most:
            best, most = Rule(image, mask), pairs
        if pairs == len(images) == len(masks):
            break
    return best


def _shared(
    stems: Sequence[str], words: tuple[str, ...], endings: tuple[str, ...]
) -> list[Affix]:
    """No affix, and those made of `words` that all stems have; short ones first."""
    found = [PLAIN]
    if stems:
        any_word = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
        first = folded(stems[0])
        for pattern, at_end in (
            (rf"(?:{SIGNS}(?:{any_word}))+$", True),
            (rf"^(?:(?:{any_word}){SIGNS})+", False),
        ):
            match = re.search(pattern, first)
            parts = re.split(f"({SIGNS})", match[0]) if match else []
            texts = (
                {"".join(parts[i:]) for i in range(1, len(parts), 2)}
                if at_end
                else {"".join(parts[:i]) for i in range(2, len(parts) + 1, 2)}
            )
            texts |= {_with_one_sign(text, at_end) for text in texts}
            found += [
                Affix(end=text) if at_end else Affix(start=text)
                for text in sorted(texts - {""}, key=len)
            ]
    return [a for a in found if all(a.key(stem) is not None for stem in stems)]


def _with_one_sign(text: str, at_end: bool) -> str:
    """The text with one of its outer signs: names may end, or begin, with signs."""
    pattern = rf"^{SIGNS}(?={SIGNS})" if at_end else rf"(?<={SIGNS[:-1]}){SIGNS}$"
    return re.sub(pattern, "", text)


def _with_ending(
    stems: Sequence[str], affixes: Iterable[Affix], endings: tuple[str, ...]
) -> list[Affix]:
    both = [Affix(a.start, a.end, endings) for a in affixes]
    return [a for a in both if stems and all(a.key(s) is not None for s in stems)]
