"""Scores of a split, and of each of its images: by others' code, and by hand."""

from pathlib import Path

import numpy as np
import pytest

from kerasseg import UserError, metrics
from kerasseg.metrics.object_scores import ObjectScores
from kerasseg.metrics.overlap_scores import OverlapScores
from kerasseg.metrics.split_scores import SplitScores

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def golden():
    """golden/make_split_scores.py names the versions: three images, three classes."""
    file = Path(__file__).parents[1] / "golden" / "split_scores.npz"
    return dict(np.load(file))


@pytest.fixture(scope="module")
def scored(golden):
    counts = SplitScores(3, tolerance=1.0)
    for label, seen, instance in zip(
        golden["label"], golden["seen"], golden["instance"], strict=True
    ):
        label, seen = label.astype(np.uint8), seen.astype(np.uint8)
        given = label, seen, np.eye(3)[seen], instance
        counts.add(*given, spacing=(0.5, 0.8))
    return counts


def test_scikit_learn_agrees(golden, scored):
    """scikit-learn 1.9.1: cohen_kappa_score, jaccard_score and f1_score."""
    assert scored.scores()["kappa"] == pytest.approx(golden["kappa"])
    columns = scored.columns()
    for name in ("iou", "dice"):
        np.testing.assert_allclose(columns[name], golden[f"image_{name}"])
    np.testing.assert_allclose(columns["miou"], golden["image_iou"].mean(1))


def test_torchmetrics_and_stardist_agree(golden, scored):
    """torchmetrics 1.9.0: panoptic quality; StarDist 0.9.2: accuracy of objects."""
    found = scored.scores()
    np.testing.assert_allclose(found["class_pq"][1:], golden["pq"], rtol=1e-6)
    assert np.isnan(found["class_pq"][0])
    assert found["pq"] == pytest.approx(golden["pq"].mean())
    each = golden["precision"]
    assert found["average_precision"] == pytest.approx(each.mean(0).mean())
    columns = scored.columns()
    np.testing.assert_allclose(columns["average_precision"], each.mean(1))
    total = [columns[f"objects_{n}"].sum() for n in ("found", "spurious", "missed")]
    assert found["object_f1"] == metrics.object_f1(total)


def test_monai_agrees(golden, scored):
    """MONAI 1.6.1: average surface distance, HD95 and surface Dice, pixels of 0.5 by
    0.8 mm."""
    columns, found = scored.columns(), scored.scores()
    for i, name in enumerate(("assd", "hausdorff", "surface_dice")):
        expected = golden["surfaces"][:, i]  # (images, classes)
        np.testing.assert_allclose(columns[name], expected, rtol=1e-5)
        np.testing.assert_allclose(found[name], expected.mean(0), rtol=1e-5)
        assert found[f"mean_{name}"] == pytest.approx(expected.mean(), rel=1e-5)


def test_a_class_that_was_missed_has_no_distance():
    """It is counted instead, and no mean of distances becomes infinite."""
    label, seen = np.zeros((2, 6, 6), np.uint8)
    label[:3] = 1
    for scores, shape in (
        (SplitScores(2, tolerance=1), 2),
        (OverlapScores(1, 0, 1), 1),
    ):
        for ids in (label, seen):
            if shape == 2:
                scores.add(label, ids, np.eye(2)[ids])
            else:
                scores.add(label[..., None], ids[..., None], ids[..., None] * 1.0)
        found, columns = scores.scores(), scores.columns()
        assert found["surface_missing"][-1] == 1
        assert found["assd"][-1] == 0 and found["surface_dice"][-1] == 0.5
        assert np.isinf(columns["assd"][1, -1]) and columns["assd"][0, -1] == 0


def test_pieces_of_a_class_without_objects_are_not_spurious():
    """The road has no objects in the records; the car is found."""
    label = np.array([[1, 1, 1, 2, 2, 0]], np.uint8)
    objects = ObjectScores(3)
    objects.add(label, label, np.array([[0, 0, 0, 7, 7, 0]]))
    assert objects.scores()["object_f1"] == objects.scores()["pq"] == 1
    assert objects.columns()["objects_spurious"].tolist() == [0]
    none = ObjectScores(3)
    none.add(label, label, np.zeros_like(label))
    assert np.isnan(none.scores()["pq"]) and np.isnan(none.columns()["aji"])


def test_one_class_that_overlaps_nothing():
    """Its kappa, objects and surfaces are those of the same task as two classes."""
    rng = np.random.default_rng(3)
    label, seen = (rng.random((2, 9, 9)) < 0.4).astype(np.uint8)
    label[0, 0] = 255
    one, two = OverlapScores(1, tolerance=1.0), SplitScores(2, tolerance=1.0)
    instance = np.arange(81).reshape(9, 9)
    planes = seen[..., None]
    one.add(label[..., None], planes, planes * 1.0, instance)
    two.add(label, seen, np.eye(2)[seen], instance)
    one, two = one.scores(), two.scores()
    names = ("kappa", "object_f1", "average_precision", "aji", "pq")
    assert [one[n] for n in names] == pytest.approx([two[n] for n in names])
    for name in ("iou", "assd", "hausdorff", "surface_dice", "class_pq"):
        assert one[name] == pytest.approx(two[name][1:])


def test_groups_are_drawn_together():
    """Ten frames of each of three videos that are all alike: as three images."""
    rng = np.random.default_rng(0)
    videos = rng.integers(1, 50, (3, 2, 2))
    frames, names = np.repeat(videos, 10, axis=0), np.repeat(["a", "b", "c"], 10)
    grouped = metrics.bootstrap(frames, groups=names)
    np.testing.assert_allclose(grouped, metrics.bootstrap(10 * videos))
    alone = metrics.bootstrap(frames)
    assert grouped[1] - grouped[0] > 1.5 * (alone[1] - alone[0])
    with pytest.raises(UserError, match="a group for each of the 30 images, got 2"):
        metrics.bootstrap(frames, groups=["a", "b"])


@pytest.mark.parametrize(
    ("groups", "number"), [("aabb", 2), ("aaaa", 0), (("a", "a", "b", ""), 0)]
)
def test_the_interval_says_over_what(groups, number):
    """One group alone, or images of no group: over images."""
    rng = np.random.default_rng(1)
    scores = SplitScores(2)
    for group in groups:
        label, seen = rng.integers(0, 2, (2, 8, 8)).astype(np.uint8)
        scores.add(label, seen, np.eye(2)[seen], group=group)
    found = scores.scores()
    assert found["groups"] == number
    assert found["miou_interval"][0] < found["miou"] < found["miou_interval"][1]
