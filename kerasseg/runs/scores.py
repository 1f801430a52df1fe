"""Scores a run on a split of records: numbers, a table, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.drawing import bands, pictures, plots
from kerasseg.files import atomic
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

if TYPE_CHECKING:
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
) -> dict[str, Any]:
    """Scores RUN/network.keras; writes FOLDER/metrics.json and FOLDER/pictures/.

    records, split: what to score on. batch: images at a time. flip: average with the
    prediction for the mirror image. crf: sharpen with `kerasseg.crf.dense_crf`.
    trimap: pixels; above 0, pixels at most so far away from a boundary of the label are
    scored apart as well: trimap_iou and trimap_miou (`kerasseg.metrics.trimap`).
    display: bands that the pictures show, as `kerasseg.drawing.bands.displaying` takes
    them.

    Returns what metrics.json holds: the scores of `SplitScores.scores`, None for nan,
    with split, samples, size (height and width, pixels) and matrix (the confusion
    matrix, rows true).

    Raises UserError when the classes, bands or types of run and records differ, when
    the split is unknown or empty, when batch is below 1, and when trimap is not 0 or a
    finite number of pixels above it.
    """
    if batch < 1:
        raise UserError(f"--batch must be above 0, got {batch}.")
    if not (trimap >= 0 and np.isfinite(trimap)):
        raise UserError(f"--trimap must be 0 or more pixels, got {trimap}.")
    start_tensorflow()
    from kerasseg import metrics
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.inference.class_maps import network_size

    network, taxonomy = runs.load(run), runs.taxonomy(run)
    described = shards.describe(records)
    if described.taxonomy.names != taxonomy.names:
        raise UserError(
            f"Run {run} knows the classes {', '.join(taxonomy.names)}; the "
            f"records {records} have {', '.join(described.taxonomy.names)}. Prepare "
            "the records with the run's taxonomy."
        )
    images = bands.displaying(display, runs.image_format(run))
    runs.require_kind(run, records, described.image_format)
    size = network_size(network)
    known = described.split(split)
    same = (known.height, known.width) == size
    dataset = pipeline.batches(
        records,
        split,
        batch_size=batch,
        size=(0, 0) if same else size,
        instances=known.instances,
    )
    counts, sheets = score(
        network, dataset, taxonomy, flip, crf, trimap, image_format=images
    )
    total = counts.matrix
    result = {"split": split, "samples": counts.samples, "size": list(size)}
    result |= {"trimap_pixels": trimap} if trimap else {}
    result |= atomic.plain(counts.scores(), digits=6)
    result["matrix"] = total.tolist()
    for name, sheet in sheets.items():
        atomic.write_bytes(folder / "pictures" / f"{name}.png", pictures.png(sheet))
    heat = plots.confusion_heat_map(total, taxonomy)
    atomic.write_bytes(folder / "pictures" / "confusion.png", heat)
    bars = plots.iou_bars(np.array(metrics.scores(total)["iou"]), taxonomy)
    atomic.write_bytes(folder / "pictures" / "iou.png", bars)
    atomic.write_json(folder / "metrics.json", result)
    return result


def score(
    network: Any,
    dataset: Iterable[dict[str, Any]],
    taxonomy: Taxonomy,
    flip: bool = False,
    crf: bool = False,
    trimap: float = 0.0,
    shown: int = 6,
    image_format: ImageFormat = RGB,
) -> tuple[SplitScores, dict[str, np.ndarray]]:
    """Runs a network over batches of `kerasseg.data.pipeline`; options as `evaluate`.

    image_format: what the images are; sheets show its display bands.

    Returns the counts of every image, and contact sheets, uint8 RGB (H, W, 3):
    "examples", and "worst" with the images of the lowest mIoU, `shown` images each.

    Raises UserError for a dataset without samples.
    """
    from kerasseg.inference.class_maps import predictor
    from kerasseg.metrics.split_scores import SplitScores

    predict = predictor(network, flip)
    counts = SplitScores(taxonomy.num_classes, trimap)
    kept: list[tuple] = []
    worst: list[tuple] = []
    for batch in dataset:
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        objects = batch["instance"].numpy() if "instance" in batch else None
        for index, probabilities in enumerate(predict(batch["image"]).numpy()):
            image, label = images[index], labels[index]
            instance = None if objects is None else objects[index]
            if crf:
                from kerasseg.crf import dense_crf

                probabilities = dense_crf(
                    probabilities, image, image_format=image_format
                )
            ids = np.argmax(probabilities, axis=-1).astype(taxonomy.label_type)
            counts.add(label, ids, probabilities, instance)
            quality = counts.last_miou()
            sample = (quality, counts.samples, image, label, ids)
            kept.append(sample)
            if len(kept) > 2 * shown:
                # Keeps a spread of examples without knowing how many there will be.
                kept = kept[::2]
            if not np.isnan(quality):
                worst = sorted([*worst, sample], key=lambda item: item[:2])[:shown]
    if not kept:
        raise UserError("Nothing to score: the split has no samples.")
    sheets = {"examples": _sheet(kept[:shown], taxonomy, image_format)}
    if worst:
        sheets["worst"] = _sheet(worst, taxonomy, image_format)
    return counts, sheets


def table(result: dict[str, Any], names: Sequence[str]) -> str:
    """What `evaluate` returns as text: one line a class, then the means; of more than
    255 classes only those that occur."""
    lines = [f"{'class':16}{'IoU':>8}{'precision':>11}{'recall':>8}"]
    columns = zip(
        names, result["iou"], result["precision"], result["recall"], strict=True
    )
    absent = 0
    for name, iou, precision, recall in columns:
        if iou is None and len(names) > IGNORE:
            absent += 1
            continue
        lines.append(f"{name:16}{_cell(iou)}   {_cell(precision)}{_cell(recall)}")
    if absent:
        lines.append(f"{absent} of {len(names)} classes do not occur")
    low, high = result["miou_interval"]
    lines.append(
        f"{result['samples']} images of '{result['split']}': "
        f"mIoU {result['miou']:.4f} (95 % interval {low:.4f} to {high:.4f}), "
        f"pixel accuracy {result['pixel_accuracy']:.4f}, "
        f"boundary F1 {_cell(result['boundary_f1']).strip()}, "
        f"calibration error {result['calibration_error']:.4f}"
    )
    if result.get("trimap_miou") is not None:
        lines.append(
            f"within {result['trimap_pixels']:g} pixels of a boundary: "
            f"mIoU {result['trimap_miou']:.4f}"
        )
    if result.get("object_f1") is not None:
        lines.append(f"objects found at IoU above 0.5: F1 {result['object_f1']:.4f}")
    return "\n".join(lines)


def _sheet(samples, taxonomy, image_format) -> np.ndarray:
    rows, titles = [], []
    for quality, number, pixels, label, ids in samples:
        image = bands.shown(pixels, image_format)
        truth = pictures.overlay(image, label, taxonomy)
        seen = pictures.overlay(image, ids, taxonomy)
        rows.append(
            [image, truth, seen, pictures.error_map(label, ids, taxonomy.ignore)]
        )
        caption = (
            f"image {number}",
            "truth",
            f"prediction, mIoU {quality:.2f}",
            "errors",
        )
        titles.append(list(caption))
    sheet = pictures.contact_sheet(rows, titles, 1600)
    label = np.concatenate([sample[3].ravel() for sample in samples])[None]
    return pictures.with_legend(sheet, taxonomy, label)


def _cell(value) -> str:
    return f"{'-':>8}" if value is None else f"{value:8.4f}"
