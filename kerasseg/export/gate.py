"""Scores every exported file again before anybody uses it: the gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, metrics
from kerasseg.export.formats import ARTEFACTS, Limits
from kerasseg.export.runners import runner
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import class_map, predictor

if TYPE_CHECKING:
    import keras


def check(
    network: keras.Model,
    files: dict[str, Path],
    batches: Iterable[dict[str, Any]],
    limits: Limits | None = None,
    overlap: int = 0,
    flip: bool = False,
    image_format: ImageFormat = RGB,
) -> list[dict]:
    """Scores the network and the files, a dict each, the network first.

    files: format (see `formats.ARTEFACTS`) -> file; `batches` are unaugmented batches
    at the network's size: image (B, h, w, bands) of `image_format`, label (B, h, w).
    Each dict has format, name, file, bytes, miou, iou (C,); a file's also agreement
    (share of pixels of the network's class), worst (number of the image that agrees
    least, counted from 0, and its share), rule, passed.

    overlap, flip: of the SavedModel (`saved_model.write`): with `flip` it is compared
    with the network's own mean over the image and its mirror image. Its row also has
    larger: the share that agrees on a picture larger than the network
    (`larger.agreement`), under the same limit.

    Raises UserError when no pixel of the batches has a label.
    """
    from kerasseg.export.saved_model import larger

    limits = limits or Limits()
    counted = _count(network, files, batches, flip)
    if not counted.matrices["network"].any():
        raise UserError("Nothing to score: the split has no labelled pixel.")
    first: dict[str, Any] = {
        "format": "network",
        "name": "network",
        "file": "",
        "bytes": 0,
    }
    first |= _scores(counted.matrices["network"]) | {"agreement": None, "passed": True}
    rows = [first]
    for name, file in files.items():
        scores = _scores(counted.matrices[name])
        row = _row(name, file, scores, counted.agreement[name], first["miou"], limits)
        if name == "saved_model":
            share = larger.agreement(
                network, file, counted.images, overlap, flip, image_format
            )
            row["larger"] = share
            row["rule"] += f", larger pictures {100 * share:.4f} %"
            row["passed"] &= share >= limits.agreement
        rows.append(row)
    return rows


@dataclass
class _Counted:
    """matrices: the network's and each file's confusion matrix (C, C); agreement: of a
    file, share of pixels of the network's class in each image; images: some of them."""

    matrices: dict[str, np.ndarray]
    agreement: dict[str, list[float]]
    images: np.ndarray


def _count(network, files: dict[str, Path], batches, flip: bool) -> _Counted:
    """Runs the network and every file over the batches."""
    import tensorflow as tf

    reference = tf.function(
        lambda image: class_map(network(tf.cast(image, tf.float32), training=False)),
        reduce_retracing=True,
    )
    mirrored = predictor(network, flip=True)
    runners = {"network": lambda images: reference(images).numpy()}
    runners |= {name: runner(name, file) for name, file in files.items()}
    classes = network.output_shape[-1]
    matrices = {name: np.zeros((classes, classes), np.int64) for name in runners}
    counted = _Counted(matrices, {name: [] for name in files}, np.empty(0))
    for batch in batches:
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        if not counted.images.size:
            counted.images = images
        expected = served = runners["network"](images)
        if flip:
            served = class_map(mirrored(images)).numpy()
        for name, run in runners.items():
            ids = expected if name == "network" else run(images)
            counted.matrices[name] += metrics.count(labels, ids, classes)
            if name != "network":
                wanted = served if name == "saved_model" else expected
                same = (ids == wanted).mean(axis=(1, 2))
                counted.agreement[name] += same.tolist()
    return counted


def _row(
    name: str,
    file: Path,
    scores: dict,
    shares: list[float],
    network_miou: float,
    limits: Limits,
) -> dict:
    """The row of one file; shares: of pixels that agree, image by image."""
    agreement, worst = float(np.mean(shares)), int(np.argmin(shares))
    rule, passed = limits.of(name, agreement, network_miou - scores["miou"])
    return (
        {"format": name, "name": ARTEFACTS[name].title, "file": file.name}
        | {"bytes": size(file), **scores, "agreement": agreement}
        | {"worst": {"image": worst, "agreement": shares[worst]}}
        | {"rule": rule, "passed": passed}
    )


def table(rows: list[dict]) -> str:
    """The rows of `check` as lines for a terminal."""
    lines = [f"{'artefact':17}{'MB':>7}{'mIoU':>8}{'loss':>7}{'agreement':>12}   limit"]
    for row in rows:
        mb = f"{row['bytes'] / 1e6:7.2f}" if row["bytes"] else " " * 7
        rest = ""
        if row["agreement"] is not None:
            lost = 100 * (rows[0]["miou"] - row["miou"])
            verdict = "passed" if row["passed"] else "FAILED"
            rest = f"{lost:7.2f}{100 * row['agreement']:10.4f} %   "
            rest += f"{row['rule']}  {verdict}"
        lines.append(f"{row['name']:17}{mb}{row['miou']:8.4f}{rest}")
    return "\n".join(lines)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _scores(matrix: np.ndarray) -> dict:
    """miou and iou of a confusion matrix; None for a class that never occurs."""
    scores = metrics.scores(matrix)
    iou = [None if np.isnan(v) else round(float(v), 6) for v in scores["iou"]]
    return {"miou": round(float(scores["miou"]), 6), "iou": iou}
