"""Losses of classes that overlap against numbers by hand and by other people's code.

golden/losses_overlapping.npz was made by golden/make_losses_overlapping.py with torch
2.13.0, torchvision 0.28.0, MONAI 1.6.1, segmentation-models-pytorch 0.6.0, scipy 1.17.1
and Berman's lovasz_hinge.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasseg import losses

pytestmark = pytest.mark.agnostic
FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = np.load(FOLDER / "losses_overlapping.npz")
SMP = {"per_image": False}
"""smp takes its sums over the whole batch."""
WEIGHTS = {
    "class_weights": GOLDEN["weights"].tolist(),
    "pixel_weight": GOLDEN["pixel_weight"],
}


@pytest.mark.parametrize(
    "golden, labels, name, options",
    [
        ("cross_entropy", "label", "cross_entropy", {}),
        ("cross_entropy_soft", "soft", "cross_entropy", {}),
        ("cross_entropy_weighted", "label", "cross_entropy", WEIGHTS),
        # smp moves both ends of the target by its factor, here each by half of it.
        ("cross_entropy_smoothed", "label", "cross_entropy", {"label_smoothing": 0.1}),
        ("cross_entropy_ignored", "ignored", "cross_entropy", {}),
        ("focal", "label", "focal", {}),
        ("focal_alpha", "label", "focal", {"alpha": 0.25}),
        ("focal_soft", "soft", "focal", {"gamma": 1.5}),
        ("smp_focal", "label", "focal", {"alpha": 0.25}),
        ("ohem_top_quarter", "ignored", "ohem", {"threshold": 0, "fraction": 0.25}),
        ("ohem_threshold", "ignored", "ohem", {"threshold": 0.3, "fraction": 0.01}),
        ("soft_dice", "label", "soft_dice", {}),
        ("soft_dice_soft", "soft", "soft_dice", {}),
        ("soft_dice_batch", "label", "soft_dice", {"per_image": False}),
        ("soft_dice_foreground", "label", "soft_dice", {"background": False}),
        ("soft_dice_absent", "without", "soft_dice", {}),
        ("soft_dice_plain", "label", "soft_dice", {"squared": False}),
        ("generalised_dice", "label", "generalised_dice", {}),
        ("generalised_dice_absent", "without", "generalised_dice", {}),
        ("generalised_dice_batch", "label", "generalised_dice", {"per_image": False}),
        ("jaccard", "label", "jaccard", {}),
        ("tversky", "label", "tversky", {}),
        ("focal_tversky", "label", "focal_tversky", {}),
        ("smp_dice", "label", "soft_dice", {**SMP, "squared": False}),
        ("smp_dice_ignored", "ignored", "soft_dice", {**SMP, "squared": False}),
        ("smp_jaccard", "label", "jaccard", SMP),
        ("smp_jaccard_ignored", "ignored", "jaccard", SMP),
        ("smp_tversky", "label", "tversky", SMP),
        ("smp_tversky_ignored", "ignored", "tversky", SMP),
        ("lovasz", "label", "lovasz_softmax", {}),
        ("lovasz_ignored", "ignored", "lovasz_softmax", {}),
        ("lovasz_absent", "without", "lovasz_softmax", {"per_image": True}),
        ("boundary", "label", "boundary", {}),
        ("boundary_ignored", "ignored", "boundary", {}),
    ],
)
def test_equals_other_implementations(golden, labels, name, options):
    value = losses.LOSSES[name](
        GOLDEN[labels], GOLDEN["logits"], **options, exclusive=False
    )
    np.testing.assert_allclose(float(value), GOLDEN[golden], rtol=1e-5)


def test_lovasz_of_smp_is_that_of_one_class():
    """smp's multilabel mode sorts the pixels of all classes as those of one."""
    one = (GOLDEN[name].reshape(2, -1, 1) for name in ("ignored", "logits"))
    value = losses.lovasz_softmax(*one, exclusive=False)
    np.testing.assert_allclose(float(value), GOLDEN["smp_lovasz"], rtol=1e-5)


def test_signed_distance_equals_scipy():
    distance = losses.signed_distance(GOLDEN["ignored"], exclusive=False)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(distance), GOLDEN["signed_distance"], atol=1e-5
    )


def test_two_classes_by_hand():
    """p = 1/2 and 1/4 where both classes are, 3/4 where the second is ignored."""
    y_true = np.array([[[1.0, 1.0], [1.0, -1.0]]])
    p = np.array([[[0.5, 0.25], [0.75, 0.75]]])
    logits = np.log(p / (1 - p))

    def value(name, **options):
        return float(losses.LOSSES[name](y_true, logits, **options, exclusive=False))

    entropy = -np.log([0.5, 0.25, 0.75])
    assert value("cross_entropy") == pytest.approx(entropy.mean())
    weights = [1, 3]  # of pixels 1 and 1 in the first class and 1 in the second
    assert value("cross_entropy", class_weights=weights) == pytest.approx(
        np.average(entropy, weights=[1, 3, 1])
    )
    assert value("focal", alpha=0.25) == pytest.approx(
        0.25 * (entropy * [0.25, 0.5625, 0.0625]).mean()
    )
    dice = [2 * 1.25 / (0.25 + 0.5625 + 2), 2 * 0.25 / (0.0625 + 1)]
    assert value("soft_dice") == pytest.approx(1 - np.mean(dice), rel=1e-5)
    assert value("jaccard") == pytest.approx(1 - np.mean([1.25 / 2, 0.25]), rel=1e-5)
    assert value("lovasz_softmax") == pytest.approx(
        # First class: errors 1 and 1 - log 3, that is 0; each of two is half the union.
        (1 / 2 + (1 + np.log(3))) / 2,
        rel=1e-5,
    )


def test_exclusive_losses_are_what_they_were():
    """Recorded on TensorFlow before there were classes that overlap.

    JAX and Torch differed from it in the last digit, then and now.
    """
    golden = np.load(FOLDER / "losses.npz")
    label = golden["ignored"].astype("int32")
    y_true = np.eye(4, dtype="float32")[np.minimum(label, 3)] * (label < 4)[..., None]
    recorded = {
        "cross_entropy": 2.426637649536133,
        "focal": 2.0153210163116455,
        "ohem": 2.6812386512756348,
        "soft_dice": 0.6798313856124878,
        "generalised_dice": 0.7599838972091675,
        "jaccard": 0.8462738394737244,
        "tversky": 0.7413952350616455,
        "focal_tversky": 0.7969679832458496,
        "lovasz_softmax": 0.8017011880874634,
        "boundary": 1.1322569847106934,
    }
    weights = {
        "class_weights": golden["weights"].tolist(),
        "pixel_weight": golden["pixel_weight"],
    }
    for name in recorded:
        loss = losses.LOSSES[name]
        options = dict(weights) if name in losses.PIXELWISE else {}
        if name == "cross_entropy":
            options["label_smoothing"] = 0.1
        value = float(loss(y_true, golden["logits"], **options))
        assert value == pytest.approx(recorded[name], rel=5e-7), name
