"""Makes losses_more.npz: rarer losses as other people's code computes them.

Run in an environment of its own, with these files on PYTHONPATH:

    loss_functions.py of github.com/mlyg/unified-focal-loss, commit 411c9c5
    cldice_loss/ (its folder pytorch) of github.com/jocpae/clDice, commit 47d31a6
    polyloss.py of github.com/abhuse/polyloss-pytorch, commit b9b2fb3
    pytorch/lovasz_losses.py of github.com/bermanmaxim/LovaszSoftmax, commit 7d48792

    pip install tensorflow==2.21.0 torch==2.13.0 monai==1.6.1 scipy==1.17.1
    pip install --no-deps segmentation-models-pytorch==0.6.0
    python tests/golden/make_losses_more.py

A docstring of loss_functions.py that is not indented is indented before the file is
run. nnU-Net's TopKLoss is torch.topk over the cross entropies, here of the labelled
pixels. U-Net's released weights are written out in float64 numpy and scipy from the
plugin's source (github.com/lmb-freiburg/Unet-Segmentation, class Tools), with one
distance transform for each object.
"""

import importlib.util
import sys
import types
from pathlib import Path

import lovasz_losses
import numpy as np
import tensorflow as tf
import torch
from cldice_loss.cldice import soft_cldice
from monai.losses import HausdorffDTLoss, LogHausdorffDTLoss, MCCLoss, SoftclDiceLoss
from polyloss import Poly1CrossEntropyLoss, Poly1FocalLoss
from scipy.ndimage import distance_transform_edt

CLASSES = 3
WEIGHTS = [0.5, 4.0, 2.5]
GAMMAS = [0.5, 2.0, 3.0]
IGNORE = 255


