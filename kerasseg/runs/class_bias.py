"""Numbers that are added to the logits of classes for the best validation mIoU.

Each half of the split is scored with the bias found on the other half, so that a gain
which is chance is no gain.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from kerasseg import UserError, runs
from kerasseg.files import atomic
from kerasseg.taxonomy import Taxonomy

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
class Gain:
    """The bias (C,) of a network, and what the halves of the split say of it.

    layer: whose bias it goes into. before, crossed: mIoU of the halves without it, and
    with the bias of the other half.
    """

    layer: Any
    bias: np.ndarray
    before: list[float]
    crossed: list[float]

    @property
    def helps(self) -> bool:
        """Whether it raises the mIoU on the halves that it was not found on."""
        return sum(self.crossed) > sum(self.before)

    def apply(self, names: Sequence[str], until_now: np.ndarray) -> dict[str, Any]:
        """Adds it to the network; what logit_bias.json says. names: of the classes.
        until_now: (C,) `bias_of` the network's run."""
        self.layer.bias.assign(self.layer.bias + self.bias)
        whole = map(float, until_now + self.bias)
        found: dict[str, Any] = {"bias": dict(zip(names, whole, strict=True))}
        return found | {"halves_before": self.before, "halves_crossed": self.crossed}

    def __str__(self) -> str:
        return (
            f"{self.before[0]:.4f} and {self.before[1]:.4f}; each with the bias of the "
            f"other half: {self.crossed[0]:.4f} and {self.crossed[1]:.4f}"
        )


def searched(network: Any, taxonomy: Taxonomy, records: str | Path, split: str) -> Gain:
    """The bias of a network for a split of records.

    Raises UserError where the split has one image only, and for a network that does not
    end in a convolution with a bias.
    """
    last = _last_convolution(network)
    how = shared_bias if taxonomy.exclusive else each_class
    return Gain(last, *how(*_halves(network, records, split)))


def found_for(other: Path, names: Sequence[str]) -> dict[str, Any]:
    """What logit_bias.json of another run says. names: of the classes it must have.

    Raises UserError where that run has no such file, or other classes.
    """
    file = other / FILE
    if not file.is_file():
        raise UserError(
            f"--balance {other}: it holds no {FILE}, which python -m kerasseg.adjust "
            "writes into the run that it makes. Name such a run."
        )
    found = json.loads(file.read_text(encoding="utf-8"))
    if [*found["bias"]] != [*names]:
        raise UserError(
            f"--balance {other}: its classes are {', '.join(found['bias'])}, those of "
            f"the run {', '.join(names)}. Name a run of the same classes."
        )
    return found


def bias_of(run: Path, names: Sequence[str]) -> np.ndarray:
    """(C,) float32: what the logits of a run's classes were moved by until now."""
    file = run / FILE
    if not file.is_file():
        return np.zeros(len(names), np.float32)
    found = json.loads(file.read_text(encoding="utf-8"))["bias"]
    return np.array([found[name] for name in names], np.float32)


def taken(network: Any, found: dict[str, Any]) -> Gain:
    """The bias of `found_for`, for a network.

    Raises UserError for one that does not end in a convolution with a bias.
    """
    bias = np.array([*found["bias"].values()], np.float32)
    halves = found["halves_before"], found["halves_crossed"]
    return Gain(_last_convolution(network), bias, *halves)


def improve(run: Path, records: str | Path, split: str) -> bool:
    """Whether a bias helps the network of a run; it then has it from now on, and
    logit_bias.json says which. What was found is printed."""
    network, taxonomy = runs.load(run), runs.taxonomy(run)
    try:
        runs.refuse_volumes(run, "adjust")
        gain = searched(network, taxonomy, records, split)
    except UserError as error:
        print(f"Not adjusted: {error}")
        return False
    print(f"Adjusting the classes, mIoU of the halves of '{split}': {gain}")
    if not gain.helps:
        print("Not adjusted: nothing to gain on the half that it was not found on.")
        return False
    found = gain.apply(taxonomy.names, bias_of(run, taxonomy.names))
    runs.save(network, run / "network.keras")
    atomic.write_json(run / FILE, found)
    return True


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
    search = _Search(logits, label)
    for step in STEPS:
        gained = True
        while gained:
            gained = False
            for one in range(logits.shape[1]):
                gained |= any(search.gains(one, change) for change in (-step, step))
    return search.bias - search.bias.mean()


class _Search:
    """A bias, and the two highest logits of each pixel with it: from these follows
    which pixels another bias of one class changes, and only those are counted."""

    def __init__(self, logits: np.ndarray, label: np.ndarray) -> None:
        from kerasseg.metrics import count

        self.columns, self.label = np.ascontiguousarray(logits.T), label
        self.bias = np.zeros(len(self.columns), np.float32)
        shape = len(label)
        self.first, self.second = (np.empty(shape, np.int64) for _ in range(2))
        self.height, self.below = (np.empty(shape, np.float32) for _ in range(2))
        self._rank(slice(None))
        self.matrix = count(label, self.first, len(self.columns))
        self.miou = _miou_of(self.matrix)

    def gains(self, one: int, change: float) -> bool:
        """Whether that change of the bias of a class raises the mIoU; it is made
        then."""
        own, wins = self.columns[one] + self.bias[one], self.first == one
        if change > 0:
            moved = np.flatnonzero(~wins & (own + change > self.height))
            after = np.full(len(moved), one)
        else:
            moved = np.flatnonzero(wins & (own + change <= self.below))
            after = self.second[moved]
        matrix = self.matrix.copy()
        label = self.label[moved]
        np.subtract.at(matrix, (label, self.first[moved]), 1)
        np.add.at(matrix, (label, after), 1)
        miou = _miou_of(matrix)
        if not miou > self.miou + GAIN:
            return False
        self.matrix, self.miou = matrix, miou
        self.bias[one] += change
        near = wins | (self.second == one) | (own + change > self.below)
        self._rank(np.flatnonzero(near))
        return True

    def _rank(self, pixels: np.ndarray | slice) -> None:
        logits = self.columns[:, pixels] + self.bias[:, None]
        every = np.arange(logits.shape[1])
        for place, value in (self.first, self.height), (self.second, self.below):
            place[pixels] = best = logits.argmax(0)
            value[pixels] = logits[best, every]
            logits[best, every] = -np.inf


def _miou(logits: np.ndarray, label: np.ndarray, bias: np.ndarray) -> float:
    from kerasseg.metrics import count

    chosen = (logits + bias).argmax(1)
    return _miou_of(count(label, chosen, logits.shape[1]))


def _miou_of(matrix: np.ndarray) -> float:
    from kerasseg.metrics import scores

    return float(scores(matrix)["miou"])


def _halves(network: Any, records: str | Path, split: str) -> list[Half]:
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
        import tensorflow as tf

        # An eager call would keep the maps of all layers.
        run = tf.function(lambda image: network(image, training=False))
        layer = found[-1]
        shape = (1, *network.input_shape[1:])
        image = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
        before = np.asarray(run(image))
        layer.bias.assign(layer.bias + 1.0)
        after = np.asarray(run(image))
        layer.bias.assign(layer.bias - 1.0)
        if np.allclose(after - before, 1.0, atol=1e-2):
            return layer
    raise UserError(
        f"'{network.name}' does not end in a convolution with a bias, to which one "
        "number for each class could be added."
    )
