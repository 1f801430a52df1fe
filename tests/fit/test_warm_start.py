"""A training that starts from the weights of another run."""

import json

import keras
import numpy as np
import pytest
import tiny
import walk

from kerasseg import models, runs
from kerasseg.fit import places, warm_start

SMALL = {"filters": 4, "depth": 2}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "first").mkdir()
    network = tiny.network(size=(32, 48), classes=3)
    network.save(tmp_path / "first" / "network.keras")
    return tmp_path / "first"


def test_the_same_classes_take_every_weight(run):
    keras.utils.set_random_seed(1)
    network = warm_start.build("unet_small", 3, (16, 24, 3), SMALL, str(run))
    for ours, theirs in zip(network.weights, runs.load(run).weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_classes_leave_the_last_layer_at_random(run):
    network = warm_start.build("unet_small", 5, (16, 24, 3), SMALL, str(run))
    same = {
        layer.name: all(
            np.array_equal(ours, theirs)
            for ours, theirs in zip(
                layer.get_weights(), other.get_weights(), strict=True
            )
        )
        for layer, other in zip(network.layers, runs.load(run).layers, strict=True)
        if layer.weights
    }
    assert not same.pop("logits")
    assert all(same.values())


RGBN = ("nir", "red", "green", "blue")


@pytest.mark.parametrize("bands", [RGBN, ("vv", "vh"), ("blue", "green", "red")])
def test_the_first_kernel_is_fitted_to_other_bands(run, bands, capsys):
    shape = (16, 24, len(bands))
    network = warm_start.build("unet_small", 3, shape, SMALL, str(run), bands=bands)
    (found, *ours), (known, *theirs) = (
        m.get_weights() for m in (network, runs.load(run))
    )
    if bands == ("vv", "vh"):
        half = known.sum(axis=2) / 2
        expected, line = [half, half], "each of vv, vh begins with the mean over these."
    else:
        colours = dict(
            zip(("red", "green", "blue"), np.moveaxis(known, 2, 0), strict=True)
        )
        expected = [colours.get(name, 0 * known[:, :, 0]) for name in bands]
        new = ", nir begin with zeros" if bands == RGBN else "."
        line = f"knows red, green, blue; bands of these names are taken{new}"
    np.testing.assert_allclose(found, np.stack(expected, axis=2), rtol=1e-6)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert line in " ".join(capsys.readouterr().out.split())


def test_another_network_is_refused(run):
    with pytest.raises(ValueError, match="is another network than unet_small"):
        warm_start.build(
            "unet_small", 3, (16, 24, 3), {"filters": 6, "depth": 2}, str(run)
        )
    with pytest.raises(ValueError, match="Unknown model 'unett'"):
        warm_start.build("unett", 3, (16, 24, 3), {}, str(run))


def test_imagenet_weights_are_not_asked_for(monkeypatch):
    """The package that holds them need not be installed."""
    asked = []
    monkeypatch.setattr(
        models, "build", lambda *_, **options: asked.append(options) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        warm_start.without_weights("ladder_efficientnet_lite2", 3, (64, 64, 3), {})
    assert asked == [{"weights": "none"}]


@pytest.mark.processes
def test_train_goes_on_from_a_run(shared_records, shared_run, tmp_path):
    first = shared_run
    settings = {"fit__epochs": 1, "fit__learning_rate": 1e-9, "export": False}
    settings |= {"model__start": str(first), "fit__ema": 0, "name": "second"}
    second = walk.trained(shared_records, tmp_path / "runs", **settings)
    scores = [
        json.loads((one / "metrics.json").read_text())["miou"]
        for one in (first, second)
    ]
    # Only the statistics of batch normalisation have moved on.
    for ours, theirs in zip(
        runs.load(first).trainable_weights,
        runs.load(second).trainable_weights,
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert min(scores) > 0


def branches(first, second):
    """A network of two branches of equal shapes, in this order."""
    image = keras.Input((4, 4, 3))
    made = [keras.layers.Conv2D(2, 1, name=name)(image) for name in (first, second)]
    x = keras.layers.Conv2D(2, 1)(keras.layers.Add()(made))
    return keras.Model(image, keras.layers.Conv2D(2, 1)(x))


def test_branches_in_another_order_find_their_weights(tmp_path, monkeypatch):
    """As in the file of road_scene, which an earlier version wrote."""
    branches("one", "two").save(tmp_path / "network.keras")
    start = str(tmp_path / "network.keras")
    monkeypatch.setattr(models, "build", lambda *_, **__: branches("two", "one"))
    network = warm_start.build("unet_small", 2, (4, 4, 3), {}, start)
    source = runs.load(start)
    orders = [[x.name for x in m.layers if x.weights] for m in (network, source)]
    assert orders[0][:2] == orders[1][1::-1]
    image = np.ones((1, 4, 4, 3), "float32")
    np.testing.assert_allclose(network(image), source(image), atol=1e-6)


def test_networks_of_another_order_are_told_apart():
    assert places.same_order(branches("one", "two"), branches("one", "two"))
    assert not places.same_order(branches("one", "two"), branches("two", "one"))
