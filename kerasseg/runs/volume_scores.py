"""Scores a run on volumes, case by case, each as a whole with the sliding window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kerasseg import UserError, runs
from kerasseg.data.sample import Sample
from kerasseg.drawing import planes
from kerasseg.image_format import ImageFormat
from kerasseg.inference.volumes.segmenter import VolumeSegmenter
from kerasseg.runs.cases import cases
from kerasseg.runs.fold_runs import Judged
from kerasseg.runs.sample_facts import Facts, group_of
from kerasseg.runs.score_result import Result, Surfaces
from kerasseg.runs.score_sheets import Scored, Sheets
from kerasseg.taxonomy import IGNORE, Taxonomy


def evaluated(
    parts: Sequence[Judged],
    mirror: tuple[int, ...],
    image_format: ImageFormat,
    surfaces: Surfaces | None,
    group_by: str,
) -> tuple[Result, dict[str, Any]]:
    """What `scores.evaluate` finds of volumes, and what it says of how.

    parts: with the network that each is judged by. surfaces: its tolerance is in mm;
    None: they are measured where scipy is. mirror: axes that the network is asked for
    mirrored, too.

    Raises UserError for a network of pictures.
    """
    from kerasseg.inference.volumes.networks import volume_segmenter

    taxonomy = runs.taxonomy(parts[0].run)
    options = image_format, taxonomy.exclusive, mirror

    def segmenter_of(run: Path) -> VolumeSegmenter:
        return volume_segmenter(runs.load(run), runs.volume_format(run), *options)

    segment = segmenter_of(parts[0].run)
    if surfaces and any(surfaces.pixel):
        raise UserError(
            "--pixel-size is of pictures: volumes say themselves how large their "
            "voxels are. Leave it out."
        )
    if surfaces is None and find_spec("scipy"):
        surfaces = Surfaces()
    from kerasseg.data import records as shards

    def judged() -> Iterator[Sample]:
        nonlocal segment
        for number, part in enumerate(parts):
            if number:
                segment = segmenter_of(part.run)
            total = shards.describe(part.records).split(part.split).samples
            some = cases(part.records, part.split)
            yield from tqdm(some, part.split, total, unit=" volumes", disable=None)

    def answer(image: np.ndarray, calibrate: Callable) -> np.ndarray:
        return segment(image, calibrate)

    options_of = taxonomy, image_format, surfaces, group_by
    found, voxels = scored(judged(), answer, *options_of)
    said: dict[str, Any] = {"size": list(segment.size), "voxels": voxels}
    if surfaces:
        said["surfaces"] = surfaces.to_json() | {"unit": "mm"}
    return found, said


def scored(
    samples: Iterable[Sample],
    segment: Callable[[np.ndarray, Callable], np.ndarray],
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    surfaces: Surfaces | None = None,
    group_by: str = "",
    shown: int = 6,
) -> tuple[Result, int]:
    """Scores volumes; and how many voxels they have. segment: see `VolumeSegmenter`.

    Raises UserError where there is none.
    """
    from kerasseg.metrics.overlap_scores import OverlapScores
    from kerasseg.metrics.split_scores import SplitScores

    kind = SplitScores if taxonomy.exclusive else OverlapScores
    tolerance = surfaces.tolerance if surfaces else None
    counts: SplitScores | OverlapScores = kind(taxonomy.num_classes, 0.0, tolerance)
    result, voxels = Result(counts, Sheets(taxonomy, image_format, shown)), 0
    grouped = group_of(group_by)
    for number, sample in enumerate(samples, 1):
        label, geometry = sample.label, sample.volume
        if geometry is None:
            raise UserError(f"Sample '{sample.id}' is a picture among volumes.")
        done = 0

        def calibrate(slab: np.ndarray, label: np.ndarray = label) -> None:
            nonlocal done
            counts.calibrate(label[done : done + len(slab)], slab)
            done += len(slab)

        ids = segment(sample.image, calibrate)
        spacing = geometry.spacing
        # The records' own group of a volume is the volume itself, for its blocks.
        alone = sample.sequence in ("", sample.id)
        group = grouped(sample.id) if group_by else "" if alone else sample.sequence
        counts.add(label, ids, spacing=spacing, group=group)
        voxels += int(np.prod(label.shape[:3]))
        result.facts.append(Facts(sample.id, group))
        seen = _planes(sample.image, label, ids, spacing, taxonomy)
        quality = counts.last_miou()
        result.sheets.add(Scored(sample.id, number, quality, *seen))
    if not counts.samples:
        raise UserError("Nothing to score: the split has no samples.")
    return result, voxels


def _planes(
    image: np.ndarray,
    label: np.ndarray,
    ids: np.ndarray,
    spacing: tuple[float, float, float],
    taxonomy: Taxonomy,
) -> Iterator[np.ndarray]:
    """Image, label and ids of the three planes in which most is to be found."""
    there, true = ids > 0, (label > 0) & (label < taxonomy.num_classes)
    if not taxonomy.exclusive:
        there, true = np.any(there, axis=-1), np.any(label == 1, axis=-1)
    places = planes.through(true if true.any() else there)
    outside = taxonomy.ignore if taxonomy.exclusive else IGNORE
    yield planes.side_by_side(image, places, spacing)
    yield planes.side_by_side(label, places, spacing, outside)
    yield planes.side_by_side(ids, places, spacing, 0)
