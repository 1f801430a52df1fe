"""Layers of masks: whether they overlap in a data set, and what labels they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_layers import MaskFile
from kerasseg.data.reading.masks.two_values import BACKGROUNDS
from kerasseg.taxonomy import IGNORE, Taxonomy, ignore_in

NO_CLASS = -1
"""As the class of a layer: it is the background, which no class that overlaps needs."""
REAL = 0.5
"""Share of the smaller class from which on a thin overlap is no oversight either."""
THICK = 5
"""Side, in pixels, of a square that an overlap holds if it is more than a border."""
NO_NAMES = (*BACKGROUNDS, "class_0", "")
"""Names of class 0 with which it may be the background."""
Plane = tuple[str, np.ndarray]
"""The name of a layer, and where it is: (H, W) bool."""


@dataclass(frozen=True)
class Crossing:
    """Two layers that overlap; pixels: of the data set in which they do. share: of the
    smaller one. thick: whether some overlap is wider than a drawn border."""

    file: str
    names: tuple[str, str]
    pixels: int
    share: float
    thick: bool

    @property
    def is_real(self) -> bool:
        """Whether both classes are meant: more than borders that were drawn twice."""
        return self.thick or self.share >= REAL


class LayerSurvey:
    """What the layers of a data set hold, and where they overlap.

    sizes: pixels of each layer. bare: whether some pixel is in none. files: the masks
    in which two layers overlap, by the names of the two.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.bare = False
        self.files: dict[tuple[str, str], list[MaskFile]] = {}
        self._shared: dict[tuple[str, str], int] = {}
        self._thick: set[tuple[str, str]] = set()

    def add(self, file: MaskFile, planes: Sequence[Plane], void: np.ndarray) -> None:
        """Counts a mask. void: (H, W) bool, pixels that are ignored in some layer."""
        times = np.zeros(void.shape, np.uint16)
        for name, inside in planes:
            self.sizes[name] = self.sizes.get(name, 0) + int(np.count_nonzero(inside))
            times += inside
        self.bare |= bool(((times == 0) & ~void).any())
        if times.max(initial=0) < 2:
            return
        crossed = [plane for plane in planes if (times[plane[1]] > 1).any()]
        for (name, inside), (other, where) in combinations(crossed, 2):
            both = inside & where
            count = int(np.count_nonzero(both))
            if not count:
                continue
            pair = (name, other) if name < other else (other, name)
            self._shared[pair] = self._shared.get(pair, 0) + count
            self.files.setdefault(pair, []).append(file)
            if pair not in self._thick and _is_thick(both):
                self._thick.add(pair)

    def crossing(self, but: Collection[str] = ()) -> Crossing | None:
        """The two layers that overlap most, of all `but` those; None where none do."""
        pairs = [pair for pair in self._shared if not set(pair) & set(but)]
        if not pairs:
            return None

        def share(pair: tuple[str, str]) -> float:
            return self._shared[pair] / max(1, min(self.sizes[name] for name in pair))

        most = max(pairs, key=lambda pair: (pair in self._thick, share(pair)))
        return Crossing(
            str(self.files[most][0]),
            most,
            self._shared[most],
            share(most),
            most in self._thick,
        )


