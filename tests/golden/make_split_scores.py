"""Makes split_scores.npz: scores of a split as other people's code computes them.

Run in an environment of its own (no TensorFlow needed):

    pip install torch==2.13.0 torchmetrics==1.9.0 monai==1.6.1 scikit-learn==1.9.1
    pip install numba scipy==1.17.1 scikit-image
    pip install --no-deps stardist==0.9.2 csbdeep==0.8.2
    python tests/golden/make_split_scores.py

Three images of 40 x 48 with a background and two classes of objects.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy.ndimage import label as connected
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score
from torchmetrics.detection import PanopticQuality

SPACING, TOLERANCE, C = (0.5, 0.8), 1.0, 3
folder = Path(importlib.util.find_spec("stardist").submodule_search_locations[0])
spec = importlib.util.spec_from_file_location("matching", folder / "matching.py")
matching = importlib.util.module_from_spec(spec)
spec.loader.exec_module(matching)
rng = np.random.default_rng(2026)


def discs(centres, radii, classes):
    """Class ids and object ids."""
    ids, objects = np.zeros((2, 40, 48), np.int32)
    y, x = np.ogrid[:40, :48]
    for i, ((row, column), radius) in enumerate(zip(centres, radii, strict=True)):
        inside = ((y - row) ** 2 + (x - column) ** 2 < radius**2) & (objects == 0)
        ids[inside], objects[inside] = classes[i], i + 1
    return ids, objects


def apart(ids):
    """The connected pieces of each class, of 8 neighbours."""
    pieces = np.zeros_like(ids)
    for c in range(1, C):
        found, _ = connected(ids == c, np.ones((3, 3)))
        pieces[found > 0] = found[found > 0] + pieces.max()
    return pieces


labels, instances, seens = [], [], []
for _ in range(3):
    grid = np.stack(np.meshgrid([8, 20, 32], [8, 18, 28, 38]), -1).reshape(-1, 2)
    centres = grid + rng.normal(0, 0.7, grid.shape)
    radii, classes = rng.uniform(2.5, 4.2, 12), rng.integers(1, C, 12)
    label, instance = discs(centres, radii, classes)
    kept = rng.random(12) < 0.85
    moved = centres[kept] + rng.normal(0, 0.6, (kept.sum(), 2))
    seen, _ = discs(
        moved, radii[kept] * rng.uniform(0.8, 1.1, kept.sum()), classes[kept]
    )
    labels.append(label), instances.append(instance), seens.append(seen)
golden = {"label": np.stack(labels), "instance": np.stack(instances)}
golden["seen"] = np.stack(seens)
pieces = np.stack([apart(seen) for seen in seens])

golden["kappa"] = cohen_kappa_score(golden["label"].ravel(), golden["seen"].ravel())
for name, score in (("iou", jaccard_score), ("dice", f1_score)):
    golden[f"image_{name}"] = np.stack(
        [
            score(t.ravel(), s.ravel(), labels=range(C), average=None)
            for t, s in zip(labels, seens, strict=True)
        ]
    )

quality = PanopticQuality(things={1, 2}, stuffs={0}, return_per_class=True)
for i in range(3):
    one = torch.from_numpy(np.stack([seens[i], pieces[i]], -1)[None])
    quality.update(one, torch.from_numpy(np.stack([labels[i], instances[i]], -1)[None]))
golden["pq"] = quality.compute().numpy().ravel()[:2]

least = np.arange(0.5, 1, 0.05) + 1e-6  # StarDist matches at >=, in float32
golden["precision"] = np.array(
    [
        [
            np.mean(
                [
                    m.accuracy
                    for m in matching.matching(
                        np.where(labels[i] == c, instances[i], 0),
                        np.where(seens[i] == c, pieces[i], 0),
                        thresh=least,
                    )
                ]
            )
            for c in range(1, C)
        ]
        for i in range(3)
    ]
)


def planes(ids):
    return torch.from_numpy(np.eye(C, dtype="float32")[ids].transpose(2, 0, 1)[None])


surfaces = []
for t, s in zip(labels, seens, strict=True):
    pair, options = (planes(s), planes(t)), {"include_background": True}
    options["spacing"] = SPACING
    surfaces.append(
        [
            compute_average_surface_distance(*pair, symmetric=True, **options)[0],
            compute_hausdorff_distance(*pair, percentile=95, **options)[0],
            compute_surface_dice(*pair, [TOLERANCE] * C, **options)[0],
        ]
    )
golden["surfaces"] = np.array([[v.numpy() for v in one] for one in surfaces])
np.savez_compressed(Path(__file__).with_name("split_scores.npz"), **golden)
