"""Volumes of CT, MRI and microscopes, in the layouts in which they are shared."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.console.flags import COUNT_OR_0, Number
from kerasseg.data.datasets.volume_cases import Case, find
from kerasseg.data.datasets.volume_reading import (
    Entry,
    Reading,
    SliceEntry,
    read_entry,
    read_slice,
    sequence,
)
from kerasseg.data.reading.pairing.divide import check_share, divide
from kerasseg.data.reading.volumes.blocks import blocks_of
from kerasseg.data.reading.volumes.resampling import shape_at
from kerasseg.data.reading.volumes.volume import geometry_of, open_volume, read
from kerasseg.data.reading.volumes.volume_file import VolumeFile
from kerasseg.data.reading.volumes.volume_labels import by_survey
from kerasseg.data.sample import Samples
from kerasseg.image_format import TYPES, ImageFormat
from kerasseg.slice_format import SliceFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import Spacing, VolumeFormat

UNSET = (0.0, 0.0, 0.0)
HOUNSFIELD = -500
"""Below this a volume of whole numbers is taken for CT: air is -1000 there."""


def load(
    src: Path,
    /,
    *,
    spacing: Annotated[Spacing, Number(0)] = UNSET,
    voxel: Annotated[Spacing, Number(0)] = UNSET,
    normalise: Literal["auto", "zscore", "ct", "none"] = "auto",
    names: tuple[str, ...] = (),
    bands: tuple[str, ...] = (),
    slices: Annotated[int, COUNT_OR_0] = 0,
    val_share: float = 0.2,
    on_error: Literal["stop", "skip"] = "stop",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Volumes with labels: NIfTI, NRRD, MetaImage, DICOM series, TIFF stacks, .npy,
    .npz, Zarr, and folders of slices.

    Layouts: nnU-Net and the Medical Decathlon (dataset.json, imagesTr, labelsTr), or
    folders images and labels with files of equal names, or these in folders train, val
    and test. Volumes are turned to RAS+ and keep their voxels.

    Tried on the hippocampus set of the Medical Decathlon and on ISBI 2012.

    Args:
        src: Folder of the set.
        spacing: Millimetres (z y x) to resample to, cubic; 0 0 0 keeps the voxels.
        voxel: Millimetres (z y x) of voxels in files that do not say it.
        normalise: zscore: each volume to mean 0 and deviation 1 (MR). ct: Hounsfield
            units, clipped and scaled by the network. none: as they are. auto: what
            dataset.json or the files say, else by their numbers.
        names: Names of the numbers 0, 1, 2... in labels, where no dataset.json says it.
        bands: Names of the channels, where a file holds several.
        slices: Pictures in place of volumes, for networks of pictures: each slice with
            its neighbours as further bands, so many in all (1, 3, 5). 0: volumes.
        val_share: Share of the cases to validate on; of one volume alone its last
            slices.
        on_error: "skip" leaves out cases that cannot be used.

    Raises:
        UserError: files that are missing, damaged, or do not belong together.
    """
    for flag, three in (("--spacing", spacing), ("--voxel", voxel)):
        if three != UNSET and not all(0 < one < np.inf for one in three):
            raise UserError(
                f"{flag} must be three numbers of millimetres above 0 (z y x), got "
                f"{' '.join(map(str, three))}."
            )
    found = find(Path(src))
    if slices and slices % 2 == 0:
        raise UserError(
            f"--slices is an odd number: a slice and as many on both sides; got "
            f"{slices}. Say --slices {slices + 1}, or 0 for volumes."
        )
    looked = _look(found.cases, voxel, skip=on_error == "skip")
    labels = found.labels
    if labels is None or names:
        every = [case.label for cases in found.cases.values() for case in cases]
        labels = by_survey(every, names)
    channels = _bands(bands or found.bands, looked)
    how = _normalise(normalise, found.bands, looked)
    wanted = None if spacing == UNSET else spacing
    made = VolumeFormat(how, wanted, wanted or _median([one.spacing for one in looked]))
    kind = "float32" if how == "zscore" else _common([one.type for one in looked])
    images = ImageFormat.of(channels, kind)
    reading = Reading(made, images, labels, voxel)
    splits, divided = _divided(_entries(found.cases, looked, made), val_share)
    voxel_bytes = np.dtype(kind).itemsize * images.channels
    said = [f"{labels}.", *found.said, divided]
    if voxel == UNSET and any(not one.says_spacing for one in looked):
        said.append("Some files do not say how large voxels are: 1 mm (--voxel Z Y X).")
    common: dict[str, Any] = {
        "sequence": sequence,
        "id": _id,
        "source": {"volumes": {"line": " ".join(filter(None, said))}},
    }
    if slices:
        cut = SliceFormat(slices, made)
        read_one, kept = partial(read_slice, reading, cut), images.of_slices(cut)
        return labels.taxonomy, {
            split: Samples(_slices(entries), read_one, image_format=kept, **common)
            for split, entries in splits.items()
        }
    read_one, common["volume"] = partial(read_entry, reading), made
    return labels.taxonomy, {
        split: Samples(
            _blocks(entries, voxel_bytes), read_one, image_format=images, **common
        )
        for split, entries in splits.items()
    }


@dataclass(frozen=True)
class Look:
    """What the headers of a case's images say."""

    case: Case
    shape: tuple[int, int, int]
    spacing: Spacing
    type: str
    channels: int
    bands: tuple[str, ...]
    modality: str
    says_spacing: bool


