"""Finds the volumes that a command line names, and reads them as the training did."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.console import counted
from kerasseg.data.reading.pictures.image import header
from kerasseg.data.reading.volumes.prepared import prepared
from kerasseg.data.reading.volumes.volume import (
    FORMATS,
    Volume,
    is_volume,
    open_volume,
    read,
    stem_of,
    suffix_of,
)
from kerasseg.files import remote
from kerasseg.image_format import ImageFormat
from kerasseg.inference.results import made
from kerasseg.volume_format import VolumeFormat

CHANNEL = re.compile(r"_(\d{4})$")
"""nnU-Net's number of a channel, at the end of a name."""


@dataclass(frozen=True)
class Source:
    """One volume. files: one, or one for each channel. name: of its results. place: the
    folder of its results inside the folder of all results."""

    files: tuple[Path, ...]
    name: str
    place: Path = Path()

    def __str__(self) -> str:
        return str(self.files[0])


def sources_of(
    words: Iterable[str], out: Path, channels: int, recursive: bool = True
) -> tuple[list[Source], list[str]]:
    """The volumes that words name, and lines on what is not read.

    A folder is a volume where it holds its slices (DICOM, pictures); else it stands for
    the volumes in it and, if `recursive`, in its subfolders, without the results of
    earlier calls. Of networks of several channels, files x_0000, x_0001, ... are one
    volume.

    Raises UserError for what does not exist, is no volume, or lacks a channel.
    """
    found: list[tuple[Path, Path]] = []
    others: list[Path] = []
    for word in words:
        path = remote.fetched(Path(word))
        if not path.exists():
            raise UserError(f"{path} does not exist. Expected a volume, or a folder.")
        if _is_one(path):
            found.append((path, Path()))
        elif path.is_dir():
            found += _walked(path, out, recursive, others)
        else:
            raise UserError(
                f"{path} is no volume. Expected {', '.join(FORMATS)}, or a folder with "
                "the slices of one."
            )
    if not found:
        known = f" ({counted(len(others), 'other file')} in it)" if others else ""
        raise UserError(
            f"{', '.join(words)} holds no volumes{known}: {', '.join(FORMATS)}, or a "
            "folder with the slices of one."
        )
    lines = []
    if others:
        names = ", ".join(file.name for file in others[:5])
        lines.append(f"{counted(len(others), 'other file')}, not read: {names}")
    return list(_joined(found, channels)), lines


def _walked(
    folder: Path, out: Path, recursive: bool, others: list[Path]
) -> Iterator[tuple[Path, Path]]:
    results = made.results_around(folder)
    for where, folders, names in os.walk(folder):
        here = Path(where)
        results |= made.results_in(here.resolve())
        # Overlays of earlier calls are no slices of a volume.
        asked = [
            name
            for name in folders
            if (here / name).resolve() != out.resolve()
            and not (here / name / made.LIST).exists()
            and not name.startswith(".")
        ]
        volumes = [name for name in asked if _is_one(here / name)]
        folders[:] = sorted({*asked} - {*volumes}) if recursive else []
        for name in sorted([*volumes, *names]):
            file = here / name
            if here.resolve() / name in results or name.startswith("."):
                continue
            if is_volume(file):
                yield file, here.relative_to(folder)
            else:
                others.append(file)


def _is_one(path: Path) -> bool:
    """Whether a path is one volume. A folder of slices is; not one of whole volumes,
    TIFF stacks among them."""
    if not path.is_dir() or suffix_of(path) in FORMATS:
        return is_volume(path)
    return is_volume(path) and not any(map(_is_whole, path.iterdir()))


def _is_whole(file: Path) -> bool:
    if suffix_of(file) not in FORMATS or file.name.startswith("."):
        return False
    try:
        return suffix_of(file) not in (".tif", ".tiff") or header(file).pages > 1
    except (UserError, OSError):  # told when it is read
        return False


def _joined(found: list[tuple[Path, Path]], channels: int) -> Iterator[Source]:
    groups: dict[tuple[Path, str], list[Path]] = {}
    places: dict[tuple[Path, str], Path] = {}
    for file, place in found:
        stem = stem_of(file)
        name = CHANNEL.sub("", stem) if channels > 1 else stem
        key = file.parent, name
        groups.setdefault(key, []).append(file)
        places[key] = place
    for key, files in groups.items():
        numbered = CHANNEL.search(stem_of(files[0])) is not None
        if channels > 1 and numbered and len(files) != channels:
            raise UserError(
                f"{files[0]} is one of {len(files)} files of channels, and the network "
                f"takes {channels}. Add the others."
            )
        yield Source(tuple(sorted(files)), key[1], places[key])


def read_source(source: Source, image_format: ImageFormat) -> Volume:
    """The voxels of a volume as its files have them, all channels.

    Raises UserError where they cannot be read, or are not what the network takes.
    """
    opened = [open_volume(file) for file in source.files]
    count = sum(one.channels for one in opened)
    if count != image_format.channels:
        raise UserError(
            f"{source} has {count} channels; the network takes {image_format}. Give "
            "the volumes of its training: a file for each channel is NAME_0000, "
            "NAME_0001, ..."
        )
    first = opened[0]
    for one in opened[1:]:
        same = one.shape == first.shape
        if not same or not np.allclose(one.affine, first.affine, atol=1e-3):
            raise UserError(
                f"{one.path} does not lie on the voxels of {first.path}. Resample one "
                "of them."
            )
    parts = [read(one) for one in opened]
    if len(parts) == 1:
        return parts[0]
    masks = [part.valid for part in parts if part.valid is not None]
    image = np.concatenate([part.image for part in parts], axis=-1)
    valid = np.logical_and.reduce(masks) if masks else None
    return replace(parts[0], image=image, valid=valid)


def as_trained(
    volume: Volume, source: Source, made_: VolumeFormat, image_format: ImageFormat
) -> np.ndarray:
    """(D, H, W, C) as records hold it: resampled and standardised where they are.

    Raises UserError for numbers of a type that cannot be what the training saw.
    """
    kind = volume.image.dtype
    if made_.normalise == "none" and kind != image_format.type:
        raise UserError(
            f"{source} holds {kind}; the network takes {image_format}. Convert it."
        )
    return prepared(volume, made_, image_format.type).image
