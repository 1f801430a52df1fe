"""Options of the losses on regions, against other people's code and by hand.

The numbers are those of golden/make_losses_overlapping.py: MONAI 1.6.1 and
segmentation-models-pytorch 0.6.0.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasseg import losses

pytestmark = pytest.mark.agnostic
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "losses_overlapping.npz")
REGIONS = ["soft_dice", "generalised_dice", "jaccard", "tversky", "focal_tversky"]
PLAIN = {"squared": False, "exclusive": False}
SMP = {**PLAIN, "per_image": False}
SOFT = {"soft_labels": True, "exclusive": False}
WEIGHTS = {"class_weights": GOLDEN["weights"].tolist()}


@pytest.mark.parametrize(
    "golden, labels, name, options",
    [
        ("soft_labels_dice", "soft", "soft_dice", {**PLAIN, "soft_labels": True}),
        ("soft_labels_generalised", "soft", "generalised_dice", SOFT),
        ("soft_labels_tversky", "soft", "tversky", SOFT),
        ("smp_soft_dice", "soft", "soft_dice", {**SMP, "soft_labels": True}),
        ("smp_soft_jaccard", "soft", "jaccard", {**SOFT, "per_image": False}),
        ("smp_log_dice", "label", "soft_dice", {**SMP, "log": True}),
        (
            "smp_log_tversky",
            "label",
            "tversky",
            {"log": True, "per_image": False, "exclusive": False},
        ),
        ("smp_weighted_dice", "label", "soft_dice", {**SMP, **WEIGHTS}),
        (
            "weighted_dice",
            "label",
            "soft_dice",
            {**PLAIN, **WEIGHTS, "reduction": "none"},
        ),
        (
            "weighted_softmax_dice",
            "hot",
            "soft_dice",
            {"squared": False, **WEIGHTS, "reduction": "none"},
        ),
        (
            "summed_tversky",
            "label",
            "tversky",
            {"reduction": "sum", "exclusive": False},
        ),
        (
            "generalised_dice_of_images",
            "label",
            "generalised_dice",
            {"reduction": "none", "exclusive": False},
        ),
    ],
)
def test_equals_other_implementations(golden, labels, name, options):
    value = losses.LOSSES[name](GOLDEN[labels], GOLDEN["logits"], **options)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(value), GOLDEN[golden], rtol=1e-5
    )


def test_absent_classes_of_smp():
    """smp's mean counts a class that is nowhere as one that costs 0."""
    options = {**SMP, "present_only": True, "reduction": "none"}
    value = losses.soft_dice(GOLDEN["nowhere"], GOLDEN["logits"], **options)
    value = keras.ops.convert_to_numpy(value)
    assert value.shape == (1, 4) and value[0, 3] == 0
    np.testing.assert_allclose(value.mean(), GOLDEN["smp_nowhere_dice"], rtol=1e-5)


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("exclusive", [True, False])
def test_target_as_prediction_costs_nothing(value_and_gradient, name, exclusive):
    """Of soft labels too, which sum pg alone would not give."""
    target = GOLDEN["soft"]
    if exclusive:
        target = target / target.sum(-1, keepdims=True)
    options = {"soft_labels": True, "from_logits": False, "exclusive": exclusive}
    if name == "soft_dice":
        options["squared"] = False
    loss, gradient = value_and_gradient(
        lambda p: losses.LOSSES[name](target, p, **options), target
    )
    assert loss == pytest.approx(0, abs=1e-6) and np.isfinite(gradient).all()
    other = np.roll(target, 1, axis=1)
    assert float(losses.LOSSES[name](target, other, **options)) > 0.1


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("exclusive", [True, False])
def test_options_agree_with_each_other(name, exclusive):
    """On hard labels: soft_labels and probabilities change nothing, reductions fit."""
    target, logits = GOLDEN["hot" if exclusive else "label"], GOLDEN["logits"]

    def value(x=logits, **options):
        loss = losses.LOSSES[name](target, x, **options, exclusive=exclusive)
        return keras.ops.convert_to_numpy(loss)

    same = {"rtol": 1e-5}
    activation = keras.ops.softmax if exclusive else keras.ops.sigmoid
    p = keras.ops.convert_to_numpy(activation(logits))
    np.testing.assert_allclose(value(p, from_logits=False), value(), **same)
    np.testing.assert_allclose(value(soft_labels=True), value(), **same)
    each = value(reduction="none")
    np.testing.assert_allclose(each.mean(), value(), **same)
    np.testing.assert_allclose(each.sum(), value(reduction="sum"), **same)
    if name == "generalised_dice":
        return  # has weights of its own
    weights = [1.0, 0.0, 2.0, 3.0]
    weighted = value(class_weights=weights)
    np.testing.assert_allclose(
        weighted, np.average(each.mean(0), weights=weights), **same
    )
    foreground = value(class_weights=weights, background=False)
    np.testing.assert_allclose(
        foreground, np.average(each.mean(0)[1:], weights=weights[1:]), **same
    )
    log = value(log=True, reduction="none")
    power = 3 / 4 if name == "focal_tversky" else 1
    by_hand = (-np.log(1 - each ** (1 / power))) ** power
    np.testing.assert_allclose(log, by_hand, rtol=1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"reduction": "average"}, "one of mean, sum, none, got 'average'"),
        ({"class_weights": [1, 2]}, "must be 4 numbers"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        losses.jaccard(GOLDEN["hot"], GOLDEN["logits"], **options)


def test_options_in_a_sum():
    weights = {"cross_entropy": 1, "soft_dice": 2}
    case = GOLDEN["hot"], GOLDEN["logits"]
    loss = losses.total(weights, options={"soft_dice": WEIGHTS})
    parts = losses.cross_entropy(*case), losses.soft_dice(*case, **WEIGHTS)
    assert float(loss(*case)) == pytest.approx(float(parts[0] + 2 * parts[1]), rel=1e-6)
    with pytest.raises(ValueError, match="no option reduction in a sum"):
        losses.total(weights, options={"soft_dice": {"reduction": "none"}})
