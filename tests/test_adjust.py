"""One number for each class: found again where it is known."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg import adjust, config, models, runs
from kerasseg.metrics import count, scores


def miou(logits, label):
    return scores(count(label, logits.argmax(1), logits.shape[1]))["miou"]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_never_worse_and_finds_a_shift_again(seed, classes):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (4000, classes)).astype("float32")
    label = (logits + rng.normal(0, 0.1, logits.shape)).argmax(1)
    shift = rng.uniform(-1.5, 1.5, classes).astype("float32")
    bias = adjust.best_bias(logits - shift, label)
    before, after = miou(logits - shift, label), miou(logits - shift + bias, label)
    assert abs(bias.sum()) < 1e-4
    assert after >= before
    assert after > 0.8


def test_two_classes_against_all_biases():
    rng = np.random.default_rng(0)
    label = (rng.random(5000) < 0.1).astype(int)  # one in ten
    logits = np.stack([np.zeros(5000), 3 * label - 1.5], 1) + rng.normal(
        0, 2, (5000, 2)
    )
    grid = [miou(logits + np.array([-b, b]) / 2, label) for b in np.arange(-6, 6, 0.05)]
    found = miou(logits + adjust.best_bias(logits.astype("float32"), label), label)
    assert found >= max(grid) - 0.005


def spoilt(records, run, spoil: float):
    """A run whose network is linear in the colours, by least squares, but for SPOIL
    that is added to the logit of class 1."""
    from kerasseg.data import records as shards

    described = shards.describe(records)
    samples = list(shards.read(records, "val"))
    image = np.concatenate([s.image.reshape(-1, 3) for s in samples]) / 255.0
    label = np.concatenate([s.label.ravel() for s in samples])
    image, label = image[label < 11], label[label < 11]
    colours = np.c_[image, np.ones(len(image))]
    fitted = np.linalg.lstsq(colours, 8.0 * np.eye(11)[label], rcond=None)[0]
    fitted[3, 1] += spoil
    pixels = keras.Input((32, 48, 3), name="image")
    last = keras.layers.Conv2D(11, 1)
    network = keras.Model(pixels, last(keras.layers.Rescaling(1 / 255)(pixels)))
    last.set_weights([fitted[None, None, :3], fitted[3]])
    run.mkdir()
    network.save(run / "network.keras")
    chosen = config.parse(["--data.records", str(records)])
    (run / "config.toml").write_text(config.to_toml(chosen))
    (run / "taxonomy.json").write_text(json.dumps(described.taxonomy.to_json()))
    return run


def test_a_network_that_predicts_one_class_too_often(shared_records, tmp_path, capsys):
    from kerasseg.runs.scores import evaluate

    run = spoilt(shared_records, tmp_path / "mine-1", spoil=4.0)
    before = evaluate(run, shared_records, "val", run)["miou"]
    adjust.main([str(run)])
    assert "each with the bias of the other half" in capsys.readouterr().out
    out = tmp_path / "mine-1-adjusted-1"
    after = json.loads((out / "metrics.json").read_text())["miou"]
    assert after > before + 0.05
    found = json.loads((out / adjust.FILE).read_text())
    assert min(found["bias"].values()) == list(found["bias"].values())[1] < -1
    added = runs.load(out).layers[-1].bias - runs.load(run).layers[-1].bias
    np.testing.assert_allclose(added, list(found["bias"].values()), atol=1e-5)
    assert (out / "report.html").is_file()


@pytest.mark.parametrize("name", ["unet_fast", "unet_small"])
def test_a_last_convolution_may_be_transposed(name):
    """The network that is trained by default ends in one."""
    network = models.build(name, 3, (32, 40, 3), filters=4, depth=2)
    before = [np.array(weight) for weight in network.weights]
    assert adjust._last_convolution(network).name == "logits"
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


def test_a_network_without_such_a_bias(shared_records, tmp_path):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=0.0)
    network = runs.load(run)
    turned = keras.Model(network.input, keras.layers.ReLU()(network.output))
    turned.save(run / "network.keras")
    with pytest.raises(ValueError, match="does not end in a convolution with a bias"):
        adjust.adjust(run)
    assert not (tmp_path / "mine-1-adjusted-1").exists()


def test_nothing_to_gain(shared_records, tmp_path, monkeypatch):
    run = spoilt(shared_records, tmp_path / "mine-1", spoil=0.0)
    monkeypatch.setattr(adjust, "best_bias", lambda logits, _: np.zeros(11, "float32"))
    with pytest.raises(ValueError, match=r"Nothing to gain for .*: no class bias"):
        adjust.adjust(run)
    assert not (tmp_path / "mine-1-adjusted-1").exists()
