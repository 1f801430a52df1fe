"""Scores every exported file again before anybody uses it: the gate."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, metrics
from kerasseg.export.formats import ARTEFACTS, LITERT, Limits
from kerasseg.export.litert import gpu
from kerasseg.export.runners import runner
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.averaging import mean_predictor
from kerasseg.inference.class_maps import class_map, predictor
from kerasseg.inference.scales import Sized
from kerasseg.metrics import overlapping
from kerasseg.volume_format import VolumeFormat

if TYPE_CHECKING:
    import keras

WIDTH = 79
"""Columns of the table in a terminal."""
TRIED = 4
"""Images on which an accelerator is compared with the CPU."""
TRIED_ON_A_GPU = tuple(name for name in LITERT if name not in ("opencv", "edgetpu"))
"""LiteRT files whose answers are class maps or scores of the size of the image."""


def check(
    network: keras.Model,
    files: dict[str, Path],
    batches: Iterable[dict[str, Any]],
    limits: Limits | None = None,
    overlap: int = 0,
    flip: bool = False,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
    volume: VolumeFormat | None = None,
    passes: Sequence[Sized] = (),
) -> list[dict]:
    """Scores the network and the files, a dict each, the network first.

    files: artefact (see `formats.ARTEFACTS`) -> file; `batches` are unaugmented batches
    at the network's size: image (B, h, w, bands) of `image_format`, label (B, h, w), or
    where classes overlap (`exclusive` is False, see `Taxonomy`) (B, h, w, C); of
    volumes, which `volume` says they are, patches: all (h, w) are (d, h, w).
    Each dict has format, name, file, bytes, miou, iou (C,); a file's also agreement
    (share of pixels of the network's class; where classes overlap, of its answers),
    worst (number of the image that agrees least, counted from 0, and its share), rule,
    passed; a LiteRT file's accelerators: what the accelerators that are at hand make of
    it beside the CPU (`gpu.row`), of up to TRIED images.

    overlap, flip, passes: of the SavedModel (`signatures.write`): with `flip` and
    several passes it is compared with the network's own mean over them. Its row also
    has larger: the share that agrees on a picture larger than the network
    (`larger.agreement`), under the same limit.

    Raises UserError when no pixel of the batches has a label.
    """
    from kerasseg.export.saved_model import larger, volumes

    limits = limits or Limits()
    mean = None
    if passes:
        mean = mean_predictor(passes, flip, image_format, exclusive)
    elif flip:
        mean = predictor(network, flip=True, exclusive=exclusive)
    counted = _count(network, files, batches, mean, exclusive)
    if not counted.counts["network"].any():
        raise UserError("Nothing to score: the split has no labelled pixel.")
    first: dict[str, Any] = {
        "format": "network",
        "name": "network",
        "file": "",
        "bytes": 0,
    }
    scores = _scores(counted.counts["network"], exclusive)
    first |= scores | {"agreement": None, "passed": True}
    rows = [first]
    for name, file in files.items():
        scores = _scores(counted.counts[name], exclusive)
        row = _row(name, file, scores, counted.agreement[name], first["miou"], limits)
        if name == "saved_model":
            images = counted.images
            if volume:
                share = volumes.agreement(
                    network, file, images, image_format, volume, exclusive, flip
                )
            else:
                options = overlap, flip, image_format, exclusive, passes
                share = larger.agreement(network, file, images, *options)
            row["larger"] = share
            what = "volumes" if volume else "pictures"
            row["rule"] += f", larger {what} {100 * share:.4f} %"
            row["passed"] &= share >= limits.agreement
        if name in TRIED_ON_A_GPU and not volume:
            images = counted.images[:TRIED]
            row["accelerators"] = [gpu.row(file, images, runner(name, file))]
        rows.append(row)
    return rows


@dataclass
class _Counted:
    """counts: of the network and of each file, a confusion matrix (C, C), or where
    classes overlap the four counts of each class (C, 4); agreement: of a file, share of
    pixels of the network's class in each image; images: some of them."""

    counts: dict[str, np.ndarray]
    agreement: dict[str, list[float]]
    images: np.ndarray


def _count(
    network, files: dict[str, Path], batches, mean_of: Any, exclusive: bool
) -> _Counted:
    """Runs the network and every file over the batches."""
    import tensorflow as tf

    def named(image):
        logits = network(tf.cast(image, tf.float32), training=False)
        return class_map(logits, exclusive=exclusive)

    reference = tf.function(named, reduce_retracing=True)
    runners = {"network": lambda images: reference(images).numpy()}
    runners |= {name: runner(name, file) for name, file in files.items()}
    classes = network.output_shape[-1]
    shape = (classes, classes if exclusive else len(overlapping.COUNTS))
    counts = {name: np.zeros(shape, np.int64) for name in runners}
    counted = _Counted(counts, {name: [] for name in files}, np.empty(0))
    for batch in batches:
        images, labels = batch["image"].numpy(), batch["label"].numpy()
        if not counted.images.size:
            counted.images = images
        expected = served = runners["network"](images)
        if mean_of:
            least = 0.5  # of probabilities
            mean = mean_of(images)
            served = class_map(mean, exclusive=exclusive, least=least).numpy()
        for name, run in runners.items():
            ids = expected if name == "network" else run(images)
            if exclusive:
                flat = labels.ravel(), ids.ravel()
                counted.counts[name] += metrics.count(*flat, classes)
            else:
                counted.counts[name] += overlapping.counts(labels, ids)
            if name != "network":
                wanted = served if name == "saved_model" else expected
                same = (ids == wanted).reshape(len(ids), -1).mean(axis=1)
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
    """The rows of `check` as lines for a terminal of 80 columns."""
    first = max(len("artefact"), *(len(row["name"]) for row in rows)) + 1
    lines = [f"{'artefact':{first}}{'MB':>7}{'mIoU':>8}{'loss':>7}{'agreement':>12}"]
    for row in rows:
        mb = f"{row['bytes'] / 1e6:7.2f}" if row["bytes"] else " " * 7
        line = f"{row['name']:{first}}{mb}{row['miou']:8.4f}"
        more = [gpu.line(one) for one in row.get("accelerators", ())]
        if row["agreement"] is not None:
            lost = 100 * (rows[0]["miou"] - row["miou"])
            verdict = "passed" if row["passed"] else "FAILED"
            line += f"{lost:7.2f}{100 * row['agreement']:10.4f} %   {verdict}"
            more.insert(0, f"limit: {row['rule']}")
        lines.append(line)
        for words in more:
            lines += textwrap.wrap(
                words, WIDTH, initial_indent="    ", subsequent_indent=" " * 6
            )
    return "\n".join(lines)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _scores(counts: np.ndarray, exclusive: bool) -> dict:
    """miou and iou; None for a class that never occurs."""
    scores = metrics.scores(counts) if exclusive else overlapping.scores(counts)
    iou = [None if np.isnan(v) else round(float(v), 6) for v in scores["iou"]]
    return {"miou": round(float(scores["miou"]), 6), "iou": iou}