def _is_thick(mask: np.ndarray) -> bool:
    square = np.ones((THICK, THICK), np.uint8)
    left = cv2.erode(
        mask.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return bool(np.any(left))


def refuse_doubt(found: Crossing) -> None:
    """Raises UserError where an overlap may be meant, or an oversight."""
    one, other = found.names
    raise UserError(
        f"Mask {found.file}: '{one}' and '{other}' overlap, but only in thin strips "
        f"({found.pixels} pixels in all masks, {found.share:.1%} of the smaller one). "
        "Say --overlap if a pixel may be both, or --exclusive to ignore the pixels of "
        "two classes."
    )


def without_background(
    taxonomy: Taxonomy, layers: Mapping[str, int]
) -> tuple[Taxonomy, dict[str, int]]:
    """The classes but class 0, which overlap; and the plane of each layer.

    Raises UserError where class 0 is all there is.
    """
    if taxonomy.num_classes < 2:
        raise UserError(
            f"The only layer is '{taxonomy.names[0]}', the background: there is no "
            "class. Add the layers of the classes."
        )
    classes = Taxonomy(taxonomy.names[1:], taxonomy.colours[1:], exclusive=False)
    return classes, {layer: class_id - 1 for layer, class_id in layers.items()}


def refuse_no_background(taxonomy: Taxonomy) -> None:
    """Raises UserError where class 0 is not called a background."""
    first = taxonomy.names[0]
    if first.casefold() not in NO_NAMES:
        raise UserError(
            f"--overlap asks each class of every pixel, and '{first}' is class 0, "
            "where the background is expected. Call it background in the legend if it "
            "is, or say which classes to ask with --region NAME=A,B."
        )


def planes_of_ids(label: np.ndarray, parts: Sequence[Sequence[int]]) -> np.ndarray:
    """(H, W) ids -> uint8 (H, W, K). parts: the ids that each class is made of."""
    planes = np.stack([np.isin(label, part) for part in parts], -1).astype(np.uint8)
    planes[label == ignore_in(label)] = IGNORE
    return planes


def planes_of_layers(
    layers: Sequence[tuple[str, np.ndarray]],
    class_of: Mapping[str, int],
    count: int,
    above: float,
    ignored: Sequence[int],
) -> np.ndarray:
    """uint8 (H, W, K) of layers of gray levels; 0 of a class that has no layer.

    layers: as `mask_layers.layers_of` gives them.

    class_of: the plane of each layer, or `NO_CLASS`. above: levels above are the class.
    ignored: levels that are ignored for their class; so is 255 in a layer of 0, 1, 255.

    """
    out = np.zeros((*layers[0][1].shape, count), np.uint8)
    for name, pixels in layers:
        if class_of[name] == NO_CLASS:
            continue
        plane = out[..., class_of[name]]
        plane[pixels > above] = 1
        void = np.isin(pixels, ignored)
        if above < 1 and set(np.unique(pixels)) == {0, 1, IGNORE}:
            void |= pixels == IGNORE
        plane[void] = IGNORE
    return out


def ids_of_layers(
    layers: Sequence[tuple[str, np.ndarray]],
    class_of: Mapping[str, int],
    taxonomy: Taxonomy,
    above: float,
    ignored: Sequence[int],
    crossing: Literal["refuse", "ignore"],
    file: object,
) -> np.ndarray:
    """(H, W) ids of layers of which a pixel is in one; 0 where it is in none, ignore if
    there is a layer of class 0.

    crossing: what a pixel of two layers is. Otherwise as `planes_of_layers`.

    Raises UserError where layers overlap, with "refuse".
    """
    size = layers[0][1].shape
    label, taken, void = (
        np.zeros(size, taxonomy.label_type),
        *np.zeros((2, *size), bool),
    )
    for name, pixels in layers:
        class_id, inside = class_of[name], pixels > above
        if crossing == "ignore":
            void |= inside & taken
        elif (inside & taken).any():
            other = taxonomy.names[int(label[inside & taken][0])]
            count = int((inside & taken).sum())
            raise UserError(
                f"Mask {file}: '{other}' and '{taxonomy.names[class_id]}' overlap in "
                f"{count} pixels. Say --overlap if a pixel may be both, --exclusive to "
                "ignore such pixels, or correct the layers."
            )
        label[inside] = class_id
        taken |= inside
        void |= np.isin(pixels, ignored)
    if 0 in class_of.values():
        void |= ~taken
    label[void] = taxonomy.ignore
    return label


def planes_of_bits(
    numbers: np.ndarray, class_of: Mapping[str, int], count: int, ignored: Sequence[int]
) -> np.ndarray:
    """uint8 (H, W, K): bit k of a number is the layer called k + 1."""
    out = np.zeros((*numbers.shape, count), np.uint8)
    for layer, class_id in class_of.items():
        out[..., class_id] = numbers.astype(np.int64) >> (int(layer) - 1) & 1
    out[np.isin(numbers, ignored)] = IGNORE
    return out
