"""Losses against numbers by hand and by other people's code.

golden/losses.npz was made by golden/make_losses.py with torch 2.13.0, MONAI 1.6.1,
segmentation-models-pytorch 0.6.0, scipy 1.17.1 and Berman's algorithm 1 in numpy.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasseg import losses
from kerasseg.taxonomy import one_hot

pytestmark = pytest.mark.agnostic
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "losses.npz")
WEIGHTS = GOLDEN["weights"].tolist()
C = 4


def target(label):
    return keras.ops.convert_to_numpy(one_hot(label.astype("int32"), C))


def test_every_loss_has_a_golden_number():
    others = {"lovasz_softmax", "ohem"}
    others |= {"binary_cross_entropy", "poly1", "top_k", "mcc", "unified_focal"}
    others |= {"lovasz_hinge", "hausdorff", "centreline_dice"}  # of losses_more.npz
    assert set(losses.LOSSES) <= set(GOLDEN) | others


@pytest.mark.parametrize(
    "golden, labels, name, options",
    [
        ("cross_entropy", "ignored", "cross_entropy", {}),
        (
            "cross_entropy_weighted",
            "ignored",
            "cross_entropy",
            {"class_weights": WEIGHTS},
        ),
        (
            "cross_entropy_smoothed",
            "ignored",
            "cross_entropy",
            {"label_smoothing": 0.1},
        ),
        (
            "cross_entropy_weighted_smoothed",
            "ignored",
            "cross_entropy",
            {"class_weights": WEIGHTS, "label_smoothing": 0.1},
        ),
        (
            "cross_entropy_pixel_weight",
            "ignored",
            "cross_entropy",
            {"pixel_weight": GOLDEN["pixel_weight"]},
        ),
        ("focal", "label", "focal", {}),
        ("ohem_top_quarter", "ignored", "ohem", {"threshold": 0, "fraction": 0.25}),
        ("ohem_threshold", "ignored", "ohem", {"threshold": 0.3, "fraction": 0.1}),
        ("soft_dice", "label", "soft_dice", {}),
        ("soft_dice_batch", "label", "soft_dice", {"per_image": False}),
        ("soft_dice_foreground", "label", "soft_dice", {"background": False}),
        ("soft_dice_absent", "without", "soft_dice", {}),
        ("soft_dice_plain", "label", "soft_dice", {"squared": False}),
        ("generalised_dice", "label", "generalised_dice", {}),
        ("generalised_dice_absent", "without", "generalised_dice", {}),
        ("generalised_dice_batch", "label", "generalised_dice", {"per_image": False}),
        (
            "generalised_dice_foreground",
            "label",
            "generalised_dice",
            {"background": False},
        ),
        ("jaccard", "label", "jaccard", {}),
        ("tversky", "label", "tversky", {}),
        ("focal_tversky", "label", "focal_tversky", {}),
        (
            "smp_dice",
            "ignored",
            "soft_dice",
            {"squared": False, "per_image": False},
        ),
        ("smp_jaccard", "ignored", "jaccard", {"per_image": False}),
        ("smp_tversky", "ignored", "tversky", {"per_image": False}),
        ("smp_lovasz", "ignored", "lovasz_softmax", {}),
        ("smp_lovasz_per_image", "ignored", "lovasz_softmax", {"per_image": True}),
        ("lovasz", "ignored", "lovasz_softmax", {}),
        ("lovasz_absent", "without", "lovasz_softmax", {"per_image": True}),
        ("boundary", "label", "boundary", {}),
        ("boundary", "label", "boundary", {"distance": GOLDEN["signed_distance"]}),
    ],
)
def test_equals_other_implementations(golden, labels, name, options):
    value = losses.LOSSES[name](target(GOLDEN[labels]), GOLDEN["logits"], **options)
    np.testing.assert_allclose(float(value), GOLDEN[golden], rtol=1e-5)


def test_signed_distance_equals_scipy():
    distance = losses.signed_distance(target(GOLDEN["label"]))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(distance), GOLDEN["signed_distance"], atol=1e-5
    )


PREDICTION = np.array(
    [
        [0.01, 0.03, 0.02, 0.02],
        [0.05, 0.12, 0.09, 0.07],
        [0.89, 0.85, 0.88, 0.91],
        [0.99, 0.97, 0.95, 0.97],
    ]
)
"""The worked example of Jeremy Jordan's "An overview of semantic image segmentation",
target: the lower two rows. By hand: sum pg = 7.41, sum p = 7.82, sum p^2 = 6.9132;
for the background 7.59, 8.18 and 7.2732."""


@pytest.mark.parametrize(
    "squared, loss",
    [
        (True, 1 - (2 * 7.41 / (6.9132 + 8) + 2 * 7.59 / (7.2732 + 8)) / 2),
        (False, 1 - (2 * 7.41 / (7.82 + 8) + 2 * 7.59 / (8.18 + 8)) / 2),
    ],
)
def test_worked_example(squared, loss):
    assert loss == pytest.approx(0.006176 if squared else 0.062508, abs=1e-6)
    p = np.stack([1 - PREDICTION, PREDICTION], -1)[None]
    truth = np.zeros((1, 4, 4, 2))
    truth[:, :2, :, 0] = truth[:, 2:, :, 1] = 1
    value = losses.soft_dice(truth, p, squared=squared, from_logits=False)
    assert float(value) == pytest.approx(loss, abs=1e-6)
    assert float(losses.soft_dice(truth, np.log(p), squared=squared)) == pytest.approx(
        loss, abs=1e-6
    )


def test_absent_class_in_soft_dice():
    """16 pixels, class 1 absent: not predicted costs 0, predicted at 0.1 almost 1."""
    truth = np.zeros((1, 4, 4, 2))
    truth[..., 0] = 1
    p = np.stack([np.ones((1, 4, 4)), np.zeros((1, 4, 4))], -1)
    assert float(losses.soft_dice(truth, p, from_logits=False)) == 0
    p = np.stack([np.full((1, 4, 4), 0.9), np.full((1, 4, 4), 0.1)], -1)
    present = 1 - 2 * 14.4 / (12.96 + 16)
    absent = 1 - 1e-6 / (0.16 + 1e-6)
    value = losses.soft_dice(truth, p, from_logits=False)
    assert float(value) == pytest.approx((present + absent) / 2, abs=1e-6)
    value = losses.soft_dice(truth, p, from_logits=False, present_only=True)
    assert float(value) == pytest.approx(present, abs=1e-6)


def test_boundary_by_hand():
    """A row 0 0 1 1 seen as 0 1 1 1, surely: one wrong pixel at distance 1."""
    truth = target(np.array([[[0, 0, 1, 1]]]))
    logits = 100 * target(np.array([[[0, 1, 1, 1]]]))
    # phi of class 0: -1 0 1 2, of class 1: 2 1 0 -1; over 4 pixels:
    # pixel 1 loses phi_0 = 0 and gains phi_1 = 1.
    assert float(losses.boundary(truth, logits)) == pytest.approx(1 / 4)


def test_ignored_pixels_make_no_border():
    label = np.array([[[0, 0, 255, 1, 1]]])
    distance = keras.ops.convert_to_numpy(losses.signed_distance(target(label)))
    # Pixel 1 is 2 from the nearest pixel of class 1 and so 1 - 2; pixel 3 is 2 away.
    assert distance[0, 0, :, 0].tolist() == [-2, -1, 0, 2, 3]
    assert distance[0, 0, :, 2].tolist() == [0, 0, 0, 0, 0]
