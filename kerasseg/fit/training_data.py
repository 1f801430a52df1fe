"""The records of a training: found or drawn, checked, and what follows from them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasseg import UserError, config, runs
from kerasseg.console import say
from kerasseg.fit import (
    default_records,
    early,
    from_settings,
    same_records,
    streams,
    teachers,
    trainable,
    unlabelled,
)
from kerasseg.fit.devices import Devices
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    from kerasseg.data.format.splits import SplitDescription


@dataclass(frozen=True)
class TrainingData:
    """The records of a training, and what follows from them."""

    records: str | Path
    taxonomy: Taxonomy
    split: SplitDescription
    """The training split."""
    size: tuple[int, ...]
    """Height and width of the images as the judged network gets them, pixels; of
    volumes those of the crop, depth first."""
    crop: tuple[int, ...]
    """Height and width of a training crop, pixels; of volumes depth first."""
    steps: int
    """Steps of an epoch."""
    image_format: ImageFormat
    """Bands, type and statistics of the images."""
    noted: dict[str, str]
    """What must not change while the training is stopped (`same_records`)."""
    volume: VolumeFormat | None
    """What all volumes have in common; None of images."""
    notes: dict[str, Any]
    """What was saved beside the state of a training that goes on; {} of a new one."""


def read(settings: config.Config, run: Path, used: Devices) -> TrainingData:
    """The records, drawn now where there are none; the run gets their classes."""
    from kerasseg import augment
    from kerasseg.data import patches, pipeline, smaller
    from kerasseg.data import records as shards
    from kerasseg.fit import checkpoint

    data, fit = settings.data, settings.fit
    if used.share[1] > 1 and (fit.patience or fit.minutes):
        raise UserError(
            "--fit.patience and --fit.minutes do not go with several processes, which "
            "must all end at the same step. Set --fit.epochs."
        )
    records = data.records or run / "records"
    if used.writes and not data.records:
        default_records.write(run / "records", settings)
    used.wait("records")
    described = shards.describe(records)
    early.check_teaching(settings, described)
    noted = same_records.noted(described, (data.train, data.val))
    noted |= teachers.noted(fit) | unlabelled.noted(data)
    notes: dict[str, Any] = {}
    if (run / runs.STATE).exists():
        notes = checkpoint.notes_of(run / runs.STATE)
        same_records.require(notes.get("records", {}), noted, records, run)
    for split in (data.train, data.val):
        shards.shard_paths(records, split)
    images = described.image_format
    labelled = streams.labelled_of(data)
    if data.smaller and used.writes:
        smaller.write(records, (data.train, data.val), data.size, data.smaller)
    used.wait("smaller")
    warnings = trainable.check(described, data.train, data.val, labelled)
    counted = described.statistics_of
    if images.statistics and counted != data.train:
        warnings.append(f"Statistics of the bands are those of the split '{counted}'.")
    volumes = described.volume is not None
    _, left_out = augment.applicable(settings.augment, images, volumes)
    if used.writes:
        runs.describe(run, described.taxonomy, images, described.volume)
        for line in [*warnings, *([left_out] if left_out else [])]:
            say(f"Warning: {line}", sys.stderr)
    known = described.split(data.train)
    region = from_settings.region_of(data)
    size = pipeline.size_of(described, data.train, region)
    crop = pipeline.size_of(described, data.train, from_settings.crop_of(data, size))
    if volumes:
        patches.check_crop(size, crop)
    steps = fit.steps or streams.steps_of(data, known)
    return TrainingData(
        records,
        described.taxonomy,
        known,
        crop if volumes else size,
        crop,
        steps,
        images,
        noted,
        described.volume,
        notes,
    )
