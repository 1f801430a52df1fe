"""Finds the cases of a set of volumes: nnU-Net, Medical Decathlon, folders of pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pairing.splits import split_of
from kerasseg.data.reading.volumes.volume import is_volume, stem_of
from kerasseg.data.reading.volumes.volume_labels import (
    VolumeLabels,
    by_names,
    by_numbers,
)

MANIFEST = "dataset.json"
IMAGES = ("images", "image", "imagesTr", "img", "imgs", "scans", "volumes")
LABELS = ("labels", "label", "labelsTr", "masks", "mask", "segmentations", "gt")
AFFIX = re.compile(r"[_.-]?(seg|segmentation|label|labels|mask|gt|image|img|im)$", re.I)
CHANNEL = re.compile(r"_(\d{4})$")


@dataclass(frozen=True)
class Case:
    """One patient's or specimen's volume. images: a file with all channels, or one for
    each channel."""

    name: str
    images: tuple[Path, ...]
    label: Path


@dataclass(frozen=True)
class Found:
    """cases: of each split. bands, labels: what a manifest says; empty without one.
    said: lines for the user."""

    cases: dict[str, list[Case]]
    bands: tuple[str, ...] = ()
    labels: VolumeLabels | None = None
    said: list[str] = field(default_factory=list)


def find(src: Path) -> Found:
    """The cases of a folder in one of these layouts.

    Raises UserError where there are none, or where images and labels do not pair.
    """
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    if (src / MANIFEST).is_file():
        return _with_manifest(src)
    splits: dict[str, tuple[Path, Path]] = {}
    for folder in sorted(f for f in src.iterdir() if f.is_dir()):
        if split_of(folder.name) and (both := _folders(folder)):
            splits[split_of(folder.name)] = both
    if not splits and (both := _folders(src)):
        splits["train"] = both
    if not splits:
        raise UserError(
            f"{src} holds no volumes with labels: expected {MANIFEST} with imagesTr "
            "and labelsTr, or folders images and labels."
        )
    said: list[str] = []
    cases = {split: _pairs(*both, said) for split, both in splits.items()}
    return Found(cases, said=said)


def _folders(folder: Path) -> tuple[Path, Path] | None:
    images = next((folder / n for n in IMAGES if (folder / n).is_dir()), None)
    labels = next((folder / n for n in LABELS if (folder / n).is_dir()), None)
    return (images, labels) if images and labels else None


def _with_manifest(src: Path) -> Found:
    file = src / MANIFEST
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        channels = told.get("channel_names") or told.get("modality") or {}
        if isinstance(channels, list):
            channels = dict(enumerate(channels))
        order = sorted(channels, key=int)
        bands = tuple(str(channels[number]) for number in order)
        listed = told["labels"]
        numbered = all(str(name).isdecimal() for name in listed)
        labels = by_numbers(listed) if numbered else by_names(listed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is not the {MANIFEST} of a set of volumes ({error}): expected "
            "'labels' and 'channel_names' or 'modality'. Correct it."
        ) from error
    said: list[str] = []
    cases = {"train": _pairs(src / "imagesTr", src / "labelsTr", said)}
    if (src / "imagesTs").is_dir() and (src / "labelsTs").is_dir():
        cases["test"] = _pairs(src / "imagesTs", src / "labelsTs", said)
    return Found(cases, bands, labels, said)


def _pairs(images: Path, labels: Path, said: list[str]) -> list[Case]:
    """The cases of two folders: equal names, but for endings like _seg and nnU-Net's
    number of a channel."""
    for folder in (images, labels):
        if not folder.is_dir():
            raise UserError(f"Folder {folder} does not exist. Check the path.")
    listed = list(_volumes(images)), list(_volumes(labels))
    if not all(listed):
        folder = labels if listed[0] else images
        if is_volume(images) and is_volume(labels):
            return [Case(images.parent.name, (images,), labels)]  # slices of one
        raise UserError(f"{folder} holds no volumes. Check the path.")
    by_name: dict[str, list[Path]] = {}
    known = {stem_of(file) for file in listed[1]}
    for file in listed[0]:
        name = stem_of(file)
        if name not in known:
            name = CHANNEL.sub("", name)
        by_name.setdefault(name, []).append(file)
    plain = {AFFIX.sub("", name): name for name in by_name}
    cases = []
    for file in listed[1]:
        stem = stem_of(file)
        name = stem if stem in by_name else plain.get(AFFIX.sub("", stem), "")
        if not name:
            raise UserError(f"{file} has no image in {images}. Add it, or remove this.")
        cases.append(Case(name, tuple(sorted(by_name.pop(name))), file))
        plain = {key: value for key, value in plain.items() if value != name}
    if by_name:
        count, first = len(by_name), min(by_name)
        said.append(
            f"{count} image{'s' * (count > 1)} of {images.name} without a label "
            f"({first}{', ...' * (count > 1)}): left out."
        )
    return cases


def _volumes(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if is_volume(path))
