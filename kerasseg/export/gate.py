"""The gate: every artefact is scored again on validation records before it counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kerasseg import atomic, metrics
from kerasseg.export import litert
from kerasseg.inference import class_map

MIN_AGREEMENT = 0.9999
"""Share of pixels on which a float artefact must name the network's class."""


def check(network, saved_model: Path, lite: Path, batches, folder: Path) -> list[dict]:
    """Scores both artefacts and the network; writes FOLDER/gate.json.

    `batches` are unaugmented batches at the network's size. Returns a dict an artefact:
    name, file, bytes, miou, agreement, limit, passed.
    """
    import tensorflow as tf

    served = tf.saved_model.load(str(saved_model))
    signature = served.signatures["serving_default"]
    on_device = litert.reader(lite)
    reference = tf.function(
        lambda image: class_map(network(image, training=False)), reduce_retracing=True
    )
    classes = network.output_shape[-1]
    totals = {name: np.zeros((classes, classes), np.int64) for name in "nsl"}
    agreed, pixels = {"s": 0, "l": 0}, 0
    for batch in batches:
        image = tf.cast(batch["image"], tf.float32)
        labels, images = batch["label"].numpy(), batch["image"].numpy()
        seen = {"n": reference(image).numpy()}
        seen["s"] = signature(image=image)["class_map"].numpy()
        seen["l"] = np.stack([on_device(one) for one in images])
        pixels += labels.size
        for name, ids in seen.items():
            totals[name] += metrics.count(labels, ids, classes)
        for name in agreed:
            agreed[name] += int((seen[name] == seen["n"]).sum())
    rows = [_row("network", None, totals["n"], None)]
    rows.append(_row("SavedModel", saved_model, totals["s"], agreed["s"] / pixels))
    rows.append(_row("LiteRT float32", lite, totals["l"], agreed["l"] / pixels))
    atomic.write_text(folder / "gate.json", json.dumps(rows, indent=1) + "\n")
    return rows


def table(rows: list[dict]) -> str:
    lines = [f"{'artefact':16}{'MB':>7}{'mIoU':>8}{'agreement':>11}   limit"]
    for row in rows:
        size = f"{row['bytes'] / 1e6:7.2f}" if row["bytes"] else " " * 7
        agreement, limit = " " * 11, ""
        if row["agreement"] is not None:
            agreement = f"{100 * row['agreement']:9.4f} %"
            verdict = "passed" if row["passed"] else "FAILED"
            limit = f"{100 * row['limit']:.2f} %  {verdict}"
        lines.append(f"{row['name']:16}{size}{row['miou']:8.4f}{agreement}   {limit}")
    return "\n".join(lines)


def _row(name: str, path: Path | None, matrix, agreement: float | None) -> dict:
    size = 0
    if path is not None:
        files = path.rglob("*") if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files if file.is_file())
    return {
        "name": name,
        "file": path.name if path else "",
        "bytes": size,
        "miou": round(float(metrics.scores(matrix)["miou"]), 6),
        "agreement": agreement,
        "limit": None if agreement is None else MIN_AGREEMENT,
        "passed": agreement is None or agreement >= MIN_AGREEMENT,
    }
