"""Makes objects.npz: scores of objects as other people's code computes them.

Run in an environment of its own (no TensorFlow needed), with the file
metrics/stats_utils.py of https://github.com/vqdang/hover_net at commit 67e2ce5:

    pip install torch==2.13.0 torchmetrics==1.9.0 numba scipy==1.17.1 scikit-image six
    pip install matplotlib opencv-python-headless
    pip install --no-deps stardist==0.9.2 csbdeep==0.8.2
    python tests/golden/make_objects.py stats_utils.py

Sources: StarDist 0.9.2 (matches at IoU >= threshold), HoVer-Net (AJI and AJI+),
torchmetrics 1.9.0 (panoptic quality, Cohen's kappa).
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from torchmetrics.classification import MulticlassCohenKappa
from torchmetrics.detection import PanopticQuality


def module(name, file):
    spec = importlib.util.spec_from_file_location(name, file)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


# Without StarDist's __init__, which imports TensorFlow.
folder = Path(importlib.util.find_spec("stardist").submodule_search_locations[0])
stardist = module("stardist_matching", folder / "matching.py")
hover_net = module("stats_utils", sys.argv[1])
rng = np.random.default_rng(2026)


def discs(shape, centres, radii):
    drawn = np.zeros(shape, np.int32)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for number, ((row, column), radius) in enumerate(zip(centres, radii, strict=True)):
        drawn[(y - row) ** 2 + (x - column) ** 2 < radius**2] = number + 1
    return drawn


golden = {"true": [], "seen": []}
for _ in range(3):
    centres = rng.uniform(0, (64, 80), (14, 2))
    radii = rng.uniform(3, 10, 14)
    true = discs((64, 80), centres, radii)
    kept = rng.random(14) < 0.85
    moved = (centres + rng.normal(0, 1.5, (14, 2)))[kept], radii[kept] * 0.95
    seen = discs((64, 80), *moved)
    seen[:, 40] = 0  # cuts objects in halves that keep their id
    seen[:20, 41:][seen[:20, 41:] > 0] += 50  # ... and some that do not
    golden["true"].append(hover_net.remap_label(true))
    golden["seen"].append(hover_net.remap_label(seen))
golden = {name: np.stack(images) for name, images in golden.items()}
pairs = list(zip(golden["true"], golden["seen"], strict=True))

thresholds = np.array([0.1, 0.3, 0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95])
golden["thresholds"] = thresholds
found = [stardist.matching(*pair, thresh=thresholds) for pair in pairs]
golden["stardist_counts"] = np.array(
    [[(m.tp, m.fp, m.fn) for m in image] for image in found]
)
golden["stardist_accuracy"] = np.array([[m.accuracy for m in image] for image in found])
golden["stardist_pq"] = np.array([image[2].panoptic_quality for image in found])
golden["aji"] = np.array([hover_net.get_fast_aji(*pair) for pair in pairs])
golden["aji_plus"] = np.array([hover_net.get_fast_aji_plus(*pair) for pair in pairs])

quality = PanopticQuality(things={1}, stuffs={0}, return_per_class=True)
for true, seen in pairs:
    of_class = [torch.from_numpy(np.stack([i > 0, i], -1)[None]) for i in (seen, true)]
    quality.update(*of_class)
golden["torchmetrics_pq"] = quality.compute().numpy().ravel()[0]
label, predicted = (rng.integers(0, 4, 200) for _ in range(2))
predicted[:90] = label[:90]
golden["label"], golden["predicted"] = label, predicted
kappa = MulticlassCohenKappa(num_classes=4)
golden["kappa"] = kappa(torch.from_numpy(predicted), torch.from_numpy(label)).numpy()

np.savez_compressed(Path(__file__).with_name("objects.npz"), **golden)
