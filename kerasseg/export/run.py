"""Exports a run, scored on records."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.export import calibration, folder, formats
from kerasseg.export.options import Export
from kerasseg.export.writing import needs_images
from kerasseg.fit import other_sizes

__all__ = ["Export", "Rejected", "export", "export_run"]


class Rejected(UserError):
    """A file of an export broke a limit of the gate."""


def export(
    run: Path,
    records: str | Path,
    split: str,
    wanted: Sequence[str] = ("saved_model", "float32"),
    most: int = 0,
) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite and model_probabilities.tflite,
    or what other formats are wanted, gate.json and card, scored on at most so many
    images (0: all).

    Raises Rejected when a file breaks a limit of the gate; it is kept in
    RUN/export/rejected.
    """
    asked = Export(formats=tuple(wanted), gate_images=most)  # type: ignore[arg-type]
    if not all(row["passed"] for row in export_run(run, records, split, asked)):
        raise Rejected(
            f"The export of {run} broke a limit of the gate; the files are kept in "
            f"{run / folder.NAME / folder.REJECTED}. See the table above."
        )


def export_run(run: Path, records: str | Path, split: str, asked: Export) -> list[dict]:
    """Writes what is asked for into RUN/export; the rows of the gate (`gate.check`).

    A file that breaks a limit goes to RUN/export/rejected and its row says so. A
    SavedModel becomes a new version. Where it fails, nothing is left behind.

    Raises UserError when a package or a split is missing, an option does not fit the
    network, or the network does not convert.
    """
    limited = "mediapipe" in asked.formats  # the others take any number of classes
    classes = runs.taxonomy(run).num_classes if limited else 1
    volume = runs.volume_format(run)
    wanted_names = (*asked.formats, *asked.compat)
    formats.check(wanted_names, runs.image_format(run), classes, bool(volume))
    if volume and (asked.overlap or asked.calibrate):
        flag = "--overlap" if asked.overlap else "--calibrate"
        raise UserError(
            f"{flag} is for pictures; volumes go through a window of half overlap, and "
            "int8 takes its ranges from records. Leave it out."
        )
    for flag, given in (
        ("--scales", asked.scales),
        ("--gate-images", asked.gate_images),
    ):
        if volume and given:
            raise UserError(f"{flag} is for pictures, not for volumes. Leave it out.")
    passes_of = other_sizes.passes_of(run, asked.scales)
    start_tensorflow()
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.export.exporting import Source, exported

    network: Any = runs.load(run)
    size: tuple[int, ...] = tuple(network.input_shape[1:-1])
    source = Source(run, network)
    if asked.gate:
        described = shards.describe(records)
        numbers = pipeline.evenly(described.split(split).samples, asked.gate_images)
        runs.require_kind(run, records, described.image_format, described.volume)
        some = 1 if volume else pipeline.at_once(8, size)  # patches are large
        source = Source(
            run,
            network,
            batches=pipeline.batches(
                records, split, batch_size=some, size=size, most=asked.gate_images
            ),
            split=split,
            images_of=(len(numbers), described.split(split).samples),
            sample_id=_patch
            if volume
            else functools.partial(_sample_id, records, split, numbers),
            records=str(records),
        )
    images = _images_for_int8(run, records, size, asked)
    passes = passes_of(network) if passes_of else ()
    return exported(dataclasses.replace(source, images=images, passes=passes), asked)


def _images_for_int8(run: Path, records, size, asked: Export) -> list[np.ndarray]:
    """The calibration images; none where no artefact is quantised."""
    if not needs_images(asked.artefacts()):
        return []
    if asked.calibrate:
        place, given = Path(asked.calibrate), runs.image_format(run)
        return calibration.of_folder(place, size, asked.calibration, given)
    learnt = (run / "int8_ranges.json").is_file() and not asked.keep_float
    if learnt and not asked.gate:
        return []
    if not Path(records).is_dir():
        raise UserError(
            f"int8 takes its ranges from images of the training, and {records} does "
            "not exist. Name a folder of pictures with --calibrate, or leave int8 out: "
            "--formats saved_model float32 float16."
        )
    train = runs.settings(run).data.train
    return calibration.of_records(records, train, size, asked.calibration)


def _sample_id(records, split: str, numbers: list[int], number: int) -> str:
    """The id of the sample that comes as the `number`th of those of a split that are
    looked at, from 0."""
    import tensorflow as tf

    from kerasseg.data import records as shards

    paths = [str(path) for path in shards.shard_paths(records, split)]
    (serialised,) = tf.data.TFRecordDataset(paths).skip(numbers[number]).take(1)
    example = tf.io.parse_single_example(serialised, shards.FEATURES)
    return example["image/filename"].numpy().decode()


def _patch(number: int) -> str:
    return f"patch {number + 1}"
