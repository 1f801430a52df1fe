"""The frame that adapters share: an image, its label file, and the ids of its objects.

An adapter lists `Frame`s; `samples_of` makes a split of them, which reads one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import ignore_in


@dataclass(frozen=True)
class Frame:
    """Files of a sample. instances: file of object ids, or None; sequence: the drive,
    city or area that it comes from, "" where unknown."""

    id: str
    image: Path
    label: Path
    sequence: str = ""
    instances: Path | None = None


def samples_of(
    frames: Iterable[Frame],
    label_of: Callable[[Path], np.ndarray],
    instances_of: Callable[[Path], np.ndarray] | None = None,
    left_out: str = "",
) -> Samples:
    """A split of frames, sorted by their ids.

    label_of: (H, W) uint8 class ids of a label file.
    instances_of: (H, W) numbers of the objects in a file of them, 0 = none.
    left_out: a sentence for the terminal on what of the source is not read.

    Raises UserError for two frames of one id, and for a label that does not exist.
    """
    listed = sorted(frames, key=lambda frame: frame.id)
    for one, other in pairwise(listed):
        if one.id == other.id:
            raise UserError(
                f"{one.image} and {other.image} are both '{one.id}'. Remove one."
            )
    missing = [frame for frame in listed if not frame.label.is_file()]
    if missing:
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        raise UserError(
            f"Image {missing[0].image} has no label {missing[0].label}{more}. Add it, "
            "or move the image away."
        )
    bare = [frame for frame in listed if frame.instances is None]
    if instances_of is not None and 0 < len(bare) < len(listed):
        instances_of = None  # records have objects in all samples or in none
        left_out += f" Objects are left out: {bare[0].image} has no file of them."
    told = all(frame.sequence for frame in listed)
    return Samples(
        listed,
        partial(_read, label_of=label_of, instances_of=instances_of),
        _sequence if told else None,
        _id,
        source={"layout": {"line": left_out.strip()}} if left_out else {},
    )


def classes_of(file: Path, known: np.ndarray) -> np.ndarray:
    """(H, W) uint8 class ids of a file of ids, by a `label_maps.lookup_table`."""
    return to_classes(read_mask(file)[0], known, file)


def object_numbers(file: Path) -> np.ndarray:
    """(H, W) integers of a file of object ids, as they are stored.

    Raises UserError where the file is not of one integer for each pixel.
    """
    stored = read_mask(file)[0]
    if stored.ndim != 2 or stored.dtype.kind not in "iu":
        raise UserError(
            f"{file} holds {stored.dtype} {stored.shape}, not object ids of 16 bits. "
            "Use the file that the data set comes with, or remove it."
        )
    return stored


def things(file: Path) -> np.ndarray:
    """(H, W) objects of a file of label * 1000 + number, as Cityscapes has them.

    Smaller numbers are a label alone: stuff, or a crowd; they become 0.
    """
    stored = object_numbers(file)
    return np.where(stored >= 1000, stored, 0)


def numbered(objects: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(H, W) uint16: the objects numbered from 1 on; none where the label is ignored.

    objects: (H, W) numbers of any size, 0 = none.
    """
    found, inverse = np.unique(
        np.where(label == ignore_in(label), 0, objects), return_inverse=True
    )
    numbers = np.cumsum(found != 0) * (found != 0)
    return numbers.astype(np.uint16)[inverse].reshape(label.shape)


def visible(folder: Path, *patterns: str) -> list[Path]:
    """The files below a folder that match one of the patterns, sorted; without hidden
    ones, such as the ._x.png that macOS writes."""
    found = (file for pattern in patterns for file in folder.glob(pattern))
    return sorted(file for file in found if not file.name.startswith("."))


def first_folder(src: Path, names: Sequence[str]) -> Path | None:
    """The first of these folders below `src` that exists."""
    return next((src / name for name in names if (src / name).is_dir()), None)


def _read(
    frame: Frame,
    label_of: Callable[[Path], np.ndarray],
    instances_of: Callable[[Path], np.ndarray] | None,
) -> Sample:
    image, encoded = read_image(frame.image)
    label, instance = label_of(frame.label), None
    if instances_of is not None and frame.instances is not None:
        objects = instances_of(frame.instances)
        if objects.shape != label.shape:
            raise UserError(
                f"{frame.instances} has {objects.shape} pixels, {frame.label} has "
                f"{label.shape}. Use files of one version of the data set."
            )
        instance = numbered(objects, label)
    return Sample(
        frame.id, image, label, instance, encoded=encoded, sequence=frame.sequence
    )


def _sequence(frame: Frame) -> str:
    return frame.sequence


def _id(frame: Frame) -> str:
    return frame.id
