"""Scores a run on a split of records: numbers, a table of images, and pictures."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.drawing import bands
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.runs.sample_facts import Facts, facts_of
from kerasseg.runs.score_result import Result, Surfaces
from kerasseg.runs.score_sheets import Scored, Sheets
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.metrics.overlap_scores import OverlapScores
    from kerasseg.metrics.split_scores import SplitScores


def evaluate(
    run: Path,
    records: str | Path,
    split: str,
    folder: Path,
    batch: int = 8,
    flip: bool = False,
    crf: bool = False,
    trimap: float = 0.0,
    display: str = "",
    surfaces: Surfaces | None = None,
    group_by: str = "",
) -> dict[str, Any]:
    """Scores RUN/network.keras; writes FOLDER/metrics.json, metrics_per_image.csv and
    FOLDER/pictures/.

    records, split: what to score on. batch: images at a time. flip: average with the
    prediction for the mirror image. crf: sharpen with `kerasseg.crf.dense_crf`.
    trimap: pixels; above 0, pixels at most so far away from a boundary of the label are
    scored apart as well: trimap_iou and trimap_miou (`kerasseg.metrics.trimap`).
    display: bands that the pictures show, as `kerasseg.drawing.bands.displaying` takes
    them. surfaces: measure distances of surfaces, in pixels of the stored images, or
    the units of `Surfaces.pixel`. group_by: see `facts_of`.

    Returns what metrics.json holds: the scores of `SplitScores.scores`, None for nan,
    with split, samples, size (height and width, pixels), classes (their names), worst
    (the images of the lowest mIoU) and matrix (the confusion matrix, rows true). Where
    classes overlap there is none: the scores are those of `OverlapScores.scores`, with
    counts: tp, fp, fn, tn of each class. Volumes are scored whole (`volume_scores`).

    Raises UserError when the classes, bands or types of run and records differ, when
    the split is unknown or empty, when batch is below 1, when trimap is not 0 or a
    finite number of pixels above it, and when group_by does not fit.
    """
    if batch < 1:
        raise UserError(f"--batch must be above 0, got {batch}.")
    if not (trimap >= 0 and np.isfinite(trimap)):
        raise UserError(f"--trimap must be 0 or more pixels, got {trimap}.")
    start_tensorflow()
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.inference.class_maps import network_size

    network, taxonomy = runs.load(run), runs.taxonomy(run)
    if crf and not taxonomy.exclusive:
        raise UserError(
            f"--crf is for classes that exclude each other; those of {run} overlap. "
            "Leave it out."
        )
    described = shards.describe(records)
    require_classes(run, records, described.taxonomy)
    images = bands.displaying(display, runs.image_format(run))
    runs.require_kind(run, records, described.image_format, described.volume)
    known = described.split(split)
    if described.volume:
        if crf or trimap:
            flag = "--crf" if crf else "--trimap"
            raise UserError(f"{flag} is for pictures, not for volumes. Leave it out.")
        from kerasseg.runs import volume_scores

        axes = (2,) if flip else ()  # x: left to right
        options = axes, images, surfaces, group_by
        found, said = volume_scores.evaluated(run, records, split, *options)
        result = {"split": split, "samples": found.counts.samples} | said
        result |= found.scores(taxonomy)
        found.write(folder, result, taxonomy)
        return result
    size = network_size(network)
    same = (known.height, known.width) == size
    dataset = pipeline.batches(
        records,
        split,
        batch_size=batch,
        size=(0, 0) if same else size,
        instances=known.instances,
    )
    found = score(
        network,
        dataset,
        taxonomy,
        flip,
        crf,
        trimap,
        image_format=images,
        facts=facts_of(records, split, group_by),
        surfaces=surfaces,
    )
    result = {"split": split, "samples": found.counts.samples, "size": list(size)}
    result |= {"trimap_pixels": trimap} if trimap else {}
    result |= {"surfaces": surfaces.to_json()} if surfaces else {}
    result |= found.scores(taxonomy)
    found.write(folder, result, taxonomy)
    return result


def require_classes(run: Path, records: str | Path, classes: Taxonomy) -> None:
    """Raises UserError unless records have the classes that a run knows."""
    known = runs.taxonomy(run)
    if known.names != classes.names:
        raise UserError(
            f"Run {run} knows the classes {', '.join(known.names)}; the "
            f"records {records} have {', '.join(classes.names)}. Prepare "
            "the records with the run's taxonomy."
        )
    if known.exclusive != classes.exclusive:
        one, other = ("overlap", "exclude each other")[:: -1 if known.exclusive else 1]
        raise UserError(
            f"The classes of run {run} {one}, those of the records {records} {other}. "
            "Prepare the records as those of its training."
        )


def score(
    network: Any,
    dataset: Iterable[dict[str, Any]],
    taxonomy: Taxonomy,
    flip: bool = False,
    crf: bool = False,
    trimap: float = 0.0,
    shown: int = 6,
    image_format: ImageFormat = RGB,
    facts: Iterable[Facts] = (),
    surfaces: Surfaces | None = None,
) -> Result:
    """Runs a network over batches of `kerasseg.data.pipeline`; options as `evaluate`.

    shown: images on a sheet. image_format: what the images are; sheets show its display
    bands. facts: of the samples in their order; samples without get their number.

    Raises UserError for a dataset without samples.
    """
    from kerasseg.inference.answers import ids_of
    from kerasseg.inference.class_maps import predictor

    predict = predictor(network, flip, exclusive=taxonomy.exclusive)

    def answers() -> Iterable[tuple]:
        for batch in dataset:
            images, labels = batch["image"].numpy(), batch["label"].numpy()
            objects = itertools.repeat(None, len(images))
            if "instance" in batch:
                objects = batch["instance"].numpy()
            given = predict(batch["image"]).numpy()
            rows = zip(images, labels, given, objects, strict=True)
            for image, label, p, instance in rows:
                if crf:
                    from kerasseg.crf import dense_crf

                    p = dense_crf(p, image, image_format=image_format)
                yield image, label, ids_of(p, taxonomy.exclusive), p, instance

    return collected(answers(), taxonomy, image_format, trimap, shown, facts, surfaces)


def collected(
    answers: Iterable[tuple],
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    trimap: float = 0.0,
    shown: int = 6,
    facts: Iterable[Facts] = (),
    surfaces: Surfaces | None = None,
) -> Result:
    """Scores answers: image, label, ids, probabilities and instance, or None, of each
    image; else as `score`."""
    from kerasseg.metrics.overlap_scores import OverlapScores
    from kerasseg.metrics.split_scores import SplitScores

    kind = SplitScores if taxonomy.exclusive else OverlapScores
    tolerance = surfaces.tolerance if surfaces else None
    counts: SplitScores | OverlapScores = kind(taxonomy.num_classes, trimap, tolerance)
    result, known = Result(counts, Sheets(taxonomy, image_format, shown)), iter(facts)
    for number, (image, label, ids, probabilities, instance) in enumerate(answers, 1):
        fact = next(known, None) or Facts(f"image {number}")
        spacing = (surfaces or Surfaces()).spacing(fact.size, label.shape[:2])
        counts.add(
            label, ids, probabilities, instance, spacing=spacing, group=fact.group
        )
        result.facts.append(fact)
        quality = counts.last_miou()
        result.sheets.add(Scored(fact.name, number, quality, image, label, ids))
    if not counts.samples:
        raise UserError("Nothing to score: the split has no samples.")
    return result
