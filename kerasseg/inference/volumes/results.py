"""Predicts volumes of a command line one by one, and writes what is asked for."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.volumes.resampling import resampled_label
from kerasseg.drawing import planes
from kerasseg.image_format import ImageFormat
from kerasseg.inference import maps
from kerasseg.inference.answers import Each, Segment
from kerasseg.inference.results import drawings, probabilities
from kerasseg.inference.results.labels import LABEL
from kerasseg.inference.results.made import Made
from kerasseg.inference.results.names import class_names, targets
from kerasseg.inference.volumes import writing
from kerasseg.inference.volumes.cleaning import cleaned
from kerasseg.inference.volumes.segmenter import Shape, VolumeSegmenter
from kerasseg.inference.volumes.sources import Source, as_trained, read_source
from kerasseg.slice_format import SliceFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

OF_PICTURES = (
    *("tiles", "overlap", "crf", "palette", "vectors", "labels", "show", "frames"),
    *("size", "input_range", "input_type", "activation", "classes", "scales"),
)
"""Flags that say nothing of volumes."""
OF_SLICES = ("tiles", "overlap", "crf", "flip", "scales")
"""Of these the ones for a network of pictures, which runs on each slice."""


@dataclass(frozen=True)
class VolumeNetwork:
    """What volumes are predicted with: `segment` whole volumes, or `of_slices` each
    slice (H, W, C), whose `size` is that of its network."""

    taxonomy: Taxonomy
    image_format: ImageFormat
    volume: VolumeFormat
    segment: VolumeSegmenter | None = None
    of_slices: Segment | None = None


def check_flags(asked: argparse.Namespace) -> None:
    """Raises UserError for flags that are for pictures."""
    for name in OF_PICTURES:
        if getattr(asked, name) and not (asked.slices and name in OF_SLICES):
            raise UserError(
                f"--{name.replace('_', '-')} is for pictures, not for volumes. Leave "
                "it out."
            )
    if asked.format != "png" or asked.pages != "ask":
        flag = "--format" if asked.format != "png" else "--pages"
        raise UserError(
            f"{flag} is for pictures: a volume is answered in the format that it came "
            "in. Leave it out."
        )
    if asked.probabilities == "tiff":
        raise UserError("--probabilities of volumes are npz. Say --probabilities npz.")
    if asked.slices and (asked.mirror or asked.probabilities):
        flag = "--mirror" if asked.mirror else "--probabilities"
        raise UserError(f"{flag} is not for --slices. Leave one of them out.")


class VolumeResults:
    """What the command line asks for of each volume."""

    def __init__(
        self, network: VolumeNetwork, made: Made, asked: argparse.Namespace
    ) -> None:
        self._network, self._made, self._asked = network, made, asked
        # What is seen of a volume goes by its own values, before any normalisation.
        self._taken = network.image_format.of_volumes
        own = replace(self._taken, statistics=(), type="float32")
        shown = maps.Network(_no_pictures, (0, 0), network.taxonomy, own)
        light = bool(asked.litert)
        self.drawings = drawings.Drawings(shown, made, asked.alpha, light)

    def targets(self, sources: Sequence[Source]) -> list[Path]:
        """A path without ending for each volume."""
        names = [Path(source.name + ".volume") for source in sources]
        return targets(names, [source.place for source in sources], self._asked.out)

    def check(self, sources: Sequence[Source], targets: Sequence[Path]) -> None:
        """Raises UserError, before anything is written, where a result would replace
        what predict did not make."""
        files = [self._asked.out / name for name in (drawings.SHEET, drawings.LEGEND)]
        for source, target in zip(sources, targets, strict=True):
            files += [*self._labels(source, target), _beside(target, drawings.OVERLAY)]
            if self._asked.probabilities:
                files.append(probabilities.file_of(target, "npz"))
        inputs = {file.resolve() for source in sources for file in source.files}
        for file in files:
            if file.resolve() in inputs:
                raise UserError(
                    f"The result {file} would replace an input. Choose another folder "
                    "with --out."
                )
        self._made.refuse_others(files)

    def write(self, source: Source, target: Path) -> None:
        """Predicts a volume. Raises UserError where it cannot be read, CannotWrite
        where a result cannot be written."""
        network, asked = self._network, self._asked
        volume = read_source(source, self._taken)
        geometry, shape = volume.geometry, volume.geometry.source_shape
        with contextlib.ExitStack() as stack:
            each: Each | None = None
            if asked.probabilities:
                options = target, "npz", shape, network.taxonomy, source, self._made
                each = stack.enter_context(probabilities.written(*options))
            label = self._ids(volume, source, shape, each)
        exclusive = network.taxonomy.exclusive
        label = cleaned(label, exclusive, asked.largest, asked.fill_holes)
        parts = [label] if exclusive else list(np.moveaxis(label, -1, 0))
        for part, file in zip(parts, self._labels(source, target), strict=True):
            with self._made.replacing(file, source) as aside:
                writing.write(part, geometry, source.files[0], file, aside)
        there = label > 0 if exclusive else np.any(label > 0, axis=-1)
        places = planes.through(there)
        seen, ids = (
            planes.side_by_side(array, places, geometry.spacing)
            for array in (volume.image, label)
        )
        seen = seen.astype(np.float32)
        self.drawings.overlay(source.files[0], seen, ids, target)

    def _ids(self, volume: Any, source: Source, shape: Shape, each: Each | None):
        network = self._network
        given = as_trained(volume, source, network.volume, self._taken)
        if network.of_slices:
            cut = network.image_format.slices or SliceFormat(1, network.volume)
            with _bar(source, len(given), "slices") as advance:
                found = []
                for number in range(len(given)):
                    found.append(network.of_slices(cut.picture(given, number)))
                    advance()
            planes_of_classes = not network.taxonomy.exclusive
            return resampled_label(np.stack(found), shape, planes_of_classes)
        segment = network.segment
        assert segment is not None  # noqa: S101
        with _bar(source, segment.patches(given.shape[:3]), "patches") as advance:
            return segment(given, each, shape, advance)

    def _labels(self, source: Source, target: Path) -> list[Path]:
        """The files of class ids; where classes overlap one of 0 and 1 for each."""
        suffix = writing.suffix_for(source.files[0])
        taxonomy = self._network.taxonomy
        if taxonomy.exclusive:
            return [_beside(target, f"{LABEL}{suffix}")]
        names = class_names(taxonomy.names)
        return [_beside(target, f"{LABEL}_{name}{suffix}") for name in names]


@contextlib.contextmanager
def _bar(source: Source, total: int, unit: str) -> Iterator[Callable[[], object]]:
    """A progress bar on terminals; devices may lack tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda: None
        return
    bar = tqdm(total=total, desc=source.name, unit=f" {unit}", disable=None)
    with bar:
        yield bar.update


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(f"{target.name}{ending}")


def _no_pictures(image: np.ndarray, each: Each | None = None) -> np.ndarray:
    raise UserError("A network of volumes was given a picture.")
