"""The classes of a dataset: their names, colours and ids, and one-hot targets."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from kerasseg import UserError

Tensor: TypeAlias = Any
"""A tensor of the Keras backend in use, or a NumPy array."""
IGNORE = 255
"""The label id of pixels that count nowhere: not in losses, not in metrics; of up to
255 classes. `ignore_of` knows that of more."""
IGNORE_OF_16_BITS = 65535
MOST_CLASSES = IGNORE_OF_16_BITS


def ignore_of(num_classes: int) -> int:
    """The label id of pixels that count nowhere: 255; of more than 255 classes 65535.

    >>> ignore_of(255), ignore_of(256)
    (255, 65535)
    """
    return IGNORE if num_classes <= IGNORE else IGNORE_OF_16_BITS


def label_type(num_classes: int) -> type[np.uint8] | type[np.uint16]:
    """The type of labels and class maps: uint8; of more than 255 classes uint16.

    >>> label_type(255).__name__, label_type(256).__name__
    ('uint8', 'uint16')
    """
    return np.uint8 if num_classes <= IGNORE else np.uint16


def ignore_in(label: np.ndarray) -> int:
    """The id of ignored pixels of a label of `label_type`: the largest of its type."""
    return int(np.iinfo(label.dtype).max)


@dataclass(frozen=True)
class Taxonomy:
    """Names and colours of the classes; the id of a class is its position.

    Whatever a source used for "void", on disk here it is always `ignore`: 255, or 65535
    where there are more than 255 classes.

    Args:
        names: 1 to 65535 different class names; blanks around them are cut off.
        colours: RGB, 0..255, one for each class.
        exclusive: whether a pixel has one class. Without it the classes overlap: each
            is a question of its own, asked of every pixel. A label is then uint8
            (H, W, C), 1 where the class is, 0 where it is not, 255 where that is
            ignored; a pixel of no class is 0 everywhere. At most 255 classes.

    Raises:
        UserError: when names and colours are not that.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    exclusive: bool = True

    def __post_init__(self) -> None:
        if all(isinstance(name, str) for name in self.names):
            stripped = tuple(name.strip() for name in self.names)
            object.__setattr__(self, "names", stripped)
        if not 1 <= len(self.names) <= MOST_CLASSES:
            raise UserError(
                f"A taxonomy has 1 to {MOST_CLASSES} classes, got {len(self.names)}."
            )
        if not self.exclusive and len(self.names) > IGNORE:
            raise UserError(
                f"Classes that overlap can be 1 to {IGNORE}, got {len(self.names)}."
            )
        if len(self.names) != len(self.colours):
            raise UserError(
                f"Expected one colour for each of the {len(self.names)} class names, "
                f"got {len(self.colours)} colours."
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted(n for n, times in Counter(self.names).items() if times > 1)
            raise UserError(f"Class names must differ; repeated: {', '.join(twice)}.")
        for name, colour in zip(self.names, self.colours, strict=True):
            good = len(colour) == 3 and all(0 <= value <= 255 for value in colour)
            if not isinstance(name, str) or not good:
                raise UserError(
                    "Expected a name and a colour of three numbers 0..255 for each "
                    f"class, got {name!r} and {colour!r}."
                )

    @classmethod
    def numbered(cls, num_classes: int) -> Taxonomy:
        """Names "class_0", ... and well separated colours for data without a legend."""
        return cls.named([f"class_{i}" for i in range(num_classes)])

    @classmethod
    def named(cls, names: Sequence[str]) -> Taxonomy:
        """Well separated colours for the given names: golden-angle hues, 3 values."""
        colours = []
        for i in range(len(names)):
            value = (0.95, 0.75, 0.55)[i % 3]
            red, green, blue = colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.75, value)
            colours.append((round(255 * red), round(255 * green), round(255 * blue)))
        return cls(tuple(names), tuple(colours))

    @classmethod
    def from_json(cls, values: dict) -> Taxonomy:
        """The taxonomy that `to_json` wrote."""
        names, colours = tuple(values["names"]), tuple(map(tuple, values["colours"]))
        exclusive = values.get("exclusive", True)
        if not isinstance(exclusive, bool):
            raise TypeError(f"'exclusive' must be true or false, got {exclusive!r}")
        return cls(names, colours, exclusive)

    def counted(self) -> str:
        """How many classes there are, in words; of one that overlaps nothing too.

        >>> Taxonomy(("nucleus",), ((9, 9, 9),), exclusive=False).counted()
        '1 class, asked for itself'
        """
        if self.num_classes == 1:
            return "1 class" + ("" if self.exclusive else ", asked for itself")
        overlap = "" if self.exclusive else " that overlap"
        return f"{self.num_classes} classes{overlap}"

    def to_json(self) -> dict:
        """Names, colours and the ignore id as lists and numbers.

        Of classes that exclude each other it is what it was before others were known.
        """
        values: dict = {
            "names": list(self.names),
            "colours": [list(c) for c in self.colours],
            "ignore": self.ignore,
        }
        return values if self.exclusive else values | {"exclusive": False}

    def alike(self) -> tuple[str, ...]:
        """A sentence for each two names that differ only in case, blanks or dashes."""
        return alike(self.names)

    @property
    def num_classes(self) -> int:
        """C, the number of classes, without the ignored one."""
        return len(self.names)

    @property
    def ignore(self) -> int:
        """The id of pixels that count nowhere, see `ignore_of`."""
        return ignore_of(self.num_classes)

    @property
    def planes(self) -> tuple[int, ...]:
        """What labels have behind (H, W): (C,) where classes overlap, else ()."""
        return () if self.exclusive else (self.num_classes,)

    @property
    def label_type(self) -> type[np.uint8] | type[np.uint16]:
        """The type of labels, see `label_type`."""
        return label_type(self.num_classes)

    def palette(self) -> np.ndarray:
        """(256, 3) or (65536, 3) uint8: the colour of every id that labels of this type
        can hold, black for ids that name no class."""
        palette = np.zeros((self.ignore + 1, 3), np.uint8)
        palette[: self.num_classes] = self.colours
        return palette

    def colourise(self, label: np.ndarray) -> np.ndarray:
        """(..., H, W) ids -> (..., H, W, 3) uint8 RGB.

        >>> taxonomy = Taxonomy(("road", "sky"), ((1, 2, 3), (4, 5, 6)))
        >>> taxonomy.colourise(np.array([[1, 255]])).tolist()
        [[[4, 5, 6], [0, 0, 0]]]
        """
        return self.palette()[label]

    def from_colours(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (H, W) ids; black = ignore unless it is a class.

        Raises UserError for a colour that is not in the taxonomy.
        """
        packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        table = {0: self.ignore}
        table |= {
            (r << 16) + (g << 8) + b: i for i, (r, g, b) in enumerate(self.colours)
        }
        present, inverse = np.unique(packed, return_inverse=True)
        unknown = [int(c) for c in present if int(c) not in table]
        if unknown:
            red, green, blue = unknown[0] >> 16, unknown[0] >> 8 & 255, unknown[0] & 255
            raise UserError(
                f"Colour ({red}, {green}, {blue}) is not a class of this "
                f"taxonomy ({len(unknown)} unknown colours in all). Add it to the "
                "legend, or check that the mask was saved without smoothing or JPEG "
                "compression."
            )
        ids = np.array([table[int(c)] for c in present], self.label_type)
        return ids[inverse].reshape(rgb.shape[:2])


def alike(names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each two names that differ only in case, blanks or dashes.

    >>> alike(["Car", "road", "car"])
    ("'Car' and 'car' are almost the same name: check that two classes are meant.",)
    """
    first: dict[str, str] = {}
    out = []
    for name in names:
        plain = "".join(c for c in name.casefold() if c.isalnum()) or name
        other = first.setdefault(plain, name)
        if other != name:
            out.append(
                f"'{other}' and '{name}' are almost the same name: check that two "
                "classes are meant."
            )
    return tuple(out)


def target(label: Tensor, num_classes: int, exclusive: bool = True) -> Tensor:
    """What losses compare logits with.

    Args:
        label: (...) int ids; where classes overlap (..., C) of 1, 0 and 255 = ignore.
        num_classes: C.
        exclusive: see `Taxonomy`.

    Returns:
        (..., C) float32. Of exclusive classes `one_hot`. Where classes overlap 1 or 0,
        and -1 where the class is ignored: all zero is an answer there.

    >>> np.asarray(target(np.array([[1, 0, 255]]), 3, exclusive=False)).tolist()
    [[1.0, 0.0, -1.0]]
    """
    if exclusive:
        return one_hot(label, num_classes)
    from keras import ops

    known = ops.cast(ops.equal(label, 1), "float32")
    return ops.where(ops.equal(label, IGNORE), -1.0, known)


def one_hot(label: Tensor, num_classes: int, ignore: int | None = None) -> Tensor:
    """One-hot target of a label; all-zero where ignored.

    Ids outside 0..C-1 also give zeros: records were checked when they were written.

    Args:
        label: (...) int ids.
        num_classes: C.
        ignore: the id of ignored pixels; None: `ignore_of(num_classes)`.

    Returns:
        (..., C) float32.

    >>> np.asarray(one_hot(np.array([1, 255]), 2)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    from keras import ops

    label = ops.cast(label, "int32")
    ignore = ignore_of(num_classes) if ignore is None else ignore
    label = ops.where(ops.equal(label, ignore), -1, label)
    classes = ops.arange(num_classes, dtype="int32")
    return ops.cast(ops.equal(ops.expand_dims(label, -1), classes), "float32")
