"""Ids, one-hot targets and scores in every pair; what can be two things is refused."""

import itertools

import numpy as np
import pytest

from kerasseg import UserError, metrics

pytestmark = pytest.mark.agnostic
C = 3


@pytest.fixture(scope="module")
def picture():
    """Ids with ignored pixels, their one-hot target, logits, and the true counts."""
    rng = np.random.default_rng(0)
    label, logits = rng.integers(0, C, (2, 4, 5)), rng.normal(size=(2, 4, 5, C))
    hot = np.eye(C, dtype=np.float32)[label]
    hot[0, 0, :2], label[0, 0, :2] = 0, 255
    seen = logits.argmax(-1)
    matrix = np.zeros((C, C), int)
    np.add.at(matrix, (label[label < C], seen[label < C]), 1)
    return label, hot, logits.astype(np.float32), matrix


def test_every_reading_counts_the_same(picture):
    label, hot, logits, matrix = picture
    labels = label, label.astype(np.float32), hot, hot * 0.7  # a weighted target
    with_axis = label[..., None]
    pairs = [*itertools.product(labels, (logits, logits.argmax(-1)))]
    pairs += [(with_axis, logits), (hot.astype(int), logits.argmax(-1))]
    for true, answers in pairs:
        metric = metrics.ConfusionMatrix(C)
        metric.update_state(true, answers)
        np.testing.assert_array_equal(metric.matrix(), matrix)
        np.testing.assert_array_equal(metrics.count(true, answers, C), matrix)


def test_a_perfect_one_hot_prediction_is_perfect(picture):
    _, hot, _, _ = picture
    metric = metrics.ConfusionMatrix(C)
    metric.update_state(hot, 9 * hot - 4)
    assert float(metric.result()["miou"]) == 1


def test_one_channel_is_a_sigmoid(picture):
    label, _, logits, _ = picture
    label, one = (label == 1).astype(np.uint8), logits[..., :1]
    seen = (one[..., 0] > 0).astype(int)
    expected = metrics.count(label.ravel(), seen.ravel(), 2)
    probability = 1 / (1 + np.exp(-one))
    for true in (label, label[..., None], np.eye(2, dtype=np.float32)[label]):
        for answers, threshold in ((one, 0.0), (probability, 0.5)):
            metric = metrics.ConfusionMatrix(2, threshold=threshold)
            metric.update_state(true, answers)
            np.testing.assert_array_equal(metric.matrix(), expected)
    planes = metrics.OverlapCounts(1, threshold=0.5)
    planes.update_state(label[..., None], probability)
    assert planes.counts()[0].tolist() == expected[[1, 0, 1, 0], [1, 1, 0, 0]].tolist()
    again = metrics.OverlapCounts.from_config(planes.get_config())
    assert again.threshold == 0.5


@pytest.mark.parametrize("answers", ["ids", "scores"])
def test_what_can_be_read_in_two_ways_is_refused(picture, answers):
    """A picture of three columns and three classes."""
    label, _, logits, _ = picture
    narrow = label[..., :C]
    seen = narrow if answers == "ids" else logits[..., 0][..., :C]
    with pytest.raises(UserError, match=r"two ways, .*one-hot.*classes.*Give") as told:
        metrics.ConfusionMatrix(C).update_state(narrow, seen)
    assert "ids of 3 columns" in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(UserError, match="two ways"):
        metrics.count(narrow, seen, C)
    whole = metrics.count(narrow.ravel(), narrow.ravel(), C)
    assert whole.trace() == whole.sum() == (narrow < C).sum()


def test_what_fits_nothing_is_refused(picture):
    label, hot, logits, _ = picture
    wrong = [
        (label, logits[..., 0]),  # ids are whole numbers
        (hot[..., :2], logits[..., :2]),  # other classes than said
        (label[:1], logits[:, :1]),
        (label, logits[..., :1]),  # one channel of three classes
        (np.int64(1), np.array([1])),
    ]
    for true, answers in wrong:
        with pytest.raises(UserError, match="got a label"):
            metrics.ConfusionMatrix(C).update_state(true, answers)
    with pytest.raises(UserError, match=r"ConfusionMatrix\(2\), or OverlapCounts\(1\)"):
        metrics.ConfusionMatrix(1).update_state(label, logits[..., :1])
