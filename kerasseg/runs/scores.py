"""Scores a run on a split of records: numbers, a table of images, and pictures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.drawing import bands
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.runs import fold_runs
from kerasseg.runs.fold_runs import Judged
from kerasseg.runs.sample_facts import Facts, facts_of
from kerasseg.runs.score_result import Result, Surfaces
from kerasseg.runs.score_sheets import Scored, Sheets
from kerasseg.runs.seen import trained_on
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.inference.scales import Sized
    from kerasseg.metrics.overlap_scores import OverlapScores
    from kerasseg.metrics.split_scores import SplitScores
    from kerasseg.runs.averaged import Averaged
    from kerasseg.runs.robustness import Robustness


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
    passes_of: Callable[[Any], Sequence[Sized]] | None = None,
    robustness: bool = False,
) -> dict[str, Any]:
    """Scores RUN/network.keras; writes FOLDER/metrics.json, metrics_per_image.csv and
    FOLDER/pictures/. Every labelled pixel of the records counts once: images are
    brought to the network's size, its answers to that of the label as it is stored.

    records, split: what to score on. batch: images at a time, fewer of large ones.
    flip: average with the prediction for the mirror image. crf: sharpen with
    `kerasseg.crf.dense_crf`.
    trimap: pixels; above 0, pixels at most so far away from a boundary of the label are
    scored apart as well: trimap_iou and trimap_miou (`kerasseg.metrics.trimap`).
    display: bands that the pictures show, as `kerasseg.drawing.bands.displaying` takes
    them. surfaces: measure distances of surfaces, in pixels of the stored images, or
    the units of `Surfaces.pixel`. group_by: see `facts_of`. passes_of: function (the
    network) -> it at each size of which the mean is taken; None: its own alone.
    robustness: score `kerasseg.runs.corruptions` as well.

    Returns what metrics.json holds: the scores of `SplitScores.scores`, None for nan,
    with split, samples, trained_on (true of images of the training), folds (of a
    cross-validation: what `fold_runs.scores_of` says), size (height and
    width of the network, pixels), classes (their names), worst
    (the images of the lowest mIoU) and matrix (the confusion matrix, rows true). Where
    classes overlap there is none: the scores are those of `OverlapScores.scores`, with
    counts: tp, fp, fn, tn of each class. Of several passes also averaged, what they
    gain and cost (`Averaged.to_json`); robustness (`Robustness.to_json`). Volumes are
    scored whole (`volume_scores`).

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
    from kerasseg.inference.scales import Sized
    from kerasseg.runs import own_pixels

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
    described.split(split)
    parts = fold_runs.judged(run, records, split)
    one = len(parts) == 1
    for flag, given in (("--scales", passes_of), ("--robustness", robustness)):
        if given and not one:
            raise UserError(
                f"{flag} is for a single network, and each image of '{split}' is "
                f"judged by the fold that it was left out of. Name a run in "
                f"{parts[0].run.parent}, or another split."
            )
    known: dict[str, Any] = {}
    if not one:
        known["folds"] = fold_runs.scores_of(parts)
    elif trained_on(run, records, split):
        known["trained_on"] = True
    if described.volume:
        refused = {
            "--crf": crf,
            "--trimap": trimap,
            "--scales": passes_of,
            "--robustness": robustness,
        }
        for flag in (name for name, value in refused.items() if value):
            raise UserError(f"{flag} is for pictures, not for volumes. Leave it out.")
        from kerasseg.runs import volume_scores

        axes = (2,) if flip else ()  # x: left to right
        found, said = volume_scores.evaluated(parts, axes, images, surfaces, group_by)
        result = {"split": split, "samples": found.counts.samples} | said | known
        result |= found.scores(taxonomy)
        found.write(folder, result, taxonomy)
        return result
    own = Sized.of(network)
    if one:
        found = score(
            network,
            own_pixels.batches(records, split, pipeline.at_once(batch, own.size)),
            taxonomy,
            flip,
            crf,
            trimap,
            image_format=images,
            facts=facts_of(records, split, group_by),
            surfaces=surfaces,
            passes=passes_of(network) if passes_of else [own],
            robustness=robustness,
        )
    else:
        options = taxonomy, images, trimap, 6, _facts(parts, group_by), surfaces
        found = collected(
            _of_parts(parts, batch, flip, crf, taxonomy, images), *options
        )
    result = {"split": split, "samples": found.counts.samples, "size": list(own.size)}
    result |= known
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
    passes: Sequence[Sized] = (),
    robustness: bool = False,
) -> Result:
    """Runs a network over batches of `kerasseg.data.pipeline`; options as `evaluate`.

    passes: without, the images have the network's size. shown: images on a sheet.
    image_format: what the images are; sheets show its display bands. facts: of the
    samples in their order; samples without get their number.

    Raises UserError for a dataset without samples.
    """
    from kerasseg.runs.averaged import Averaged
    from kerasseg.runs.robustness import Robustness

    answer = Averaged.of(network, passes, flip, taxonomy, image_format)
    robust = Robustness(answer.mean, taxonomy, image_format) if robustness else None
    given = _answers(answer, dataset, taxonomy, image_format, crf, robust)
    options = taxonomy, image_format, trimap, shown, facts, surfaces
    result = collected(given, *options)
    result.more = answer.to_json() | (
        {"robustness": robust.to_json()} if robust else {}
    )
    return result


def _answers(
    answer: Averaged,
    dataset: Iterable[dict[str, Any]],
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    crf: bool,
    robust: Robustness | None = None,
) -> Iterator[tuple]:
    """Of each image what `collected` takes."""
    from kerasseg.inference.answers import ids_of

    for batch in dataset:
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        objects = itertools.repeat(None, len(images))
        if "instance" in batch:
            objects = batch["instance"].numpy()
        given = answer(batch["image"], labels)
        rows = zip(images, labels, given, objects, strict=True)
        for image, label, p, instance in rows:
            if crf:
                from kerasseg.crf import dense_crf

                p = dense_crf(p, image, image_format=image_format)
            yield image, label, ids_of(p, taxonomy.exclusive), p, instance
        if robust:
            robust.add(images, labels)


def _of_parts(
    parts: Sequence[Judged],
    batch: int,
    flip: bool,
    crf: bool,
    taxonomy: Taxonomy,
    images: ImageFormat,
) -> Iterator[tuple]:
    """The answers to all parts, each by its own network."""
    from kerasseg.inference.scales import Sized
    from kerasseg.runs import own_pixels
    from kerasseg.runs.averaged import Averaged

    for part in parts:
        network = runs.load(part.run)
        answer = Averaged.of(network, [Sized.of(network)], flip, taxonomy, images)
        dataset = own_pixels.batches(part.records, part.split, batch)
        yield from _answers(answer, dataset, taxonomy, images, crf)


def _facts(parts: Sequence[Judged], group_by: str) -> Iterator[Facts]:
    for part in parts:
        yield from facts_of(part.records, part.split, group_by)


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
