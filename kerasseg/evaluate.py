"""`python -m kerasseg.evaluate RUN [--split val]`: scores and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, start_tensorflow
from kerasseg.drawing import pictures, plots
from kerasseg.files import atomic
from kerasseg.metrics.split_scores import Counts


@dataclass(frozen=True)
class Evaluate:
    """Score the best network of a run on a split of records."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Folder of records; empty: those of the training."""
    split: str = ""
    """Name of the split; empty: the run's validation split."""
    batch: int = 8
    """Images at a time."""
    flip: bool = False
    """Average with the prediction for the mirrored image."""
    crf: bool = False
    """Sharpen with a dense CRF (defaults of DeepLab v2): about a second an image."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Evaluate, args=argv, prog="python -m kerasseg.evaluate")
    run = Path(asked.run) if asked.run else runs.newest()
    settings = runs.settings(run)
    split = asked.split or settings.data.val
    records = asked.records or settings.data.records or run / "records"
    ways = [name for name in ("flip", "crf") if getattr(asked, name)]
    other = bool(asked.records or asked.split or ways)
    folder = run / "-".join(["evaluation", split, *ways]) if other else run
    result = evaluate(run, records, split, folder, asked.batch, asked.flip, asked.crf)
    print(table(result, runs.taxonomy(run).names))
    print(f"Written: {folder / 'metrics.json'}, {folder / 'pictures'}")


def evaluate(
    run: Path,
    records,
    split: str,
    folder: Path,
    batch: int = 8,
    flip: bool = False,
    crf: bool = False,
) -> dict:
    """Scores RUN/network.keras; writes FOLDER/metrics.json and FOLDER/pictures/.

    Raises ValueError when classes or sizes of run and records do not go together.
    """
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
    counts, sheets = score(network, dataset, taxonomy, flip, crf)
    total = counts.matrices.sum(axis=0)
    result = {"split": split, "samples": len(counts.matrices), "size": list(size)}
    result |= {name: _plain(value) for name, value in counts.scores().items()}
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
    network, dataset, taxonomy, flip: bool = False, crf: bool = False, shown: int = 6
) -> tuple[Counts, dict]:
    """What was counted on every image, and sheets of examples and of the worst."""
    from kerasseg import metrics
    from kerasseg.inference.class_maps import predictor

    predict = predictor(network, flip)
    counts = Counts(taxonomy.num_classes)
    kept, worst = [], []
    for batch in dataset:
        probabilities = predict(batch["image"]).numpy()
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        objects = batch["instance"].numpy() if "instance" in batch else None
        for index, beliefs in enumerate(probabilities):
            image, label = images[index], labels[index]
            instance = None if objects is None else objects[index]
            if crf:
                from kerasseg.crf import dense_crf

                beliefs = dense_crf(beliefs, image)
            ids = np.argmax(beliefs, axis=-1).astype(np.uint8)
            counts.add(label, ids, beliefs, instance)
            quality = float(metrics.scores(counts.matrices[-1])["miou"])
            sample = (quality, len(counts.matrices), image, label, ids)
            kept.append(sample)
            if len(kept) > 2 * shown:
                # Keeps a spread of examples without knowing how many there will be.
                kept = kept[::2]
            if not np.isnan(quality):
                worst = sorted([*worst, sample], key=lambda item: item[:2])[:shown]
    if not kept:
        raise UserError("Nothing to score: the split has no samples.")
    sheets = {"examples": _sheet(kept[:shown], taxonomy)}
    if worst:
        sheets["worst"] = _sheet(worst, taxonomy)
    return counts, sheets


def table(result: dict, names) -> str:
    """The scores as text: one line a class, then the means."""
    lines = [f"{'class':16}{'IoU':>8}{'precision':>11}{'recall':>8}"]
    columns = zip(
        names, result["iou"], result["precision"], result["recall"], strict=True
    )
    for name, iou, precision, recall in columns:
        lines.append(f"{name:16}{_cell(iou)}   {_cell(precision)}{_cell(recall)}")
    low, high = result["miou_interval"]
    lines.append(
        f"{result['samples']} images of '{result['split']}': "
        f"mIoU {result['miou']:.4f} (95 % interval {low:.4f} to {high:.4f}), "
        f"pixel accuracy {result['pixel_accuracy']:.4f}, "
        f"boundary F1 {_cell(result['boundary_f1']).strip()}, "
        f"calibration error {result['calibration_error']:.4f}"
    )
    if result.get("object_f1") is not None:
        lines.append(f"objects found at IoU above 0.5: F1 {result['object_f1']:.4f}")
    return "\n".join(lines)


def _sheet(samples, taxonomy) -> np.ndarray:
    rows, titles = [], []
    for quality, number, image, label, ids in samples:
        truth = pictures.overlay(image, label, taxonomy)
        seen = pictures.overlay(image, ids, taxonomy)
        rows.append([image, truth, seen, pictures.error_map(label, ids)])
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


def _plain(value):
    """numpy -> JSON; nan (a class that never occurs) -> null."""
    if np.ndim(value):
        return [_plain(v) for v in value]
    return None if np.isnan(value) else round(float(value), 6)


def _cell(value) -> str:
    return f"{'-':>8}" if value is None else f"{value:8.4f}"


if __name__ == "__main__":
    main()
