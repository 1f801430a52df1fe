"""Our metrics and those of other people on random images: the worst difference.

Run beside kerasseg, in an environment with

    pip install torch==2.13.0 torchmetrics==1.9.0 monai==1.6.1 scikit-learn==1.9.1
    pip install numba scipy scikit-image
    pip install --no-deps stardist==0.9.2 csbdeep==0.8.2
    python benchmarks/metrics_against_peers.py

The table of docs/evidence.md holds what it prints.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score
from torchmetrics.classification import MulticlassCalibrationError
from torchmetrics.detection import PanopticQuality

from kerasseg import metrics

IMAGES = 200
THRESHOLDS = np.arange(0.05, 1, 0.05) + 1e-4
"""No IoU of small integers lies between: StarDist compares in float32."""
warnings.simplefilter("ignore")


def stardist():
    """Its matching, without the rest, which imports another TensorFlow."""
    folder = Path(importlib.util.find_spec("stardist").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("matching", folder / "matching.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blobs(rng, shape, count):
    """Ids of discs of random places and sizes, later ones over earlier ones."""
    ids = np.zeros(shape, np.int32)
    axes = np.ogrid[tuple(map(slice, shape))]
    for number in range(1, count + 1):
        centre, radius = rng.uniform(0, shape), rng.uniform(1.5, max(shape) / 6)
        away = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
        ids[away < radius**2] = number
    return ids


def shaken(rng, ids):
    """Moved by some pixels, and with a part of the objects lost."""
    lost = rng.random(ids.max() + 1) < 0.15
    moved = np.roll(ids, tuple(rng.integers(-2, 3, ids.ndim)), range(ids.ndim))
    return np.where(lost[moved], 0, moved)


def compare(worst, name, ours, theirs):
    one, other = (np.asarray(v, float).ravel() for v in (ours, theirs))
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    away = np.where(same, 0, np.abs(one - other))
    worst[name][0] += away.size
    worst[name][1] = max(worst[name][1], float(away.max(initial=0)))


def pixels(rng, worst):
    label, logits = rng.integers(0, 5, (30, 40)), rng.normal(size=(30, 40, 5))
    seen = np.where(rng.random(label.shape) < 0.6, label, logits.argmax(-1))
    matrix = metrics.count(label, seen, 5)
    found = metrics.scores(matrix)
    flat = label.ravel(), seen.ravel()
    kappa = metrics.cohen_kappa(matrix)
    compare(worst, "kappa, scikit-learn", kappa, cohen_kappa_score(*flat))
    for name, theirs in (("iou", jaccard_score), ("dice", f1_score)):
        each = theirs(*flat, labels=range(5), average=None)
        compare(worst, "IoU and Dice, scikit-learn", found[name], each)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    theirs = MulticlassCalibrationError(num_classes=5, n_bins=15)
    given = torch.from_numpy(p.reshape(-1, 5)), torch.from_numpy(label.ravel())
    ours = metrics.calibration_error(metrics.calibration_bins(label, p))
    compare(worst, "calibration error, torchmetrics", ours, theirs(*given))


def objects(rng, worst, matching):
    true = blobs(rng, (48, 56), int(rng.integers(0, 12)))
    seen = shaken(rng, true)
    each = matching.matching(true, seen, thresh=THRESHOLDS)
    ours = [metrics.object_counts(true, seen, t, equal=True) for t in THRESHOLDS]
    name = "objects at IoU >= 0.05 to 0.95, StarDist"
    compare(worst, name, ours, [(m.tp, m.fp, m.fn) for m in each])
    if not true.any():
        return
    quality = PanopticQuality(things={1}, stuffs={0}, return_per_class=True)
    planes = [torch.from_numpy(np.stack([i > 0, i], -1)[None]) for i in (seen, true)]
    quality.update(*planes)
    ours = metrics.panoptic_quality(metrics.panoptic_counts(true, seen))["pq"]
    theirs = quality.compute().numpy().ravel()[0]
    compare(worst, "panoptic quality, torchmetrics", ours, theirs)


def surfaces(rng, worst, shape, name):
    true = blobs(rng, shape, 3) > 0
    seen = shaken(rng, true.astype(int)) > 0
    if not (true.any() and seen.any()):
        return
    spacing = tuple(rng.uniform(0.3, 3, len(shape)))
    ours = metrics.surface_scores(metrics.surface_distances(true, seen, spacing))
    pair = [torch.from_numpy(m[None, None].astype("float32")) for m in (seen, true)]
    options = {"include_background": True, "spacing": spacing}
    theirs = [
        compute_average_surface_distance(*pair, symmetric=True, **options),
        compute_hausdorff_distance(*pair, percentile=95, **options),
        compute_surface_dice(*pair, [1.0], **options),
    ]
    compare(worst, name, list(ours.values()), [value.item() for value in theirs])


def main() -> None:
    rng, matching = np.random.default_rng(2026), stardist()
    worst: dict[str, list] = defaultdict(lambda: [0, 0.0])
    for _ in range(IMAGES):
        pixels(rng, worst)
        objects(rng, worst, matching)
        surfaces(rng, worst, (30, 36), "ASSD, HD95, NSD of planes, MONAI")
        surfaces(rng, worst, (9, 14, 16), "ASSD, HD95, NSD of volumes, MONAI")
    for name, (count, away) in worst.items():
        print(f"{name:45}{count:8} values, worst difference {away:.1e}")


if __name__ == "__main__":
    main()
