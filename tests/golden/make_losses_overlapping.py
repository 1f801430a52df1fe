"""Makes losses_overlapping.npz: losses of classes that overlap, by other people's code.

Run in an environment of its own (no TensorFlow needed), with lovasz_losses.py of
github.com/bermanmaxim/LovaszSoftmax (commit 7d48792, folder pytorch) on PYTHONPATH:

    pip install torch==2.13.0 torchvision==0.28.0 monai==1.6.1 scipy==1.17.1
    pip install --no-deps segmentation-models-pytorch==0.6.0
    python tests/golden/make_losses_overlapping.py

Sources: torch 2.13.0 (binary cross entropy), torchvision 0.28.0 and MONAI 1.6.1
(focal), MONAI 1.6.1 with sigmoid=True (Dice family), segmentation-models-pytorch 0.6.0
with mode="multilabel" (ignored pixels of single classes), Berman's lovasz_hinge, and
scipy 1.17.1 (distances of the boundary loss). All in float64, but the Lovasz hinge.
"""

import importlib.util
import sys
import types
from pathlib import Path

import lovasz_losses
import numpy as np
import torch
from monai.losses import DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt
from torchvision.ops import sigmoid_focal_loss

CLASSES = 4
WEIGHTS = [0.5, 1.0, 4.0, 2.5]


