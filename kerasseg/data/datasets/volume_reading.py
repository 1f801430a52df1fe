"""Reads one case of a set of volumes, or a block of it, as a Sample."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.volumes.blocks import whole_statistics
from kerasseg.data.reading.volumes.grids import require_same
from kerasseg.data.reading.volumes.prepared import prepared
from kerasseg.data.reading.volumes.resampling import resampled_label
from kerasseg.data.reading.volumes.volume import (
    Volume,
    expect_channels,
    geometry_of,
    open_volume,
    read,
)
from kerasseg.data.reading.volumes.volume_file import VolumeFile
from kerasseg.data.reading.volumes.volume_labels import VolumeLabels
from kerasseg.data.sample import Sample
from kerasseg.image_format import ImageFormat
from kerasseg.slice_format import SliceFormat
from kerasseg.volume_format import Spacing, VolumeFormat, plain_geometry, standardised

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Entry:
    """A case, or a block of it. images: one file, or one for each channel.

    place, size: of the block, z, y, x, after resampling. part: whether it is not all.
    """

    case: str
    images: tuple[Path, ...]
    label: Path
    place: Triple = (0, 0, 0)
    size: Triple = (0, 0, 0)
    part: bool = False

    @property
    def id(self) -> str:
        """The case's name; of a block with its place: "case@64_0_0"."""
        place = "_".join(map(str, self.place))
        return f"{self.case}@{place}" if self.part else self.case


@dataclass(frozen=True)
class SliceEntry:
    """A slice of a case. of: what its neighbours may be of too. number: from 0."""

    of: Entry
    number: int

    @property
    def case(self) -> str:
        """The name of the case."""
        return self.of.case

    @property
    def id(self) -> str:
        """The case's name and the number of the slice: "case@z007"."""
        return f"{self.case}@z{self.of.place[0] + self.number:03d}"


@dataclass(frozen=True)
class Reading:
    """How entries are read. voxel: millimetres (z, y, x) where files say none, or 0."""

    made: VolumeFormat
    images: ImageFormat
    labels: VolumeLabels
    voxel: Spacing


def sequence(entry: Any) -> str:
    """Blocks of a case stay together."""
    return entry.case


def read_entry(reading: Reading, entry: Entry) -> Sample:
    """Raises UserError, in one line, for what is damaged or does not fit together."""
    if reading.made.spacing:
        return _cut(_whole(reading, replace(entry, place=(0, 0, 0), part=False)), entry)
    opened, label = _opened(reading, entry)
    image = _image(reading, entry, opened)
    numbers = read(label, *_where(entry)).image[..., 0]
    return _sample(reading, entry, image, reading.labels.of(numbers, label.path))


def read_slice(reading: Reading, slices: SliceFormat, entry: SliceEntry) -> Sample:
    """A slice as a picture. Raises UserError as `read_entry` does."""
    whole, number = _uncut(reading, entry.of), entry.number
    return Sample(
        entry.id,
        slices.picture(whole.image, number),
        whole.label[number],
        sequence=entry.case,
        valid=None if whole.valid is None else whole.valid[number],
    )


@functools.lru_cache(maxsize=1)
def _uncut(reading: Reading, entry: Entry) -> Sample:
    """Kept, for the slices of a case come one after the other."""
    return read_entry(reading, entry)


@functools.lru_cache(maxsize=1)
def _whole(reading: Reading, entry: Entry) -> Sample:
    """A resampled case; kept, for its blocks come one after the other."""
    opened, label = _opened(reading, entry)
    whole = replace(entry, size=(0, 0, 0))
    image = prepared(_joined(reading, whole, opened), reading.made, reading.images.type)
    classes = reading.labels.of(read(label).image[..., 0], label.path)
    size = image.image.shape[:3]
    overlap = not reading.labels.exclusive
    return _sample(reading, entry, image, resampled_label(classes, size, overlap))


def _cut(sample: Sample, entry: Entry) -> Sample:
    """A block of a resampled case."""
    if not entry.part or sample.volume is None:
        return sample
    block = tuple(slice(p, p + n) for p, n in zip(entry.place, entry.size, strict=True))
    whole = sample.label.shape[:3]
    return replace(
        sample,
        id=entry.id,
        image=sample.image[block],
        label=sample.label[block],
        valid=None if sample.valid is None else sample.valid[block],
        volume=replace(sample.volume, place=entry.place, whole=whole),
    )


def _sample(
    reading: Reading, entry: Entry, volume: Volume, label: np.ndarray
) -> Sample:
    return Sample(
        entry.id,
        volume.image,
        label,
        sequence=entry.case,
        valid=volume.valid,
        volume=volume.geometry,
    )


def _opened(
    reading: Reading, entry: Entry
) -> tuple[tuple[VolumeFile, ...], VolumeFile]:
    """Images and label, which lie on the same voxels."""
    opened = _kept(entry.images, entry.label)
    *images, label = opened
    if len(images) > 1:
        for one in images:
            expect_channels(one, 1)
    total = sum(one.channels for one in images)
    if total != reading.images.channels:
        if len(images) == 1:
            expect_channels(images[0], reading.images.channels)
        raise UserError(
            f"{entry.case} has {len(images)} files of channels, expected "
            f"{reading.images.channels} ({', '.join(reading.images.bands)}). Add the "
            "others, or remove the case."
        )
    expect_channels(label, 1)
    for one in images[1:]:
        require_same(images[0], one, "channel")
    require_same(images[0], label, "label")
    return tuple(images), label


@functools.lru_cache(maxsize=1)
def _kept(images: tuple[Path, ...], label: Path) -> tuple[VolumeFile, ...]:
    """The files of a case, which blocks read one after the other: an unpacked file is
    not unpacked again."""
    return tuple(map(open_volume, (*images, label)))


def _where(entry: Entry) -> tuple[Triple, Triple | None]:
    return entry.place, entry.size if entry.part else None


def _image(reading: Reading, entry: Entry, opened: tuple[VolumeFile, ...]) -> Volume:
    """Standardised, where the set is; a block by the values of the whole."""
    volume = _joined(reading, entry, opened)
    if not entry.part or reading.made.normalise != "zscore":
        return prepared(volume, reading.made, reading.images.type)
    mean, deviation = _statistics(entry.images, entry.label)
    image = standardised(volume.image, volume.valid, (mean, deviation))
    return Volume(image, volume.geometry, volume.valid)


@functools.lru_cache(maxsize=1)
def _statistics(images: tuple[Path, ...], label: Path) -> tuple[np.ndarray, np.ndarray]:
    found = [whole_statistics(one) for one in _kept(images, label)[:-1]]
    means, deviations = zip(*found, strict=True)
    return np.concatenate(means), np.concatenate(deviations)


def _joined(reading: Reading, entry: Entry, opened: tuple[VolumeFile, ...]) -> Volume:
    """The channels of all files side by side."""
    parts = [read(one, *_where(entry)) for one in opened]
    image, valid = parts[0].image, parts[0].valid
    if len(parts) > 1:
        image = np.concatenate([part.image for part in parts], axis=-1)
        masks = [part.valid for part in parts if part.valid is not None]
        valid = np.logical_and.reduce(masks) if masks else None
    geometry = parts[0].geometry
    if not opened[0].says_spacing and all(reading.voxel):
        plain = plain_geometry(geometry_of(opened[0]).source_shape, reading.voxel)
        geometry = replace(plain, place=geometry.place, whole=geometry.whole)
    return Volume(image, geometry, valid)
