"""What the numbers in label volumes mean, and labels as class ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.overlap import planes_of_ids
from kerasseg.data.reading.volumes.volume import open_volume, read
from kerasseg.taxonomy import IGNORE, Taxonomy, ignore_of, label_type

LARGEST = 65535


@dataclass(frozen=True)
class VolumeLabels:
    """names: of the classes. parts: which numbers of the files each class is; of
    classes that overlap a number may belong to several. ignore: numbers that count
    nowhere. outside: numbers of no class, where classes overlap."""

    names: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]
    ignore: tuple[int, ...] = ()
    exclusive: bool = True
    outside: tuple[int, ...] = ()

    @property
    def taxonomy(self) -> Taxonomy:
        """The classes, in colours far from each other."""
        named = Taxonomy.named(self.names)
        return Taxonomy(named.names, named.colours, self.exclusive)

    def __str__(self) -> str:
        """For the terminal: "labels: 0 background, 1 anterior"."""
        listed = [
            f"{'+'.join(map(str, numbers))} {name}"
            for name, numbers in zip(self.names, self.parts, strict=True)
        ]
        listed += [f"{number} ignored" for number in self.ignore]
        return f"labels: {', '.join(listed[:40])}"

    def of(self, numbers: np.ndarray, file: Path) -> np.ndarray:
        """The numbers (D, H, W) of a label file as class ids (D, H, W), of classes that
        overlap as (D, H, W, K). Raises UserError for a number that means nothing."""
        found = _whole(numbers, file)
        count = len(self.names)
        kind, ignored = label_type(count), ignore_of(count)
        table = np.full(LARGEST + 2, -1, np.int32)
        for number, ids in enumerate(self.parts):
            table[list(ids)] = number
        table[[*self.outside]] = count
        table[[*self.ignore]] = ignored
        classes = table[found]
        if (classes < 0).any():
            wrong = int(found[classes < 0].flat[0])
            known = sorted({*sum(self.parts, ()), *self.ignore, *self.outside})
            raise UserError(
                f"{file} holds the number {wrong}, which is no class: known are "
                f"{', '.join(map(str, known[:20]))}. Correct the label, or the list of "
                "classes."
            )
        if self.exclusive:
            return classes.astype(kind)
        # Numbers of the files, those to ignore as 255, as `planes_of_ids` takes them.
        plain = np.where(classes == ignored, IGNORE, found).astype(np.uint8)
        return planes_of_ids(plain, self.parts)


def _whole(numbers: np.ndarray, file: Path) -> np.ndarray:
    """Numbers 0 to 65535 as whole ones."""
    kind = numbers.dtype.kind
    if kind == "f" and not (numbers == np.rint(numbers)).all():
        raise UserError(
            f"{file} holds {float(numbers[numbers != np.rint(numbers)].flat[0]):g}; a "
            "label holds whole numbers. Was it smoothed or resampled? Use the original."
        )
    smallest, largest = numbers.min(), numbers.max()
    if smallest < 0 or largest > LARGEST:
        wrong = smallest if smallest < 0 else largest
        raise UserError(
            f"{file} holds {wrong:g}; classes are numbered 0 to {LARGEST}. Correct it."
        )
    return numbers.astype(np.int32)


def by_names(names: Mapping[str, int | Sequence[int]]) -> VolumeLabels:
    """Of nnU-Net's "labels": a class's number, or the numbers of a region."""
    ignored = tuple(_numbers(v)[0] for k, v in names.items() if k.lower() == "ignore")
    kept = {k: _numbers(v) for k, v in names.items() if k.lower() != "ignore"}
    regions = any(len(numbers) > 1 for numbers in kept.values())
    if not regions:
        order = sorted(kept, key=lambda name: kept[name])
        return VolumeLabels(tuple(order), tuple(kept[n] for n in order), ignored)
    background = kept.pop("background", (0,))
    return VolumeLabels(
        tuple(kept), tuple(kept.values()), ignored, exclusive=False, outside=background
    )


def by_numbers(names: Mapping[str, str]) -> VolumeLabels:
    """Of the Medical Decathlon's "labels": number -> name."""
    return by_names({str(name): int(number) for number, name in names.items()})


def by_survey(files: Iterable[Path], names: Sequence[str] = ()) -> VolumeLabels:
    """Of what the files hold; names: of the numbers from 0 on, where they are known.

    0 and 255 alone are two classes; beside others 255 is ignored.
    """
    if names:
        numbers = tuple((number,) for number in range(len(names)))
        return VolumeLabels(tuple(names), numbers, (IGNORE,) * (len(names) <= IGNORE))
    held: set[int] = set()
    for file in files:
        opened = open_volume(file)
        whole = _whole(read(opened).image[..., 0], file)
        held.update(np.flatnonzero(np.bincount(whole.ravel())).tolist())
    if held == {0, IGNORE}:
        return VolumeLabels(("class_0", "class_255"), ((0,), (IGNORE,)))
    classes = sorted(held - {IGNORE})
    ignored = (IGNORE,) if IGNORE in held else ()
    return VolumeLabels(
        tuple(f"class_{n}" for n in classes), tuple((n,) for n in classes), ignored
    )


def _numbers(value: int | Sequence[int]) -> tuple[int, ...]:
    listed = (value,) if isinstance(value, int) else tuple(map(int, value))
    if not listed or min(listed) < 0 or max(listed) > LARGEST:
        raise UserError(
            f"Numbers of classes are 0 to {LARGEST}, dataset.json has {value}."
        )
    return listed
