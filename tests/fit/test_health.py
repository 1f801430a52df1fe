"""What a training's numbers say about it, on rows made by hand."""

import json

import pytest

from kerasseg.fit import health

NAMES = ("sky", "road", "pole")


def row(epoch=0, predicted=(60, 35, 5), iou=(0.8, 0.6, 0.2), **changed):
    values = {
        "epoch": epoch,
        "steps": 100,
        "skipped": 1,
        "pixels": [600, 300, 100],
        "ignored": 250,
        "gradient_norm": 0.5,
        "gradient_norm_max": 4.0,
        "seconds": 20.0,
        "waited": 1.0,
        "learning_rate": 0.01 / (epoch + 1),
        "miou": 0.5,
        "val_miou": 0.4 + epoch / 10,
        "val_iou": list(iou),
        "val_pixels": [50, 40, 10],
        "val_predicted": list(predicted),
    }
    return values | changed


def test_a_healthy_training():
    found = health.summary([row(0), row(1, gradient_norm_max=9.0)], NAMES, 0.9)
    assert found["warning"] == ""
    assert found["ignored_share"] == pytest.approx(0.2)
    assert found["coverage"] == {"sky": 0.6, "road": 0.3, "pole": 0.1}
    assert (found["gradient_norm"], found["gradient_norm_max"]) == (0.5, 9.0)
    assert (found["steps"], found["skipped"], found["best_epoch"]) == (200, 2, 1)
    assert found["waiting"] == pytest.approx(0.05)
    assert found["learning_rate"] == [0.01, 0.005]
    assert found["dead"] == found["never_predicted"] == found["unseen"] == []
    json.dumps(found)


def test_dead_classes_are_those_of_the_best_epoch():
    best = row(1, predicted=(70, 30, 0), iou=(0.9, 0.0, 0.0))
    last = row(2, val_miou=0.1, iou=(0.0, 0.0, 0.0))
    found = health.summary([row(0), best, last], NAMES, 0.9)
    assert found["dead"] == ["road", "pole"]
    assert found["never_predicted"] == ["pole"]
    absent = row(0, val_pixels=[50, 50, 0], predicted=(50, 50, 0), iou=(1, 1, None))
    assert health.summary([absent], NAMES, 0.9)["dead"] == []


def test_one_class_everywhere_is_told_with_its_causes():
    rare = {"pixels": [990, 5, 5], "ignored": 3000, "gradient_norm_max": 600.0}
    said = health.warning([row(predicted=(0, 100, 0), **rare)], NAMES, 0.99)
    assert said.startswith("validation sees class 'road' everywhere after epoch 1: ")
    assert "75 % of the training pixels are ignored" in said
    assert "'sky' has 99 % of the training pixels" in said
    assert "spans 100 steps and only 100 were made" in said
    assert "gradients jump to 600" in said
    behind = row(predicted=(0, 100, 0), miou=0.6, val_miou=0.1)
    assert "batch normalisation lag" in health.warning([behind], NAMES, 0.9)
    usual = health.warning([row(predicted=(0, 100, 0))], NAMES, 0.9)
    assert "learning_rate too high" in usual


def test_a_class_that_is_lost():
    rows = [row(0), row(1, predicted=(70, 30, 0), iou=(0.8, 0.6, 0.0))]
    said = health.warning(rows, NAMES, 0.9)
    assert "no longer finds 'pole' (IoU 0.20 before) after epoch 2" in said
    # A class that was never found is no news.
    never = [row(0, predicted=(70, 30, 0), iou=(0.8, 0.6, 0.0))]
    assert health.warning(never, NAMES, 0.9) == ""
    assert health.warning([], NAMES, 0.9) == ""
