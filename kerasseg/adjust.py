"""`python -m kerasseg.adjust RUN`: shifts class logits for the best validation mIoU.

Class weights in the loss help rare classes to be learnt, and then the network predicts
them too often: the best mean IoU asks for another balance. Here one number for each
class is added to the logits (as in Menon et al. 2021, arXiv 2007.07314, who derive it
from the class frequencies). Coordinate ascent on the mIoU of the validation split finds
it, and it goes into the bias of the network's last convolution: prediction is as fast
as before.

Where classes overlap each class is a question of its own, so its number is a threshold,
and the best one is found exactly. Added to the bias, it makes 0.5 the threshold.

A few numbers hardly overfit, and that is measured: each half of the split is scored
with the bias found on the other half. The new run is written only if that gains; where
classes overlap, each class is moved only if that gains for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, flags, say, start_tensorflow
from kerasseg.data.damage import naming_damage
from kerasseg.files import atomic
from kerasseg.runs import report
from kerasseg.runs.score_table import table
from kerasseg.runs.scores import evaluate, require_classes

PIXELS = 3_000_000
"""The largest number of pixels to search on; they lie on a grid in each image."""
STEPS = (0.6, 0.3, 0.15)
"""The step sizes of the ascent, in logits, from coarse to fine."""
GAIN = 2e-4
"""The smallest gain of mIoU for which a step is taken: a smaller one is chance."""
FILE = "logit_bias.json"
"""The file in the new run with the bias of each class and the mIoU of the halves."""


Half: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Logits (N, C) and label (N,), or (N, C) where classes overlap."""
Found: TypeAlias = tuple[np.ndarray, list[float], list[float]]
"""The bias (C,), and the mIoU of the halves before and with the other half's bias."""


@dataclass(frozen=True)
class Adjust:
    """Shift class logits for the best mIoU on the validation split, into a new run."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Records to score on; empty: those of the training."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Adjust, argv, prog="python -m kerasseg.adjust")
    run = Path(asked.run) if asked.run else runs.newest()
    records = runs.settings_for(run, asked.records).data.records
    with naming_damage(records):
        adjust(run, asked.records)


def adjust(run: Path, records: str = "") -> Path:
    """Writes the run RUN-adjusted-N and returns its folder.

    records: those to search and score on; empty: those of the training.

    Raises UserError when no bias gains on the half of the split that it was not found
    on, when the split has a single image, and for a network that does not end in a
    convolution with a bias.
    """
    start_tensorflow()
    from kerasseg.data.records import describe

    runs.refuse_volumes(run, "adjust")
    network, settings = runs.load(run), runs.settings_for(run, records)
    data, taxonomy = settings.data, runs.taxonomy(run)
    names = taxonomy.names
    last = _last_convolution(network)
    described = describe(data.records)
    runs.require_kind(run, data.records, described.image_format)
    require_classes(run, data.records, described.taxonomy)

    halves = _halves(network, data.records, data.val)
    how = shared_bias if taxonomy.exclusive else each_class
    bias, before, crossed = how(*halves)
    say(
        f"mIoU of the halves of '{data.val}': "
        f"{before[0]:.4f} and {before[1]:.4f}; each with the bias of the other half: "
        f"{crossed[0]:.4f} and {crossed[1]:.4f}"
    )
    if not sum(crossed) > sum(before):
        raise UserError(
            f"Nothing to gain for {run}: no class bias raises the mIoU on the other "
            f"half of the split '{data.val}'. No run was written."
        )
    if not taxonomy.exclusive:
        print(thresholds_said(bias, names))
    last.bias.assign(last.bias + bias)

    out = runs.derive(run, "adjusted", settings)
    found: dict[str, Any] = {"bias": dict(zip(names, map(float, bias), strict=True))}
    found |= {"halves_before": before, "halves_crossed": crossed}
    atomic.write_json(out / FILE, found)
    runs.save(network, out / "network.keras")

    result = evaluate(out, data.records, data.val, out, data.batch)
    print(table(result, names))
    report.write(out)
    print(f"Written: {out}")
    return out


def shared_bias(first: Half, second: Half) -> Found:
    """The bias of all classes together, and the mIoU of the halves without and with the
    bias of the other half."""
    plain = np.zeros(first[0].shape[1], np.float32)
    before = [_miou(*half, plain) for half in (first, second)]
    crossed = [_miou(*first, best_bias(*second)), _miou(*second, best_bias(*first))]
    both = sum(crossed) > sum(before)
    return (best_bias(*_joined([first, second])) if both else plain), before, crossed


def each_class(first: Half, second: Half) -> Found:
    """What `shared_bias` gives, where classes overlap: 0 for one that does not gain."""
    from kerasseg.metrics.confusion import mean_over_classes
    from kerasseg.metrics.thresholds import iou_above

    found = thresholds(*first), thresholds(*second)
    before = [iou_above(*half, 0) for half in (first, second)]
    crossed = [iou_above(*first, found[1]), iou_above(*second, found[0])]
    # A class that one of the halves lacks cannot be judged: nan is not above.
    gains = np.mean(crossed, axis=0) - np.mean(before, axis=0) > GAIN
    crossed = [np.where(gains, *pair) for pair in zip(crossed, before, strict=True)]
    bias = np.where(gains, -thresholds(*_joined([first, second])), 0)
    without, moved = (
        [float(mean_over_classes(iou, "nan")) for iou in ious]
        for ious in (before, crossed)
    )
    return bias.astype(np.float32), without, moved


def thresholds(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(C,) float64: where the logits (N, C) of each class are best cut, for a label
    (N, C) of 1, 0 and 255 = ignored."""
    from kerasseg.metrics.thresholds import best_threshold

    pairs = zip(logits.T, label.T, strict=True)
    return np.array([best_threshold(*pair, GAIN) for pair in pairs])


