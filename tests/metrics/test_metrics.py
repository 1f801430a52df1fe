"""The confusion matrix and its scores: by hand, by loops, by Cityscapes' own script."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerasseg import metrics

pytestmark = pytest.mark.agnostic
quick = settings(deadline=None, max_examples=25)
C = 4


def ids(high=C):
    return hnp.arrays(np.uint8, (2, 5, 6), elements=st.integers(0, high - 1))


def labels():
    return hnp.arrays(
        np.uint8, (2, 5, 6), elements=st.one_of(st.integers(0, C - 1), st.just(255))
    )


def logits_of(predicted, num_classes=C):
    return np.eye(num_classes, dtype=np.float32)[predicted] * 3 - 1


def loop_count(label, predicted, num_classes):
    matrix = np.zeros((num_classes, num_classes), np.int64)
    for t, p in zip(label.ravel(), predicted.ravel(), strict=True):
        if t < num_classes:
            matrix[t, p] += 1
    return matrix


def assert_scores_equal(one, other):
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12, err_msg=name)


def test_scores_by_hand():
    # 10 pixels: class 0 six (4 hit), class 1 four (3 hit), class 2 never seen.
    scores = metrics.scores(np.array([[4, 2, 0], [1, 3, 0], [0, 0, 0]]))
    np.testing.assert_allclose(scores["iou"], [4 / 7, 3 / 6, np.nan])
    np.testing.assert_allclose(scores["dice"], [8 / 11, 6 / 9, np.nan])
    np.testing.assert_allclose(scores["recall"], [4 / 6, 3 / 4, np.nan])
    np.testing.assert_allclose(scores["precision"], [4 / 5, 3 / 5, np.nan])
    assert scores["miou"] == pytest.approx((4 / 7 + 1 / 2) / 2)
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert scores["pixel_accuracy"] == pytest.approx(0.7)
    assert scores["fw_iou"] == pytest.approx(0.6 * 4 / 7 + 0.4 / 2)
    assert scores["iou"].dtype == np.float64


def test_absent_class_counts_as_zero_where_bdd_and_segnet_do():
    matrix = np.array([[4, 2, 0], [1, 3, 0], [0, 0, 0]])
    scores = metrics.scores(matrix, absent="zero")
    assert scores["miou"] == pytest.approx((4 / 7 + 1 / 2) / 3)
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 3)
    assert np.isnan(scores["iou"][2])


def test_nothing_counted_is_nan_not_a_number_to_believe():
    scores = metrics.scores(np.zeros((3, 3), np.int64))
    assert np.isnan(scores["miou"]) and np.isnan(scores["pixel_accuracy"])


def test_official_cityscapes_script_agrees():
    """cityscapesscripts 2.3.0, see golden/make_cityscapes.py: predictions of an id
    that is not evaluated are misses of the true class only."""
    golden = np.load(Path(__file__).parents[1] / "golden" / "cityscapes.npz")
    train_id = np.full(34, 255)
    train_id[golden["evaluated"]] = np.arange(19)
    label, predicted = train_id[golden["label"]], train_id[golden["predicted"]]
    matrix = metrics.count(label, predicted, 19, rejected=True)
    assert matrix.shape == (19, 20) and matrix[:, 19].any()
    scores = metrics.scores(matrix)
    np.testing.assert_allclose(scores["iou"], golden["iou"], rtol=1e-12)
    assert scores["miou"] == pytest.approx(float(golden["miou"]), rel=1e-12)

    metric = metrics.ConfusionMatrix(19)
    metric.update_state(label, predicted)
    np.testing.assert_array_equal(metric.matrix(rejected=True), matrix)


@quick
@given(labels(), ids())
def test_counts_equal_a_loop(label, predicted):
    expected = loop_count(label, predicted, C)
    np.testing.assert_array_equal(metrics.count(label, predicted, C), expected)
    for second in (predicted, logits_of(predicted)):
        metric = metrics.ConfusionMatrix(C)
        metric.update_state(label, second)
        np.testing.assert_array_equal(metric.matrix(), expected)
    scores = metrics.scores(expected)
    for name, value in metric.result().items():
        assert float(value) == pytest.approx(np.nan_to_num(scores[name]), abs=1e-6)


@quick
@given(labels(), ids())
def test_parts_add_up_to_the_whole(label, predicted):
    metric = metrics.ConfusionMatrix(C)
    for i in range(2):
        metric.update_state(label[i : i + 1], logits_of(predicted[i : i + 1]))
    whole = metrics.count(label, predicted, C)
    np.testing.assert_array_equal(metric.matrix(), whole)
    metric.reset_state()
    assert metric.matrix().sum() == 0


@quick
@given(labels(), ids(), ids())
def test_ignored_pixels_do_not_matter(label, predicted, other):
    changed = np.where(label == 255, other, predicted)
    np.testing.assert_array_equal(
        metrics.count(label, predicted, C), metrics.count(label, changed, C)
    )


@quick
@given(ids())
def test_perfect_prediction_scores_one(label):
    scores = metrics.scores(metrics.count(label, label, C))
    for name, value in scores.items():
        np.testing.assert_allclose(np.asarray(value)[~np.isnan(value)], 1, err_msg=name)


@quick
@given(labels(), ids(), st.permutations(range(C)))
def test_permuted_classes_permute_the_scores(label, predicted, order):
    order = np.array(order)
    table = np.full(256, 255)
    table[order] = np.arange(C)
    scores = metrics.scores(metrics.count(label, predicted, C))
    moved = metrics.scores(metrics.count(table[label], table[predicted], C))
    expected = {k: v[order] if np.ndim(v) else v for k, v in scores.items()}
    assert_scores_equal(moved, expected)


@quick
@given(labels(), ids())
def test_dice_follows_from_iou(label, predicted):
    scores = metrics.scores(metrics.count(label, predicted, C))
    iou = scores["iou"]
    np.testing.assert_allclose(scores["dice"], 2 * iou / (1 + iou))


def test_weight_zero_ignores_and_broadcasts(rng):
    label = rng.integers(0, C, (3, 4, 5))
    predicted = rng.integers(0, C, (3, 4, 5))
    metric = metrics.ConfusionMatrix(C)
    metric.update_state(label, predicted, sample_weight=np.array([1.0, 0.0, 0.5]))
    expected = metrics.count(label[[0, 2]], predicted[[0, 2]], C)
    np.testing.assert_array_equal(metric.matrix(), expected)


def test_counts_beyond_32_bits_are_exact():
    metric = metrics.ConfusionMatrix(1)
    zeros = np.zeros((1, 50, 20), np.int32)
    metric.update_state(zeros, zeros)
    words = keras.ops.convert_to_numpy(metric.words)
    assert words.ravel().tolist() == [0, 0, 1000, 0]
    metric.words.assign(np.array([[[2**20, 0]], [[2**20 - 1, 0]]]))
    metric.update_state(zeros, zeros)
    assert metric.matrix().item() == 2**40 + 2**20 - 1 + 1000
    assert metric.matrix().dtype == np.int64


def test_inside_fit_and_evaluate(rng):
    image = rng.normal(size=(4, 6, 7, 3)).astype("float32")
    label = rng.integers(0, C + 1, (4, 6, 7)).astype("int32")
    label[label == C] = 255
    inputs = keras.Input((6, 7, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(C, 1)(inputs))
    network.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=255
        ),
        metrics=[metrics.ConfusionMatrix(C)],
    )
    history = network.fit(image, label, batch_size=2, verbose=0).history
    assert {"miou", "pixel_accuracy"} <= set(history)
    result = network.evaluate(image, label, batch_size=3, return_dict=True, verbose=0)
    predicted = network.predict(image, verbose=0).argmax(-1)
    scores = metrics.scores(metrics.count(label, predicted, C))
    assert result["miou"] == pytest.approx(scores["miou"], abs=1e-6)
    assert result["pixel_accuracy"] == pytest.approx(scores["pixel_accuracy"], abs=1e-6)


def test_config_round_trip():
    metric = metrics.ConfusionMatrix(7, name="pixels")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (again.num_classes, again.name) == (7, "pixels")


def test_bootstrap_interval(rng):
    # Independent images with known spread: accuracy of 50 images of 100 pixels.
    hits = rng.binomial(100, 0.8, 50)
    matrices = np.stack([np.array([[h, 100 - h], [0, 0]]) for h in hits])
    low, high = metrics.bootstrap(matrices, "pixel_accuracy", rounds=2000)
    half = 1.96 * hits.std() / 100 / np.sqrt(50)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert low < hits.mean() / 100 < high
    lows, highs = metrics.bootstrap(matrices, "iou")
    assert lows.shape == highs.shape == (2,)


def test_bootstrap_of_equal_images_is_a_point():
    low, high = metrics.bootstrap(np.stack([[[3, 1], [2, 4]]] * 5))
    assert low == high == pytest.approx(metrics.scores([[3, 1], [2, 4]])["miou"])


def test_object_counts_by_hand():
    true = np.zeros((4, 12), int)
    true[:, 0:2], true[:, 4:6], true[:, 8:9] = 7, 3, 9
    seen = np.zeros_like(true)
    seen[:, 0:3] = 1  # IoU 2/3: found
    seen[:, 5:7] = 2  # IoU 1/3: spurious, and object 3 is missed
    seen[:, 8:10] = 5  # IoU exactly 1/2: not above the threshold
    counts = metrics.object_counts(true, seen)
    assert counts.tolist() == [1, 2, 2]
    assert metrics.object_f1(counts) == pytest.approx(2 / 6)
    assert metrics.object_f1(counts + metrics.object_counts(true, true)) == 8 / 12
    assert metrics.object_counts(true, 0 * true).tolist() == [0, 0, 3]
    assert np.isnan(metrics.object_f1([0, 0, 0]))


def test_calibration_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.35, 0.65], [0.5, 0.5]])
    label = np.array([0, 1, 1, 255])
    bins = metrics.calibration_bins(label, probabilities, bins=5)
    np.testing.assert_allclose(bins[3], [2, 1.45, 1])  # (0.6, 0.8]
    np.testing.assert_allclose(bins[4], [1, 0.9, 1])
    expected = (abs(1 - 1.45) + abs(1 - 0.9)) / 3
    assert metrics.calibration_error(bins) == pytest.approx(expected)
    parts = [
        metrics.calibration_bins(label[i : i + 2], probabilities[i : i + 2], bins=5)
        for i in (0, 2)
    ]
    np.testing.assert_allclose(sum(parts), bins)


def test_certain_and_right_is_perfectly_calibrated(rng):
    label = rng.integers(0, C, (5, 6))
    bins = metrics.calibration_bins(label, np.eye(C)[label])
    assert metrics.calibration_error(bins) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.ConfusionMatrix(0), "at least 1"),
        (lambda: metrics.scores(np.ones((2, 4))), "shape"),
        (lambda: metrics.scores(np.eye(2), absent="skip"), "absent"),
        (lambda: metrics.count(np.zeros(3), np.zeros(4), 2), "one shape"),
        (lambda: metrics.count(np.zeros(3), np.full(3, 255), 2), "rejected=True"),
        (lambda: metrics.bootstrap(np.eye(2)), "N, C, C"),
        (lambda: metrics.object_counts(np.ones(2), np.ones(2), 1.3), "threshold"),
        (lambda: metrics.object_counts(np.ones(2), np.ones(3)), "one shape"),
        (lambda: metrics.calibration_bins([0], [[3.0, 1.0]]), "softmax"),
        (lambda: metrics.calibration_bins([0], [1.0]), "probabilities"),
        (
            lambda: metrics.ConfusionMatrix(3).update_state(
                np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 2), "float32")
            ),
            "last axis 3",
        ),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_ids_that_are_no_class_are_not_lost_silently():
    metric = metrics.ConfusionMatrix(2)
    metric.update_state(np.array([[0, 1]]), np.array([[0, 255]]))
    assert metric.matrix(rejected=True).tolist() == [[1, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="rejected=True"):
        metric.matrix()
