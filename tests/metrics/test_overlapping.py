"""Scores of classes that overlap: by hand, by MONAI, smp and torchmetrics."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasseg import UserError, metrics
from kerasseg.metrics import overlapping
from kerasseg.metrics.overlap_scores import OverlapScores
from kerasseg.metrics.split_scores import SplitScores

pytestmark = pytest.mark.agnostic
quick = settings(deadline=None, max_examples=12)
C = 3
labels = hnp.arrays(np.uint8, (2, 5, 6, C), elements=st.sampled_from([0, 1, 255]))
answers = hnp.arrays(np.uint8, (2, 5, 6, C), elements=st.integers(0, 1))


@pytest.fixture(scope="module")
def golden():
    """golden/make_overlapping_metrics.py names the versions."""
    file = Path(__file__).parents[1] / "golden" / "overlapping_metrics.npz"
    return dict(np.load(file))


def each_image(label, planes):
    return np.stack(
        [overlapping.counts(*one) for one in zip(label, planes, strict=True)]
    )


def test_counts_and_scores_by_hand():
    # Class 0: 2 hits, 1 wrong, 1 missed, 0 not there. Class 1: nothing, nowhere.
    label = np.array([[1, 0], [1, 0], [0, 0], [1, 0], [255, 0]])
    planes = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [1, 0]])
    counts = overlapping.counts(label, planes)
    assert counts.tolist() == [[2, 1, 1, 0], [0, 0, 0, 5]]
    found = overlapping.scores(counts)
    np.testing.assert_allclose(found["iou"], [2 / 4, np.nan])
    np.testing.assert_allclose(found["dice"], [4 / 6, np.nan])
    np.testing.assert_allclose(found["precision"], [2 / 3, np.nan])
    np.testing.assert_allclose(found["recall"], [2 / 3, np.nan])
    assert found["miou"] == found["micro_iou"] == 0.5
    assert found["pixel_accuracy"] == 7 / 9
    zero = overlapping.scores(counts, absent="zero")
    assert (zero["miou"], zero["mean_dice"]) == (0.25, pytest.approx(1 / 3))


def test_smp_agrees(golden):
    """segmentation_models_pytorch 0.6.0, get_stats(mode="multilabel")."""
    each = each_image(golden["label"], golden["planes"])
    np.testing.assert_array_equal(each, golden["smp_stats"])
    found = overlapping.scores(each, empty="one")
    for name, theirs in {
        "miou": "iou_score_macro",
        "mean_dice": "f1_score_macro",
        "micro_iou": "iou_score_micro",
        "micro_dice": "f1_score_micro",
        "image_miou": "iou_score_macro-imagewise",
        "image_mean_dice": "f1_score_macro-imagewise",
        "class_accuracy": "recall_macro",
        "pixel_accuracy": "accuracy_micro",
    }.items():
        assert found[name] == pytest.approx(golden[f"smp_{theirs}"], abs=1e-6), name
    mean = found["precision"].mean()
    assert mean == pytest.approx(golden["smp_precision_macro"], abs=1e-6)


def test_monai_agrees(golden):
    """MONAI 1.6.1: DiceMetric and MeanIoU, with both of their ways for empty images."""
    each = each_image(golden["label"], golden["planes"])
    for empty in ("true", "one"):
        found = overlapping.scores(each, empty=empty)
        for name, mean in (("iou", "image_miou"), ("dice", "image_mean_dice")):
            theirs = f"monai_{name}_{empty}_mean"
            np.testing.assert_allclose(found[mean], golden[theirs][0], rtol=1e-6)
            classes = golden[f"{theirs}_batch"]
            np.testing.assert_allclose(found[f"image_{name}"], classes, rtol=1e-6)


def test_torchmetrics_agrees_where_answers_are_ignored(golden):
    """torchmetrics 1.9.0: MultilabelJaccardIndex and others, ignore_index=255."""
    counts = overlapping.counts(golden["ignored"], golden["planes"])
    found = overlapping.scores(counts)
    for name, theirs, mean in (
        ("iou", "JaccardIndex", "miou"),
        ("dice", "F1Score", "mean_dice"),
        ("recall", "Recall", "class_accuracy"),
        ("precision", "Precision", ""),
    ):
        each = golden[f"torchmetrics_{theirs}_none"]
        np.testing.assert_allclose(found[name], each, rtol=1e-6)
        if mean:
            macro = golden[f"torchmetrics_{theirs}_macro"]
            np.testing.assert_allclose(found[mean], macro, rtol=1e-6)
    for name, theirs in (("micro_iou", "JaccardIndex"), ("micro_dice", "F1Score")):
        micro = golden[f"torchmetrics_{theirs}_micro"]
        np.testing.assert_allclose(found[name], micro, rtol=1e-6)
    accuracy = golden["torchmetrics_Accuracy_micro"]
    np.testing.assert_allclose(found["pixel_accuracy"], accuracy, rtol=1e-6)


@quick
@given(labels, answers)
def test_the_metric_counts_what_the_function_counts(label, planes):
    expected = overlapping.counts(label, planes)
    logits = 4.0 * planes.astype("float32") - 2
    for second in (planes, logits):
        metric = metrics.OverlapCounts(C)
        metric.update_state(label[:1], second[:1])
        metric.update_state(label[1:], second[1:])
        np.testing.assert_array_equal(metric.counts(), expected)
    hit, true, found = metric.margins()
    assert (true - hit == expected[:, 2]).all() and (
        found - hit == expected[:, 1]
    ).all()
    scores = overlapping.scores(expected)
    for name, value in metric.result().items():
        assert float(value) == pytest.approx(np.nan_to_num(scores[name]), abs=1e-6)


@quick
@given(labels, answers, answers)
def test_an_ignored_answer_changes_nothing_of_its_class_or_of_others(
    label, planes, other
):
    changed = np.where(label == 255, other, planes)
    one, two = (scored(label, p) for p in (planes, changed))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)
    rest = label.copy()
    rest[..., 0] = 255
    alone, whole = (overlapping.counts(x, planes) for x in (rest, label))
    np.testing.assert_array_equal(alone[1:], whole[1:])
    assert not alone[0].any()


def scored(label, planes, trimap=1.0):
    counts = OverlapScores(C, trimap)
    for one, found in zip(label, planes, strict=True):
        counts.add(one, found, 0.2 + 0.6 * found)
    return counts.scores()


@pytest.mark.parametrize("shape", [(4, C), (2, 3, 4, 5, C), (2, 4, 5, 1)])
def test_any_rank(shape, rng):
    label, planes = rng.choice([0, 1, 255], shape), rng.integers(0, 2, shape)
    metric = metrics.OverlapCounts(shape[-1])
    expected = overlapping.counts(label, planes)
    for answer in (planes > 0, planes.astype("float16") - 0.5):
        metric.reset_state()
        metric.update_state(label, answer)
        np.testing.assert_array_equal(metric.counts(), expected)


def test_weights_of_images_and_of_pixels(rng):
    label, planes = rng.integers(0, 2, (2, 3, 4, 5, C))
    metric = metrics.OverlapCounts(C)
    metric.update_state(label, planes, sample_weight=np.array([1.0, 0.0, 0.5]))
    expected = overlapping.counts(label[[0, 2]], planes[[0, 2]])
    np.testing.assert_array_equal(metric.counts(), expected)
    metric.reset_state()
    weight = rng.integers(0, 2, (3, 4, 5))
    metric.update_state(label, planes, sample_weight=weight)
    label = np.where(weight[..., None] == 0, 255, label)
    np.testing.assert_array_equal(metric.counts(), overlapping.counts(label, planes))


def test_config_round_trip():
    metric = metrics.OverlapCounts(7, name="pixels")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (again.num_classes, again.name) == (7, "pixels")


def test_one_class_scores_as_the_foreground_of_two(rng):
    """A sigmoid of z and a softmax of (0, z) are one network, so they have one score:
    IoU, precision, recall, contour and calibration of the foreground."""
    one, two = OverlapScores(1, trimap_width=2), SplitScores(2, trimap_width=2)
    for _ in range(3):
        label = np.repeat(np.repeat(rng.integers(0, 2, (5, 6)), 6, 0), 6, 1)
        label = label.astype(np.uint8)
        label[3:9, 4:11] = 255
        z = 2.0 * (label == 1) - 1 + rng.normal(0, 0.8, label.shape)
        p = 1 / (1 + np.exp(-z))
        two.add(label, (p > 0.5).astype(np.uint8), np.stack([1 - p, p], -1), label == 1)
        one.add(label[..., None], (p > 0.5)[..., None], p[..., None], label == 1)
    one, two = one.scores(), two.scores()
    for name in ("iou", "dice", "precision", "recall", "trimap_iou"):
        assert one[name][0] == pytest.approx(two[name][1]), name
    for name in ("pixel_accuracy", "calibration_error", "object_f1"):
        assert one[name] == pytest.approx(two[name]), name
    assert one["miou_interval"][0] < one["miou"] < one["miou_interval"][1]


def test_the_contour_of_a_class_under_another(rng):
    """Of each plane as of two exclusive classes, whatever the other classes do."""
    label, planes = rng.integers(0, 2, (2, 30, 40, 2)).astype(np.uint8)
    label[:8, :9, 1] = 255
    found = metrics.plane_boundary_f1(label, planes, tolerance=0.04)
    for c in range(2):
        expected = metrics.boundary_f1(label[..., c], planes[..., c], 2, tolerance=0.04)
        assert found[c] == expected[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: overlapping.counts(np.ones((2, 3)), np.ones((2, 4))), "one shape"),
        (lambda: overlapping.counts(1, 1), "one shape"),
        (lambda: overlapping.scores(np.ones((3, 3))), r"\(C, 4\)"),
        (lambda: overlapping.scores(np.ones((3, 4)), absent="skip"), "absent"),
        (lambda: overlapping.scores(np.ones((3, 4)), empty="skip"), "empty"),
        (lambda: metrics.plane_boundary_f1([[1]], [[1]]), "H, W, C"),
        (lambda: metrics.OverlapCounts(0), "at least 1"),
        (
            lambda: metrics.OverlapCounts(2).update_state(
                np.ones((1, 4, 5)), np.ones((1, 4, 5, 2))
            ),
            r"\(\.\.\., 2\), got \(1, 4, 5\) and \(1, 4, 5, 2\)",
        ),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(UserError, match=message):
        call()
