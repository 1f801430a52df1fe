"""The gate: every artefact is scored again on validation records before it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError, metrics
from kerasseg.export.formats import ARTEFACTS, Limits
from kerasseg.export.runners import runner
from kerasseg.inference.class_maps import class_map, predictor


class Rejected(UserError):
    """A file of an export broke a limit of the gate."""


def check(
    network,
    files: dict[str, Path],
    batches,
    limits=None,
    overlap: int = 0,
    flip: bool = False,
) -> list[dict]:
    """Scores the network and the artefacts, a dict each, the network first.

    files: format (see `formats.ARTEFACTS`) -> file; `batches` are unaugmented batches
    at the network's size. Each dict has format, name, file, bytes, miou, iou (C,); an
    artefact's also agreement (share of pixels of the network's class), worst (number
    of the image that agrees least, counted from 0, and its share), rule, passed.

    overlap, flip: of the SavedModel (`saved_model.write`): with `flip` it is held
    against the network's own mean with the mirror image. Its row also has larger: the
    share that agrees on a picture larger than the network (`larger.agreement`), under
    the same limit.
    """
    import tensorflow as tf

    from kerasseg.export.saved_model import larger

    limits = limits or Limits()
    reference = tf.function(
        lambda image: class_map(network(tf.cast(image, tf.float32), training=False)),
        reduce_retracing=True,
    )
    mirrored = predictor(network, flip=True)
    first = None
    runners = {"network": lambda images: reference(images).numpy()}
    runners |= {name: runner(name, file) for name, file in files.items()}
    classes = network.output_shape[-1]
    matrices = {name: np.zeros((classes, classes), np.int64) for name in runners}
    agreed: dict[str, list[float]] = {name: [] for name in files}
    for batch in batches:
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        truth = served = runners["network"](images)
        first = images if first is None else first
        if flip:
            served = class_map(mirrored(images)).numpy()
        for name, run in runners.items():
            ids = truth if name == "network" else run(images)
            matrices[name] += metrics.count(labels, ids, classes)
            if name != "network":
                wanted = served if name == "saved_model" else truth
                agreed[name] += (ids == wanted).mean(axis=(1, 2)).tolist()
    if not matrices["network"].any():
        raise UserError("Nothing to score: the split has no labelled pixel.")
    rows = [{"format": "network", "name": "network", "file": "", "bytes": 0}]
    rows[0] |= _scores(matrices["network"]) | {"agreement": None, "passed": True}
    for name, file in files.items():
        scores, shares = _scores(matrices[name]), agreed[name]
        agreement = float(np.mean(shares))
        lost = rows[0]["miou"] - scores["miou"]
        rule, passed = limits.of(name, agreement, lost)
        worst = int(np.argmin(shares))
        rows.append(
            {"format": name, "name": ARTEFACTS[name].title, "file": file.name}
            | {"bytes": size(file), **scores, "agreement": agreement}
            | {"worst": {"image": worst, "agreement": shares[worst]}}
            | {"rule": rule, "passed": passed}
        )
        if name == "saved_model":
            share = larger.agreement(network, file, first, overlap, flip)
            rows[-1]["larger"] = share
            rows[-1]["rule"] += f", larger pictures {100 * share:.4f} %"
            rows[-1]["passed"] &= share >= limits.agreement
    return rows


def table(rows: list[dict]) -> str:
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
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _scores(matrix) -> dict:
    scores = metrics.scores(matrix)
    iou = [None if np.isnan(v) else round(float(v), 6) for v in scores["iou"]]
    return {"miou": round(float(scores["miou"]), 6), "iou": iou}