def smp_losses():
    """smp's losses without its __init__, which imports the networks."""
    name = "segmentation_models_pytorch"
    package = types.ModuleType(name)
    spec = importlib.util.find_spec(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
    return importlib.import_module(f"{name}.losses")


def channels_first(x):
    return torch.from_numpy(np.asarray(x, "float64")).permute(0, 3, 1, 2)


def lovasz(scores, labels, per_image):
    """Mean over the classes of Berman's hinge, which knows one class."""
    scores, labels = (x.float().transpose(0, 1).contiguous() for x in (scores, labels))
    return np.mean(
        [
            float(lovasz_losses.lovasz_hinge(z, y, per_image=per_image, ignore=-1))
            for z, y in zip(scores, labels, strict=True)
        ]
    )


def signed_distances(target):
    """(B, H, W, C) of 0, 1 and -1; an ignored pixel is neither inside nor outside."""
    distance = np.zeros(target.shape)
    for image, channel in np.ndindex(target.shape[0], target.shape[-1]):
        plane = target[image, ..., channel]
        inside, outside = plane == 1, plane == 0
        if inside.any() and outside.any():
            distance[image, ..., channel] = np.where(
                inside, 1 - distance_transform_edt(~outside), 0
            ) + np.where(outside, distance_transform_edt(~inside), 0)
    return distance


rng = np.random.default_rng(2027)
logits = rng.normal(size=(2, 6, 7, CLASSES)).astype("float32") * 2
label = (rng.random(logits.shape) < 0.4).astype("int8")
ignored = np.where(rng.random(logits.shape) < 0.3, -1, label).astype("int8")
without = label.copy()
without[0, ..., 3] = 0  # class 3 is absent from image 0
soft = rng.random(logits.shape).astype("float32")
nowhere = label.copy()
nowhere[..., 3] = 0  # class 3 is absent from the batch
hot = np.eye(CLASSES, dtype="int8")[soft.argmax(-1)]  # of exclusive classes
pixel_weight = rng.uniform(0.5, 10, logits.shape[:-1]).astype("float32")
assert all((plane == 1).any() for image in ignored for plane in image.T)

z, y, y_without, y_soft, y_ignored, y_nowhere, y_hot = map(
    channels_first, (logits, label, without, soft, ignored, nowhere, hot)
)
entropy = torch.nn.functional.binary_cross_entropy_with_logits
hard = entropy(z, y_ignored, reduction="none")[y_ignored >= 0].sort(descending=True)[0]
# torch divides by the number of pixels, kerasseg by the sum of the weights.
weights = channels_first(pixel_weight[..., None] * WEIGHTS)
monai = {"sigmoid": True, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
tversky = {**monai, "alpha": 0.3, "beta": 0.7}
# MONAI's Jaccard doubles both sides of the fraction.
jaccard = {**monai, "jaccard": True, "smooth_nr": 2e-6, "smooth_dr": 2e-6}
index = TverskyLoss(**tversky, reduction="none")(z, y).numpy()
smp = smp_losses()
batch = {"mode": "multilabel", "smooth": 1e-6}
summed = {"ignore_index": -1, "smooth_factor": None, "reduction": "sum"}
p = torch.sigmoid(z).permute(0, 2, 3, 1).numpy()
signed, signed_ignored = signed_distances(label), signed_distances(ignored)
labelled = ignored >= 0

golden = {
    "cross_entropy": entropy(z, y),
    "cross_entropy_soft": entropy(z, y_soft),
    "cross_entropy_weighted": entropy(z, y, weights) / weights.mean(),
    "cross_entropy_smoothed": smp.SoftBCEWithLogitsLoss(smooth_factor=0.05)(z, y),
    "cross_entropy_ignored": smp.SoftBCEWithLogitsLoss(**summed)(z, y_ignored)
    / labelled.sum(),
    "focal": FocalLoss(gamma=2.0)(z, y),
    "focal_alpha": sigmoid_focal_loss(z, y, alpha=0.25, gamma=2, reduction="mean"),
    "focal_soft": sigmoid_focal_loss(z, y_soft, alpha=-1, gamma=1.5, reduction="mean"),
    "smp_focal": smp.FocalLoss("multilabel", alpha=0.25, gamma=2.0)(z, y),
    "ohem_top_quarter": hard[: int(np.ceil(hard.numel() / 4))].mean(),
    "ohem_threshold": hard[hard >= -np.log(0.3)].mean(),
    "soft_dice": DiceLoss(**monai, squared_pred=True)(z, y),
    "soft_dice_soft": DiceLoss(**monai, squared_pred=True)(z, y_soft),
    "soft_dice_batch": DiceLoss(**monai, squared_pred=True, batch=True)(z, y),
    "soft_dice_foreground": DiceLoss(
        **monai, squared_pred=True, include_background=False
    )(z, y),
    "soft_dice_absent": DiceLoss(**monai, squared_pred=True)(z, y_without),
    "soft_dice_plain": DiceLoss(**monai)(z, y),
    "generalised_dice": GeneralizedDiceLoss(**monai)(z, y),
    "generalised_dice_absent": GeneralizedDiceLoss(**monai)(z, y_without),
    "generalised_dice_batch": GeneralizedDiceLoss(**monai, batch=True)(z, y),
    "jaccard": DiceLoss(**jaccard)(z, y),
    "tversky": TverskyLoss(**tversky)(z, y),
    "focal_tversky": np.mean(index ** (3 / 4)),
    "smp_dice": smp.DiceLoss(**batch)(z, y),
    "smp_dice_ignored": smp.DiceLoss(**batch, ignore_index=-1)(z, y_ignored),
    "smp_jaccard": smp.JaccardLoss(**batch)(z, y),
    "smp_jaccard_ignored": smp.JaccardLoss(**batch, ignore_index=-1)(z, y_ignored),
    "smp_tversky": smp.TverskyLoss(**batch, alpha=0.3, beta=0.7)(z, y),
    "smp_tversky_ignored": smp.TverskyLoss(
        **batch, alpha=0.3, beta=0.7, ignore_index=-1
    )(z, y_ignored),
    "soft_labels_dice": DiceLoss(**monai, soft_label=True)(z, y_soft),
    "soft_labels_generalised": GeneralizedDiceLoss(**monai, soft_label=True)(z, y_soft),
    "soft_labels_tversky": TverskyLoss(**tversky, soft_label=True)(z, y_soft),
    "smp_soft_dice": smp.DiceLoss(**batch)(z, y_soft),
    "smp_soft_jaccard": smp.JaccardLoss(**batch)(z, y_soft),
    "smp_log_dice": smp.DiceLoss(**batch, log_loss=True)(z, y),
    "smp_log_tversky": smp.TverskyLoss(**batch, log_loss=True, alpha=0.3, beta=0.7)(
        z, y
    ),
    "smp_weighted_dice": smp.DiceLoss(**batch, class_weights=WEIGHTS)(z, y),
    "smp_nowhere_dice": smp.DiceLoss(**batch)(z, y_nowhere),
    "weighted_dice": DiceLoss(**monai, weight=WEIGHTS, reduction="none")(z, y),
    "weighted_softmax_dice": DiceLoss(
        softmax=True, smooth_nr=1e-6, smooth_dr=1e-6, weight=WEIGHTS, reduction="none"
    )(z, y_hot),
    "summed_tversky": TverskyLoss(**tversky, reduction="sum")(z, y),
    "generalised_dice_of_images": GeneralizedDiceLoss(**monai, reduction="none")(z, y),
    "lovasz": lovasz(z, y, per_image=False),
    "lovasz_ignored": lovasz(z, y_ignored, per_image=False),
    "lovasz_absent": lovasz(z, y_without, per_image=True),
    # smp sorts the pixels of all classes as those of one.
    "smp_lovasz": smp.LovaszLoss("multilabel", ignore_index=-1)(z.float(), y_ignored),
    "boundary": (signed * (p - label)).mean(),
    "boundary_ignored": (signed_ignored * (p - ignored)).sum() / labelled.sum(),
}
np.savez_compressed(
    Path(__file__).with_name("losses_overlapping.npz"),
    logits=logits,
    label=label,
    ignored=ignored,
    without=without,
    soft=soft,
    nowhere=nowhere,
    hot=hot,
    pixel_weight=pixel_weight,
    weights=np.array(WEIGHTS),
    signed_distance=signed_ignored.astype("float32"),
    **{name: np.squeeze(np.array(value, "float64")) for name, value in golden.items()},
)
for name, value in golden.items():
    print(f"{name:32s} {np.squeeze(np.array(value))}")
