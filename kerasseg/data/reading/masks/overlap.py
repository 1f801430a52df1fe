"""Layers of masks: whether they overlap in a data set, and what labels they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import IGNORE, Taxonomy

NO_CLASS = -1
"""As the class of a layer: it is the background, which no class that overlaps needs."""
REAL = 0.5
"""Share of the smaller class from which on a thin overlap is no oversight either."""
THICK = 5
"""Side, in pixels, of a square that an overlap holds if it is more than a border."""
BACKGROUNDS = ("background", "_background_", "bg", "class_0", "")
"""Names of class 0 that say that it is the background."""
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


def crossing(files: Iterable[tuple[object, Sequence[Plane]]]) -> Crossing | None:
    """The two layers of a data set that overlap most; None where none do.

    files: each mask and its layers, all of one size.
    """
    shared: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], str] = {}
    thick: set[tuple[str, str]] = set()
    sizes: dict[str, int] = {}
    for file, planes in files:
        times = np.zeros(planes[0][1].shape if planes else (0, 0), np.uint16)
        for name, inside in planes:
            sizes[name] = sizes.get(name, 0) + int(np.count_nonzero(inside))
            times += inside
        if not times.size or times.max() < 2:
            continue
        crossed = [plane for plane in planes if (times[plane[1]] > 1).any()]
        for i, (name, inside) in enumerate(crossed):
            for other, where in crossed[i + 1 :]:
                both = inside & where
                count = int(np.count_nonzero(both))
                if not count:
                    continue
                pair = (name, other) if name < other else (other, name)
                shared[pair] = shared.get(pair, 0) + count
                first.setdefault(pair, str(file))
                if pair not in thick and _is_thick(both):
                    thick.add(pair)
    if not shared:
        return None

    def share(pair: tuple[str, str]) -> float:
        return shared[pair] / max(1, min(sizes[name] for name in pair))

    most = max(shared, key=lambda pair: (pair in thick, share(pair)))
    return Crossing(first[most], most, shared[most], share(most), most in thick)


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
    if first.casefold() not in BACKGROUNDS:
        raise UserError(
            f"--overlap asks each class of every pixel, and '{first}' is class 0, "
            "where the background is expected. Call it background in the legend if it "
            "is, or say which classes to ask with --region NAME=A,B."
        )


def planes_of_ids(label: np.ndarray, taxonomy: Taxonomy, ignore: int) -> np.ndarray:
    """(H, W) ids, 0 = background -> uint8 (H, W, K), K the other classes."""
    classes = np.arange(1, taxonomy.num_classes + 1)
    planes = (label[..., None] == classes).astype(np.uint8)
    planes[label == ignore] = IGNORE
    return planes


def planes_of_layers(
    layers: Sequence[tuple[str, np.ndarray]],
    class_of: Mapping[str, int],
    count: int,
    above: float,
    ignored: Sequence[int],
    file: object,
) -> np.ndarray:
    """uint8 (H, W, K) of layers of gray levels; 0 of a class that has no layer.

    class_of: the plane of each layer, or `NO_CLASS`. above: levels above are the class.
    ignored: levels that are ignored for their class; so is 255 in a layer of 0, 1, 255.

    Raises UserError where layers differ in size, or there is none.
    """
    out = np.zeros((0, 0, count), np.uint8)
    for name, pixels in layers:
        if not out.size:
            out = np.zeros((*pixels.shape, count), np.uint8)
        if pixels.shape != out.shape[:2]:
            raise UserError(
                f"{file}: the layer '{name}' has another size than the first. Export "
                "the layers again."
            )
        if class_of[name] == NO_CLASS:
            continue
        plane = out[..., class_of[name]]
        plane[pixels > above] = 1
        void = np.isin(pixels, ignored)
        if above < 1 and set(np.unique(pixels)) == {0, 1, IGNORE}:
            void |= pixels == IGNORE
        plane[void] = IGNORE
    if not out.size:
        raise UserError(f"{file}: there is no layer. Add one, or remove the image.")
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

    Raises UserError where layers differ in size or, with "refuse", overlap.
    """
    label = taken = np.zeros((0, 0), taxonomy.label_type)
    void = np.zeros((0, 0), bool)
    for name, pixels in layers:
        class_id, inside = class_of[name], pixels > above
        if not label.size:
            label = np.zeros(inside.shape, label.dtype)
            taken, void = np.zeros((2, *inside.shape), bool)
        if inside.shape != label.shape:
            raise UserError(
                f"{file}: the layer '{name}' has another size than the first. Export "
                "the layers again."
            )
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
    if not label.size:
        raise UserError(f"{file}: there is no layer. Add one, or remove the image.")
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