def smp_mcc():
    """smp's loss without its package's __init__, which imports the networks."""
    name = "segmentation_models_pytorch"
    package = types.ModuleType(name)
    spec = importlib.util.find_spec(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
    return importlib.import_module(f"{name}.losses.mcc").MCCLoss


def unified(name):
    source = Path(importlib.util.find_spec("loss_functions").origin).read_text()
    broken = 'def loss_function(y_true, y_pred):\n    """'
    source = source.replace(broken, 'def loss_function(y_true, y_pred):\n        """')
    names = {}
    exec(compile(source, "loss_functions.py", "exec"), names)
    return names[name]


def first(x):
    """(B, ..., C) -> (B, C, ...) float64."""
    return torch.from_numpy(np.moveaxis(np.asarray(x, "float64"), -1, 1).copy())


def each(function, p, y):
    """Of each class alone, (C,)."""
    return np.array([float(function(p[:, [c]], y[:, [c]])) for c in range(p.shape[1])])


def unet_weights(instance, w0, sigma, sigma_1, ratio):
    """The released formula: objects 1; background the ratio and two terms."""
    distance = [
        distance_transform_edt(instance != n) for n in np.unique(instance[instance > 0])
    ]
    d1, d2 = np.sort(distance, axis=0)[:2]
    near = (1 - ratio) * np.exp(-(d1**2) / (2 * sigma_1**2))
    gap = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return np.where(instance > 0, 1, ratio + near + gap)


def blobs(rng, shape, count):
    instance = np.zeros(shape, int)
    grid = np.indices(shape)
    for number in range(1, count + 1):
        centre = [rng.uniform(0, side) for side in shape]
        away = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        instance[away <= rng.uniform(1, 3) ** 2] = number
    return instance


rng = np.random.default_rng(2027)
shape, volume = (2, 9, 11), (2, 6, 7, 8)
golden = {"weights": WEIGHTS, "gammas": GAMMAS}
# Connected regions, so that skeletons and distances mean something.
field = rng.normal(size=(*shape, CLASSES)).cumsum(1).cumsum(2)
label = field.argmax(-1)
ignored = np.where(rng.random(shape) < 0.25, IGNORE, label)
logits = (rng.normal(size=(*shape, CLASSES)) * 2 + np.eye(CLASSES)[label]).astype("f4")
label_3d = rng.normal(size=(*volume, 2)).cumsum(1).cumsum(2).cumsum(3).argmax(-1)
logits_3d = rng.normal(size=(*volume, 2)) + 2 * np.eye(2)[label_3d]
logits_3d = logits_3d.astype("f4")
overlapping = (rng.random((*shape, CLASSES)) < 0.4).astype("f4")
soft = rng.random((*shape, CLASSES)).astype("f4")
golden |= {"label": label, "ignored": ignored, "logits": logits}
golden |= {"label_3d": label_3d, "logits_3d": logits_3d}
golden |= {"overlapping": overlapping, "soft": soft}

z, ids, hot = first(logits), torch.from_numpy(ignored), first(np.eye(CLASSES)[label])
p, y, s = torch.softmax(z, 1), first(overlapping), torch.sigmoid(z)
z3, y3 = first(logits_3d), first(np.eye(2)[label_3d])
p3 = torch.softmax(z3, 1)
known = ignored != IGNORE
pixels = torch.nn.functional.cross_entropy(
    z, ids, ignore_index=IGNORE, reduction="none"
)
hard = pixels.numpy()[known]

bce = torch.nn.functional.binary_cross_entropy_with_logits
each_weight = torch.tensor(WEIGHTS, dtype=torch.float64)[:, None, None]
golden["bce_pos_weight"] = bce(z, y, pos_weight=each_weight)
golden["bce_soft_pos_weight"] = bce(z, first(soft), pos_weight=each_weight)
golden["bce_exclusive"] = bce(z, hot)
golden["top_k"] = torch.topk(torch.from_numpy(hard), int(hard.size * 0.2))[0].mean()
golden["top_k_fraction"] = int(hard.size * 0.2) / hard.size
p_true = (p * hot).sum(1).numpy()[known]
golden["focal_gammas"] = ((1 - p_true) ** np.array(GAMMAS)[label[known]] * hard).mean()
of_pixels = torch.from_numpy(logits.reshape(-1, CLASSES).astype("f8"))
golden["poly1"] = Poly1CrossEntropyLoss(CLASSES, 1.5, "mean")(
    of_pixels, torch.from_numpy(label.ravel())
)
golden["poly1_focal"] = Poly1FocalLoss(
    CLASSES, 1.5, -1, 2.0, "mean", label_is_onehot=True
)(z, y)

golden["mcc"] = MCCLoss(softmax=True, reduction="none")(z, hot)
golden["mcc_batch"] = MCCLoss(softmax=True, reduction="none", batch=True)(z, hot)
golden["mcc_overlapping"] = MCCLoss(sigmoid=True)(z, y)
golden["mcc_3d"] = MCCLoss(softmax=True)(z3, y3)
golden["smp_mcc"] = each(smp_mcc()(eps=0.0), s, y)

of_known = {"labels": ids, "ignore": IGNORE}
for name, p_given in (("all", p), ("present", p)):
    golden[f"lovasz_{name}"] = lovasz_losses.lovasz_softmax(
        p_given.float(), classes=name, per_image=True, **of_known
    )
one_absent = np.where(ignored == 2, 1, ignored)
one_absent[1] = ignored[1]
golden["one_absent"] = one_absent
for name in ("all", "present"):
    golden[f"lovasz_absent_{name}"] = lovasz_losses.lovasz_softmax(
        p.float(), torch.from_numpy(one_absent), name, True, IGNORE
    )
golden["lovasz_hinge"] = np.mean(
    [
        float(
            lovasz_losses.lovasz_hinge(
                z[:, c].float(), hot[:, c].float(), per_image=False
            )
        )
        for c in range(CLASSES)
    ]
)

there = tf.constant(overlapping[..., 0])
two = tf.stack([1 - there, there], -1)
q = tf.nn.sigmoid(logits[..., 0])
two_p = tf.stack([1 - q, q], -1)
golden["unified_asymmetric"] = unified("asym_unified_focal_loss")()(two, two_p)
golden["unified_symmetric"] = unified("sym_unified_focal_loss")(0.3, 0.7, 0.75)(
    two, two_p
)

golden["hausdorff"] = HausdorffDTLoss(
    softmax=True, include_background=True, reduction="none"
)(z, hot)
golden["hausdorff_3d"] = HausdorffDTLoss(softmax=True, alpha=1.5)(z3, y3)
golden["hausdorff_overlapping"] = HausdorffDTLoss(
    sigmoid=True, include_background=True, batch=True
)(z, y)
golden["log_hausdorff"] = LogHausdorffDTLoss(softmax=True)(z[:, :2], hot[:, :2])

golden["cldice"] = each(lambda a, b: soft_cldice()(b, a), p, hot)
golden["cldice_3d"] = each(lambda a, b: soft_cldice()(b, a), p3, y3)
golden["monai_cldice"] = each(
    lambda a, b: SoftclDiceLoss(iter_=3, smooth=1e-12)(a, b), s, y
)

instance, instance_3d = blobs(rng, (20, 24), 9), blobs(rng, (9, 12, 14), 9)
golden |= {"instance": instance, "instance_3d": instance_3d}
golden["unet"] = unet_weights(instance, 50, 6, 10, 0.1)
golden["unet_3d"] = unet_weights(instance_3d, 10, 2, 3, 0.1)

np.savez_compressed(
    Path(__file__).with_name("losses_more.npz"),
    **{
        name: np.asarray(value, None if np.asarray(value).ndim > 1 else "float64")
        for name, value in golden.items()
    },
)
for name, value in golden.items():
    if np.asarray(value).size < 10:
        print(f"{name:24s} {np.asarray(value).ravel()}")
