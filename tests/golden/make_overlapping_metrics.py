"""Makes overlapping_metrics.npz: scores of overlapping classes by other people's code.

Run in an environment of its own (no TensorFlow needed):

    pip install torch==2.13.0 monai==1.6.1 torchmetrics==1.9.0
    pip install --no-deps segmentation-models-pytorch==0.6.0
    python tests/golden/make_overlapping_metrics.py

Sources: MONAI 1.6.1 (means over images), segmentation-models-pytorch 0.6.0
(get_stats(mode="multilabel"), micro, macro and imagewise), torchmetrics 1.9.0
(Multilabel..., which knows ignored answers).
"""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
import torchmetrics.classification as torchmetrics
from monai.metrics import DiceMetric, MeanIoU

CLASSES = 3


def smp_metrics():
    """smp's metrics without its __init__, which imports torchvision and timm."""
    name = "segmentation_models_pytorch"
    package = types.ModuleType(name)
    spec = importlib.util.find_spec(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
    return importlib.import_module(f"{name}.metrics")


rng = np.random.default_rng(2026)
shape = (5, 6, 7, CLASSES)
label = (rng.random(shape) < [0.5, 0.3, 0.1]).astype(np.uint8)
planes = np.where(rng.random(shape) < 0.25, 1 - label, label).astype(np.uint8)
label[1, ..., 2] = planes[1, ..., 2] = 0  # neither there nor found
label[2, ..., 1] = 0  # found, but not there
planes[3, ..., 0] = 0  # there, but not found
ignored = np.where(rng.random(shape) < 0.2, 255, label).astype(np.uint8)

y, y_ignored, seen = (
    torch.from_numpy(a.astype("int64")).permute(0, 3, 1, 2)
    for a in (label, ignored, planes)
)
golden = {"label": label, "ignored": ignored, "planes": planes}

for name, metric in (("dice", DiceMetric), ("iou", MeanIoU)):
    # "true": over the images where the class is there (their default); "one": images
    # without the class count 1 if it is not found, else 0.
    for empty, ignore_empty in (("true", True), ("one", False)):
        for reduction in ("mean", "mean_batch"):
            found = metric(reduction=reduction, ignore_empty=ignore_empty)
            found(y_pred=seen, y=y)
            golden[f"monai_{name}_{empty}_{reduction}"] = found.aggregate().numpy()

smp = smp_metrics()
stats = smp.get_stats(seen, y, mode="multilabel")
golden["smp_stats"] = np.stack([s.numpy() for s in stats], -1)  # (N, C, 4)
for name in ("iou_score", "f1_score", "precision", "recall", "accuracy"):
    for how in ("micro", "macro", "micro-imagewise", "macro-imagewise"):
        value = getattr(smp, name)(*stats, reduction=how, zero_division=1.0)
        golden[f"smp_{name}_{how}"] = value.numpy()

for name in ("JaccardIndex", "F1Score", "Precision", "Recall", "Accuracy"):
    for how in ("micro", "macro", "none"):
        of = getattr(torchmetrics, f"Multilabel{name}")
        metric = of(num_labels=CLASSES, average=how, ignore_index=255)
        golden[f"torchmetrics_{name}_{how}"] = metric(seen, y_ignored).numpy()

np.savez_compressed(Path(__file__).with_name("overlapping_metrics.npz"), **golden)
