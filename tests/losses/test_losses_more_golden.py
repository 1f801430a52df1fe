"""Rarer losses against other people's code, in 2-D and 3-D.

golden/losses_more.npz was made by golden/make_losses_more.py with torch 2.13.0, MONAI
1.6.1, segmentation-models-pytorch 0.6.0 and the authors' code of clDice (47d31a6), the
unified focal loss (411c9c5, TensorFlow 2.21.0), Lovasz (7d48792) and the PolyLoss of
abhuse/polyloss-pytorch (b9b2fb3).
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasseg import losses

pytestmark = pytest.mark.agnostic
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "losses_more.npz")
WEIGHTS, GAMMAS = GOLDEN["weights"].tolist(), GOLDEN["gammas"].tolist()
OVERLAP = {"exclusive": False}
ONE = slice(0, 1)


@pytest.mark.parametrize(
    "golden, labels, name, options",
    [
        (
            "bce_pos_weight",
            "overlapping",
            "binary_cross_entropy",
            {"pos_weight": WEIGHTS, **OVERLAP},
        ),
        (
            "bce_soft_pos_weight",
            "soft",
            "binary_cross_entropy",
            {"pos_weight": WEIGHTS, **OVERLAP},
        ),
        ("bce_exclusive", "label", "binary_cross_entropy", {}),
        ("bce_exclusive", "label", "binary_cross_entropy", {"pos_weight": 1}),
        ("focal_gammas", "ignored", "focal", {"gamma": GAMMAS}),
        ("poly1", "label", "poly1", {"epsilon": 1.5}),
        (
            "poly1_focal",
            "overlapping",
            "poly1",
            {"epsilon": 1.5, "gamma": 2.0, **OVERLAP},
        ),
        (
            "top_k",
            "ignored",
            "top_k",
            {"fraction": float(GOLDEN["top_k_fraction"]) - 1e-4},
        ),
        ("mcc", "label", "mcc", {"reduction": "none"}),
        ("mcc_batch", "label", "mcc", {"reduction": "none", "per_image": False}),
        ("mcc_overlapping", "overlapping", "mcc", OVERLAP),
        ("mcc_3d", "label_3d", "mcc", {}),
        (
            "smp_mcc",
            "overlapping",
            "mcc",
            {"per_image": False, "reduction": "none", **OVERLAP},
        ),
        ("lovasz_present", "ignored", "lovasz_softmax", {"per_image": True}),
        (
            "lovasz_all",
            "ignored",
            "lovasz_softmax",
            {"per_image": True, "classes": "all"},
        ),
        ("lovasz_absent_present", "one_absent", "lovasz_softmax", {"per_image": True}),
        (
            "lovasz_absent_all",
            "one_absent",
            "lovasz_softmax",
            {"per_image": True, "classes": "all"},
        ),
        ("lovasz_hinge", "label", "lovasz_hinge", {}),
        ("unified_asymmetric", ONE, "unified_focal", OVERLAP),
        (
            "unified_symmetric",
            ONE,
            "unified_focal",
            {
                "weight": 0.3,
                "delta": 0.7,
                "gamma": 0.75,
                "asymmetric": False,
                **OVERLAP,
            },
        ),
        ("hausdorff", "label", "hausdorff", {"reduction": "none"}),
        ("hausdorff_3d", "label_3d", "hausdorff", {"alpha": 1.5, "background": False}),
        (
            "hausdorff_overlapping",
            "overlapping",
            "hausdorff",
            {"per_image": False, **OVERLAP},
        ),
        ("cldice_3d", "label_3d", "centreline_dice", {"background": True}),
        ("cldice", "label", "centreline_dice", {"background": True}),
        ("monai_cldice", "overlapping", "centreline_dice", {"iterations": 3}),
    ],
)
def test_equals_other_implementations(golden, labels, name, options):
    """Class ids, or targets of classes that overlap, as the peer took them."""
    logits = GOLDEN["logits_3d" if golden.endswith("3d") else "logits"]
    if labels == ONE:
        labels, logits = GOLDEN["overlapping"][..., ONE], logits[..., ONE]
    else:
        labels = GOLDEN[labels]
    want = GOLDEN[golden]
    if "cldice" in golden:  # the authors' is of a batch, MONAI's of single images
        options |= {"reduction": "none", "per_image": golden == "monai_cldice"}
        options |= OVERLAP if golden == "monai_cldice" else {}
    value = losses.LOSSES[name](labels, logits, **options)
    value = keras.ops.convert_to_numpy(value)
    if golden == "monai_cldice":
        value = value.mean(0)
    np.testing.assert_allclose(value.squeeze(), want.squeeze(), rtol=2e-5)


def test_log_hausdorff_of_one_class():
    """MONAI takes the log of the mean over the classes, here of each."""
    hot = np.eye(3, dtype="float32")[GOLDEN["label"]]
    options = {"background": False, "reduction": "none"}
    value = losses.hausdorff(hot, GOLDEN["logits"], log=True, **options)
    plain = losses.hausdorff(hot, GOLDEN["logits"], **options)
    want = np.log1p(keras.ops.convert_to_numpy(plain))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(value), want, rtol=1e-5)
