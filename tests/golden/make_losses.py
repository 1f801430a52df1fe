"""Makes losses.npz: segmentation losses as other people's code computes them.

Run in an environment of its own (no TensorFlow needed):

    pip install torch==2.13.0 monai==1.6.1 scipy==1.17.1
    pip install --no-deps segmentation-models-pytorch==0.6.0
    python tests/golden/make_losses.py

Sources: torch 2.13.0 (cross entropy), MONAI 1.6.1 (Dice family, focal),
segmentation-models-pytorch 0.6.0 (ignored pixels, Lovasz), scipy 1.17.1 (distances
for the boundary loss), and below in numpy algorithm 1 of Berman et al. 2018 and the
hard-pixel means. All in float64.
"""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt

IGNORE = 255
CLASSES = 4
WEIGHTS = [0.5, 1.0, 4.0, 2.5]


def smp_losses():
    """smp's losses without its __init__, which imports torchvision and timm."""
    name = "segmentation_models_pytorch"
    package = types.ModuleType(name)
    spec = importlib.util.find_spec(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
    return importlib.import_module(f"{name}.losses")


def lovasz_by_algorithm_1(probability, label):
    """Probabilities (N, C) and labels (N,) of labelled pixels; mean over classes."""
    losses = []
    for c in np.unique(label):
        true = (label == c).astype(float)
        error = np.where(true > 0, 1 - probability[:, c], probability[:, c])
        order = np.argsort(-error)
        sorted_true = true[order]
        intersection = sorted_true.sum() - np.cumsum(sorted_true)
        union = sorted_true.sum() + np.cumsum(1 - sorted_true)
        jaccard = 1 - intersection / union
        step = np.concatenate([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        losses.append(error[order] @ step)
    return np.mean(losses)


def hardest_mean(loss, fraction, limit=np.inf):
    """Mean over the hardest fraction, and all pixels with a loss of at least limit."""
    loss = np.sort(loss)[::-1]
    kept = np.maximum(np.ceil(fraction * loss.size), (loss >= limit).sum())
    return loss[: int(kept)].mean()


def signed_distances(hot):
    """(B, H, W, C) one-hot -> as in the authors' code, one channel at a time."""
    distance = np.zeros(hot.shape)
    for image, channel in np.ndindex(hot.shape[0], hot.shape[-1]):
        inside = hot[image, ..., channel] > 0
        if inside.any():
            distance[image, ..., channel] = distance_transform_edt(~inside) * ~inside
            inner = (distance_transform_edt(inside) - 1) * inside
            distance[image, ..., channel] -= inner
    return distance


rng = np.random.default_rng(2026)
logits = rng.normal(size=(2, 6, 7, CLASSES)).astype("float32") * 2
label = rng.integers(0, CLASSES, (2, 6, 7))
ignored = label.copy()
ignored[rng.random(label.shape) < 0.3] = IGNORE
without = label.copy()
without[0][label[0] == 3] = 1  # class 3 is absent from image 0
assert all(set(np.unique(image)) >= set(range(CLASSES)) for image in ignored)
pixel_weight = rng.uniform(0.5, 10, label.shape).astype("float32")

z = torch.from_numpy(logits.astype("float64")).permute(0, 3, 1, 2)
p = torch.softmax(z, 1).permute(0, 2, 3, 1).numpy()


def hot(labels):
    return torch.from_numpy(np.eye(CLASSES)[labels]).permute(0, 3, 1, 2)


y, y_without, ids = hot(label), hot(without), torch.from_numpy(ignored)
weights = torch.tensor(WEIGHTS, dtype=torch.float64)
entropy = torch.nn.functional.cross_entropy
pixels = entropy(z, ids, ignore_index=IGNORE, reduction="none").numpy()
labelled = ignored != IGNORE
hard = pixels[labelled]
monai = {"softmax": True, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
tversky = {**monai, "alpha": 0.3, "beta": 0.7}
# MONAI's Jaccard doubles both sides of the fraction.
jaccard = {**monai, "jaccard": True, "smooth_nr": 2e-6, "smooth_dr": 2e-6}
smp = smp_losses()
batch = {"mode": "multiclass", "smooth": 1e-6, "ignore_index": IGNORE}
lovasz = {"mode": "multiclass", "ignore_index": IGNORE}
index = TverskyLoss(**tversky, reduction="none")(z, y).numpy()
signed = signed_distances(np.eye(CLASSES)[label])

golden = {
    "cross_entropy": entropy(z, ids, ignore_index=IGNORE),
    "cross_entropy_weighted": entropy(z, ids, weights, ignore_index=IGNORE),
    "cross_entropy_smoothed": entropy(z, ids, ignore_index=IGNORE, label_smoothing=0.1),
    "cross_entropy_weighted_smoothed": entropy(
        z, ids, weights, ignore_index=IGNORE, label_smoothing=0.1
    ),
    "cross_entropy_pixel_weight": np.average(hard, weights=pixel_weight[labelled]),
    # MONAI takes the mean over the classes too.
    "focal": CLASSES * FocalLoss(use_softmax=True, gamma=2.0)(z, y),
    "ohem_top_quarter": hardest_mean(hard, 0.25),
    "ohem_threshold": hardest_mean(hard, 0.1, -np.log(0.3)),
    "soft_dice": DiceLoss(**monai, squared_pred=True)(z, y),
    "soft_dice_batch": DiceLoss(**monai, squared_pred=True, batch=True)(z, y),
    "soft_dice_foreground": DiceLoss(
        **monai, squared_pred=True, include_background=False
    )(z, y),
    "soft_dice_absent": DiceLoss(**monai, squared_pred=True)(z, y_without),
    "soft_dice_plain": DiceLoss(**monai)(z, y),
    "generalised_dice": GeneralizedDiceLoss(**monai)(z, y),
    "generalised_dice_absent": GeneralizedDiceLoss(**monai)(z, y_without),
    "generalised_dice_batch": GeneralizedDiceLoss(**monai, batch=True)(z, y),
    "generalised_dice_foreground": GeneralizedDiceLoss(
        **monai, include_background=False
    )(z, y),
    "jaccard": DiceLoss(**jaccard)(z, y),
    "tversky": TverskyLoss(**tversky)(z, y),
    "focal_tversky": np.mean(index ** (3 / 4)),
    "smp_dice": smp.DiceLoss(**batch)(z, ids),
    "smp_jaccard": smp.JaccardLoss(**batch)(z, ids),
    "smp_tversky": smp.TverskyLoss(**batch, alpha=0.3, beta=0.7)(z, ids),
    "smp_lovasz": smp.LovaszLoss(**lovasz)(z.float(), ids),
    "smp_lovasz_per_image": smp.LovaszLoss(**lovasz, per_image=True)(z.float(), ids),
    "lovasz": lovasz_by_algorithm_1(p[labelled], ignored[labelled]),
    "lovasz_absent": np.mean(
        [
            lovasz_by_algorithm_1(p[i].reshape(-1, CLASSES), without[i].ravel())
            for i in range(2)
        ]
    ),
    "boundary": (signed * (p - np.eye(CLASSES)[label])).sum() / label.size,
}
np.savez_compressed(
    Path(__file__).with_name("losses.npz"),
    logits=logits,
    label=label.astype("uint8"),
    ignored=ignored.astype("uint8"),
    without=without.astype("uint8"),
    pixel_weight=pixel_weight,
    weights=np.array(WEIGHTS),
    signed_distance=signed.astype("float32"),
    **{name: np.float64(value) for name, value in golden.items()},
)
for name, value in golden.items():
    print(f"{name:32s} {float(value):.8f}")
