"""The first layers of an encoder that keep still while the rest trains."""

import numpy as np
import pytest
import walk

from kerasseg import UserError, models, runs, train
from kerasseg.fit.freezing import freeze

NAME = "lraspp_mobilenet_v3_small"


def network_of(classes=3, size=(32, 64)):
    return models.build(NAME, classes, (*size, 3), weights="none")


def is_first(layer, stride):
    """By hand: its map has height / stride rows or more."""
    height = layer.output.shape[1]
    return layer.name.startswith("encoder_") and height >= 32 / (stride or 1e-9)


@pytest.mark.agnostic
@pytest.mark.parametrize("stride", [0, 2, 8, 32])
def test_it_is_the_encoder_down_to_the_stride(stride):
    network = network_of()
    freeze(network, stride)
    still = [layer for layer in network.layers if not layer.trainable]
    assert still == [layer for layer in network.layers if is_first(layer, stride)]
    assert bool(still) == bool(stride)


@pytest.mark.processes
def test_a_training_leaves_them_as_they_are(tmp_path):
    """Weights and statistics, to the bit, and the network that is kept trains whole."""
    records = walk.records(tmp_path / "records")
    network_of(11, (32, 48)).save(tmp_path / "start.keras")
    flags = ["--data.records", str(records), "--model.name", NAME, "--data.batch", "5"]
    flags += ["--model.start", str(tmp_path / "start.keras"), "--fit.epochs", "1"]
    flags += ["--fit.freeze", "8", "--out", str(tmp_path), "--name", "run"]
    train.main([*flags, "--no-export"])
    before, after = map(runs.load, (tmp_path / "start.keras", tmp_path / "run-1"))
    moved = []
    for ours, theirs in zip(after.layers, before.layers, strict=True):
        assert ours.trainable
        pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
        same = [np.array_equal(*pair) for pair in pairs]
        if is_first(ours, 8):
            assert all(same), ours.name
        elif same:
            moved.append(not all(same))
    assert len(moved) > 30
    assert all(moved)


def test_a_network_without_an_encoder_says_so():
    network = models.build("naive", 3, (32, 64, 3), filters=4)
    with pytest.raises(UserError, match=r"^--fit\.freeze 8: this network has"):
        freeze(network, 8)
    assert all(layer.trainable for layer in network.layers)
