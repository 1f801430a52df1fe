"""Watches the health of a training: pixels, gradients, waiting, lost classes.

RUN/health.json holds one row an epoch and a summary of all epochs; the report shows it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasseg.console import say
from kerasseg.files import atomic
from kerasseg.metrics.confusion import iou_of

LOST = 0.05
"""A class that once had a higher IoU and is no longer predicted causes a warning."""


class Health(keras.callbacks.Callback):
    """Writes health.json after each epoch's validation, and prints early warnings.

    Place it after the callback in which `judge`, a Trainer, validates. names: of the
    classes. pixels: number in a training batch, with ignored ones. ema: decay of the
    running mean of the weights. rows: those of the training that goes on, else those of
    the file; of epochs from `first` on, left by a stopped run, they are dropped. Adds
    to the epoch's logs: gradient_norm, the median, and waiting, the share of the time
    spent waiting for the next batch.
    """

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        judge: Any,
        pixels: int,
        ema: float,
        first: int,
        rows: Sequence[dict] | None = None,
    ):
        super().__init__()
        self.path, self.names, self.judge = path, names, judge
        self.pixels, self.ema = pixels, ema
        rows = read(path) if rows is None else rows
        self.rows = [row for row in rows if row["epoch"] < first]
        self.warned = warning(self.rows, names, ema)

    def on_epoch_begin(self, epoch, logs=None):
        self.norms, self.waited, self.seconds, self.ended = [], 0.0, 0.0, None
        self.steps, self.updates = self.model.optimizer.calls()

    def on_train_batch_end(self, batch, logs=None):
        now, trainer = time.perf_counter(), self.model
        # From the end of one step to the end of the next: the first step, which
        # compiles, is not counted.
        if self.ended is not None:
            self.waited += trainer.last_batch.waited
            self.seconds += now - self.ended
        self.ended = now
        norms = ops.convert_to_numpy(trainer.optimizer.gradient_norms)
        norm = float(np.sqrt(np.sum(np.square(norms, dtype=np.float64))))
        if np.isfinite(norm):
            self.norms.append(norm)

    def on_epoch_end(self, epoch, logs):
        steps, updates = self.model.optimizer.calls()
        steps, updates = steps - self.steps, updates - self.updates
        _, seen, _ = self.model.confusion.margins()
        overlap = not self.model.exclusive
        counts = self.model.confusion.counts() if overlap else seen[None]
        labelled = int(counts.sum(axis=1).max())  # of one of the classes that overlap
        judged = self.judge.confusion.margins()
        _, true, found = judged
        rate = self.model.optimizer.learning_rate
        row = {
            "epoch": epoch,
            "steps": steps,
            "skipped": steps - updates,
            "pixels": seen.tolist(),
            "ignored": steps * self.pixels - labelled,
            "gradient_norm": float(np.median(self.norms)) if self.norms else 0.0,
            "gradient_norm_max": max(self.norms, default=0.0),
            "seconds": self.seconds,
            "waited": self.waited,
            "learning_rate": float(ops.convert_to_numpy(rate)),
            "miou": float(logs["miou"]),
            "val_miou": float(logs["val_miou"]),
            "val_iou": atomic.plain(iou_of(judged)),
            "val_pixels": true.tolist(),
            "val_predicted": found.tolist(),
        }
        row |= {"labelled": labelled} if overlap else {}
        self.rows.append(row)
        logs["gradient_norm"] = row["gradient_norm"]
        logs["waiting"] = self.waited / self.seconds if self.seconds else 0.0
        said = warning(self.rows, self.names, self.ema)
        if said and said.split(":")[0] != self.warned.split(":")[0]:
            say(f"Warning: {said}", sys.stderr)
        self.warned = said
        self.write()

    def write(self) -> None:
        """Writes health.json, where there are rows."""
        if self.rows:
            atomic.write_json(self.path, summary(self.rows, self.names, self.ema))


def read(path: Path) -> list[dict]:
    """The rows of a health.json; [] where there is none."""
    return json.loads(path.read_text())["epochs"] if path.is_file() else []


def summary(rows: list[dict], names: Sequence[str], ema: float) -> dict[str, Any]:
    """What health.json holds, from the rows of all epochs, at least one.

    Of the epoch with the best val_miou: dead, the classes of the validation split with
    IoU 0; never_predicted, those of them that no pixel is predicted to be.
    """
    pixels = np.sum([row["pixels"] for row in rows], axis=0)
    ignored = sum(row["ignored"] for row in rows)
    total = max(1, sum(map(_labelled, rows)))
    best = max(rows, key=lambda row: row["val_miou"])
    there = [i for i, count in enumerate(best["val_pixels"]) if count]
    dead = [i for i in there if not best["val_iou"][i]]
    silent = [i for i in dead if not best["val_predicted"][i]]
    rates = [row["learning_rate"] for row in rows]
    return {
        "ignored_share": ignored / (ignored + total),
        "coverage": dict(zip(names, (pixels / total).tolist(), strict=True)),
        "unseen": [name for name, n in zip(names, pixels, strict=True) if not n],
        "gradient_norm": float(np.median([row["gradient_norm"] for row in rows])),
        "gradient_norm_max": max(row["gradient_norm_max"] for row in rows),
        "steps": sum(row["steps"] for row in rows),
        "skipped": sum(row["skipped"] for row in rows),
        "waiting": sum(row["waited"] for row in rows)
        / max(1e-9, sum(row["seconds"] for row in rows)),
        "learning_rate": rates,
        "best_epoch": best["epoch"],
        "dead": [names[i] for i in dead],
        "never_predicted": [names[i] for i in silent],
        "warning": warning(rows, names, ema),
        "epochs": rows,
    }


def _labelled(row: dict) -> int:
    """Labelled pixels of an epoch; where classes overlap, the row says it."""
    return row.get("labelled", sum(row["pixels"]))


def warning(rows: list[dict], names: Sequence[str], ema: float) -> str:
    """Which classes validation lost by the last epoch, and likely causes; or ""."""
    if not rows:
        return ""
    now = rows[-1]
    seen = np.flatnonzero(now["val_predicted"]).tolist()
    there = np.flatnonzero(now["val_pixels"]).tolist()
    if len(seen) == 1 and len(there) > 1 and "labelled" not in now:
        what = f"validation sees class '{names[seen[0]]}' everywhere"
    else:
        had = np.max([[v or 0 for v in row["val_iou"]] for row in rows], axis=0)
        lost = [i for i in there if had[i] > LOST and i not in seen]
        if not lost:
            return ""
        words = ", ".join(f"'{names[i]}' (IoU {had[i]:.2f} before)" for i in lost)
        what = f"validation no longer finds {words}"
    reasons = "; ".join(_causes(rows, names, ema))
    return f"{what} after epoch {now['epoch'] + 1}: {reasons}."


def _causes(rows: list[dict], names, ema: float) -> list[str]:
    """Likely causes: those that the numbers suggest, else the usual ones."""
    now = rows[-1]
    pixels, ignored = np.array(now["pixels"]), now["ignored"]
    labelled = _labelled(now)
    share = pixels / max(1, labelled)
    most = int(np.argmax(share))
    steps = sum(row["steps"] for row in rows)
    doctor = "run python -m kerasseg.doctor on the records"
    causes = []
    if ignored > labelled:
        part = 100 * ignored / max(1, ignored + labelled)
        causes.append(
            f"{part:.0f} % of the training pixels are ignored (masks stored as 0 and "
            f"255, or ids of another taxonomy?): {doctor}"
        )
    if share[most] > 0.9:
        causes.append(
            f"'{names[most]}' has {100 * share[most]:.0f} % of the training pixels: "
            "weigh the others with --fit.class_weights median, or add soft_dice to "
            "--fit.loss"
        )
    if now["miou"] > 2 * now["val_miou"] + 0.05:
        causes.append(
            f"training scores {now['miou']:.2f}, validation {now['val_miou']:.2f}: the "
            "statistics of batch normalisation lag behind (larger --data.batch, more "
            "steps), or the splits differ"
        )
    span = 1 / (1 - ema)
    if ema and steps < 2 * span:
        causes.append(
            f"the running mean of the weights spans {span:.0f} steps and only {steps} "
            "were made: wait, or lower --fit.ema"
        )
    if now["gradient_norm_max"] > 100 * now["gradient_norm"]:
        causes.append(
            f"gradients jump to {now['gradient_norm_max']:.3g}, median "
            f"{now['gradient_norm']:.3g}: set --fit.clip_norm 1.0 or lower "
            "--fit.learning_rate"
        )
    usual = [
        "--fit.learning_rate too high or too low, or too few steps so far",
        f"labels that do not belong to the images: {doctor}",
    ]
    return causes or usual