def _look(cases: dict[str, list[Case]], voxel: Spacing, skip: bool) -> list[Look]:
    looked = []
    for case in (case for part in cases.values() for case in part):
        try:
            opened = [open_volume(file) for file in case.images]
        except UserError:
            if skip:
                continue  # its reading will say why
            raise
        looked.append(_of_headers(case, opened, voxel))
    if not looked:
        raise UserError("None of the volumes can be read. Leave out --on-error skip.")
    return looked


def _of_headers(case: Case, opened: Sequence[VolumeFile], voxel: Spacing) -> Look:
    first = opened[0]
    geometry = geometry_of(first)
    told = first.says_spacing or voxel == UNSET
    return Look(
        case,
        geometry.source_shape,
        geometry.spacing if told else voxel,
        _common([one.type for one in opened]),
        sum(one.channels for one in opened),
        first.bands,
        first.modality,
        first.says_spacing,
    )


def _bands(names: tuple[str, ...], looked: list[Look]) -> tuple[str, ...]:
    """The names of the channels; without any "intensity", of which there is one."""
    counts = {one.channels for one in looked}
    names = names or looked[0].bands or ("intensity",)
    if counts != {len(names)}:
        other = next(one for one in looked if one.channels != len(names))
        files, count = other.case.images, other.channels
        if len(files) > 1:
            has = f"{files[0]} and {files[1].name} are of {count} channels of a case"
        elif count > 1:
            has = f"{files[0]} has 4 axes: {count} channels or points of time"
        else:
            has = f"{files[0]} has 1 channel"
        raise UserError(
            f"{has}, expected {len(names)} ({', '.join(names)}). Name the channels by "
            "--bands, add those that lack, or take out what is too much."
        )
    repeated = len(set(names)) < len(names)
    return tuple(f"{n}_{i}" for i, n in enumerate(names)) if repeated else names


def _normalise(asked: str, told: tuple[str, ...], looked: list[Look]) -> str:
    """CT by what a manifest or a DICOM header says, else by values far below 0; stacks
    of 8 bits as they are; all others as MR."""
    if asked != "auto":
        return asked
    said = {name.upper() for name in (*told, *(one.modality for one in looked)) if name}
    if said:
        return "ct" if said <= {"CT"} else "zscore"
    if all(one.type == "uint8" for one in looked):
        return "none"
    if all(one.type == "int16" for one in looked):
        lowest = read(looked[0].case.images[0]).image.min()
        return "ct" if lowest < HOUNSFIELD else "zscore"
    return "zscore"


def _common(types: Sequence[str]) -> str:
    """The type that holds the numbers of all files."""
    found = np.result_type(*map(np.dtype, set(types))).name
    return found if found in TYPES else "float32"


def _median(spacings: list[Spacing]) -> Spacing:
    z, y, x = (statistics.median(axis) for axis in zip(*spacings, strict=True))
    return z, y, x


def _entries(
    cases: dict[str, list[Case]], looked: list[Look], made: VolumeFormat
) -> dict[str, list[Entry]]:
    """Each case as an entry; the size of one that cannot be read is not known."""
    known = {one.case: one for one in looked}
    splits: dict[str, list[Entry]] = {}
    for split, part in cases.items():
        for case in part:
            entry = Entry(case.name, case.images, case.label)
            if one := known.get(case):
                shape = one.shape
                if made.spacing:
                    shape = shape_at(shape, one.spacing, made.spacing)
                entry = replace(entry, size=shape)
            splits.setdefault(split, []).append(entry)
    return splits


def _divided(
    splits: dict[str, list[Entry]], share: float
) -> tuple[dict[str, list[Entry]], str]:
    """A val split out of train, where there is none, and a line that says so.

    Slices of one volume are alike, so of one alone the last ones, not random ones, are
    for validation.
    """
    check_share(share)
    train = splits.get("train", [])
    if not share or not train or "val" in splits:
        return splits, ""
    if len(train) > 1:
        parts = divide(train, share, sequence)
        said = f"Val: {len(parts['val'])} of {len(train)} cases, by the hash of names."
        return {**splits, **parts}, said
    (entry,) = train
    depth, height, width = entry.size
    last = round(share * depth)
    if not 0 < last < depth:
        return splits, "One volume alone, too thin to divide: there is no val."
    first = depth - last
    parts = {
        "train": [replace(entry, size=(first, height, width), part=True)],
        "val": [
            replace(entry, place=(first, 0, 0), size=(last, height, width), part=True)
        ],
    }
    return {**splits, **parts}, "One volume alone: its last slices are val."


def _blocks(entries: list[Entry], voxel: int) -> list[Entry]:
    """Large ones as one entry for each block. voxel: bytes in a record."""
    found = []
    for entry in entries:
        blocks = blocks_of(entry.size, voxel)
        z, y, x = entry.place
        found += (
            [
                replace(entry, place=(z + a, y + b, x + c), size=size, part=True)
                for (a, b, c), size in blocks
            ]
            if len(blocks) > 1
            else [entry]
        )
    return found


def _slices(entries: list[Entry]) -> list[SliceEntry]:
    """An entry for each slice; one of a case whose headers could not be read, which
    its reading will tell."""
    return [
        SliceEntry(entry, number)
        for entry in entries
        for number in range(max(1, entry.size[0]))
    ]


def _id(entry: Any) -> str:
    return entry.id