def thresholds_said(bias: np.ndarray, names: Sequence[str]) -> str:
    """The probability at which each class was found until now, where it changes."""
    lines = [
        f"{name:16}{1 / (1 + np.exp(one)):8.3f}" if one else f"{name:16}{'-':>8}"
        for name, one in zip(names, bias, strict=True)
    ]
    head = "threshold of the probability; 0.5 in the new run (-: no gain, stays 0.5)"
    return "\n".join([head, *lines])


def best_bias(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(C,) float32 to add to logits (N, C) for the best mIoU on label (N,), mean 0.

    Coordinate ascent: one class after the other, in steps that become smaller. label
    holds ids below C.
    """
    from kerasseg.metrics import count, scores

    classes = logits.shape[1]
    bias = np.zeros(classes, np.float32)
    best = _miou(logits, label, bias)
    for step in STEPS:
        gained = True
        while gained:
            gained = False
            for one in range(classes):
                shifted = logits + bias
                own = shifted[:, one].copy()
                shifted[:, one] = -np.inf
                rival, height = shifted.argmax(1), shifted.max(1)
                for change in (-step, step):
                    chosen = np.where(own + change > height, one, rival)
                    found = scores(count(label, chosen, classes))["miou"]
                    if found > best + GAIN:
                        best, gained = found, True
                        bias[one] += change
                        break
    return bias - bias.mean()


def _miou(logits: np.ndarray, label: np.ndarray, bias: np.ndarray) -> float:
    from kerasseg.metrics import count, scores

    chosen = (logits + bias).argmax(1)
    return float(scores(count(label, chosen, logits.shape[1]))["miou"])


def _halves(network: Any, records: str, split: str) -> list[Half]:
    """(logits, label) of the first and of the second half of a split.

    The halves are not every other image, as neighbours in a video are alike.
    """
    import tensorflow as tf

    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.inference.class_maps import network_size

    known, size = shards.describe(records).split(split), network_size(network)
    if known.samples < 2:
        raise UserError(
            f"The split '{split}' of {records} has one image only; two are needed."
        )
    apart = int(np.ceil(np.sqrt(known.samples * size[0] * size[1] / PIXELS)))
    classes = network.output_shape[-1]

    @tf.function
    def run(image):
        return network(tf.cast(image, tf.float32), training=False)

    found = []
    for batch in pipeline.batches(records, split, batch_size=1, size=size):
        grid = np.s_[0, apart // 2 :: apart, apart // 2 :: apart]
        logits, label = run(batch["image"]).numpy()[grid], batch["label"].numpy()[grid]
        # Ids, or planes of 1, 0 and 255, of which a pixel without an answer goes.
        valid = label < classes if label.ndim == 2 else (label <= 1).any(-1)
        found.append((logits[valid], label[valid]))
    middle = len(found) // 2
    return [_joined(half) for half in (found[:middle], found[middle:])]


def _joined(pieces: list[Half]) -> Half:
    logits, labels = zip(*pieces, strict=True)
    return np.concatenate(logits), np.concatenate(labels)


def _last_convolution(network: Any) -> Any:
    """The layer whose bias is added to the logits; UserError where there is none."""
    wide = (network.output_shape[-1],)
    biases = [(layer, getattr(layer, "bias", None)) for layer in network.layers]
    found = [layer for layer, bias in biases if bias is not None and bias.shape == wide]
    if found:
        layer = found[-1]
        image = np.random.default_rng(0).uniform(0, 255, (1, *network.input_shape[1:]))
        before = np.asarray(network(image, training=False))
        layer.bias.assign(layer.bias + 1.0)
        after = np.asarray(network(image, training=False))
        layer.bias.assign(layer.bias - 1.0)
        if np.allclose(after - before, 1.0, atol=1e-2):
            return layer
    raise UserError(
        f"'{network.name}' does not end in a convolution with a bias, to which one "
        "number for each class could be added."
    )


if __name__ == "__main__":
    main()
