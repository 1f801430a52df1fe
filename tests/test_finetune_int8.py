"""The command: a new run of stock layers whose int8 file loses less."""

import contextlib
import dataclasses
import io
import json
import shutil
import sys

import keras
import numpy as np
import pytest

from kerasseg import augment, config, finetune_int8, losses, models, runs
from kerasseg.data.synthetic import TAXONOMY
from kerasseg.export.litert.fake_quantisation import quantised
from kerasseg.fit import from_settings, rematerialise
from kerasseg.fit.devices import Devices


@pytest.fixture(scope="module")
def run(shared_records, tmp_path_factory):
    """A run as training leaves it, without the training."""
    run = tmp_path_factory.mktemp("finetune") / "net-1"
    run.mkdir()
    options = ("filters=4", "depth=1", "batch_norm=true")
    words = ["--data.records", str(shared_records), "--model.name", "unet"]
    words += ["--data.crop", "16", "32", "--model.options", *options]
    words += ["--fit.accumulate", "2", "--fit.remat", "True", "--fit.device", "cpu"]
    (run / "config.toml").write_text(config.to_toml(config.parse(words)))
    (run / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    keras.utils.set_random_seed(0)
    network = models.build("unet", 11, (32, 48, 3), **config.options(options, ""))
    network.save(run / "network.keras")
    return run


@pytest.fixture(scope="module")
def tuned(run):
    """The new run, what the command printed, and what it trained with."""
    seen = {}

    def spy(name):
        found = getattr(from_settings, name)

        def noted(*words, **options):
            seen[name] = words[0], found(*words, **options)
            return seen[name][1]

        return noted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("devices_of", "trainer_of"):
            patch.setattr(from_settings, name, spy(name))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            finetune_int8.main([str(run), "--limit", "100", "--calibration", "4"])
    return run.parent / "net-1-int8-1", said.getvalue(), seen


@pytest.mark.processes  # trains: costly beside the rest
def test_it_leaves_a_run_like_any_other(run, tuned):
    before, (new, said, _) = runs.load(run).get_weights(), tuned
    assert f"{new}: network" in said
    found = runs.load(new)
    after = found.get_weights()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    modules = {type(layer).__module__ for layer in found.layers}
    assert all(module.startswith("keras.") for module in modules)
    assert (new / "export" / "model_int8.tflite").is_file()
    assert (new / "int8_ranges.json").is_file()
    assert (new / "report.html").is_file()
    assert len((new / "log.csv").read_text().splitlines()) == 2
    assert runs.settings(new) == runs.settings_for(run)


@pytest.mark.processes  # trains: costly beside the rest
def test_it_trains_as_the_run_did(tuned):
    """In parts and with less memory, on the same device."""
    _, _, seen = tuned
    settings, trainer = seen["trainer_of"]
    assert trainer.parts == 2
    assert trainer.network_in_training is not trainer.network
    assert (settings.fit.learning_rate, settings.fit.ema) == (pytest.approx(2e-4), 0)
    asked, used = seen["devices_of"]
    assert (asked.fit.device, asked.fit.devices, used.gpu) == ("cpu", 1, False)


@pytest.mark.processes  # trains: costly beside the rest
def test_the_network_opens_without_kerasseg(tuned, monkeypatch):
    """As in tests/models/test_saved_files.py, but in this process."""
    for name in [name for name in sys.modules if name.split(".")[0] == "kerasseg"]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    ours = keras.saving.get_custom_objects()
    with monkeypatch.context() as patch:
        for name in list(ours):
            patch.delitem(ours, name)
        opened = keras.saving.load_model(tuned[0] / "network.keras")
    logits = opened(np.zeros((1, 32, 48, 3), "float32"), training=False)
    assert logits.shape == (1, 32, 48, 11)


def test_recomputing_changes_no_step_of_a_quantised_network(monkeypatch):
    """A convolution reads the batch normalisation behind it, also where the network is
    cut between the two: here it is cut everywhere."""
    monkeypatch.setattr(
        rematerialise, "cuts", lambda sizes, _: list(range(len(sizes) + 1))
    )
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    network = keras.Model(image, keras.layers.Conv2D(2, 1)(x))
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.integers(0, 256, (2, 8, 8, 3)).astype("uint8"),
        "label": rng.integers(0, 2, (2, 8, 8)).astype("uint8"),
        "numbers": np.zeros((2, augment.NUMBERS), "float32"),
    }
    # One step of SGD, whose change is the gradient. Threads sum gradients in any order;
    # in a second step that may turn the rounding of an int8 number the other way.
    fit = config.Fit(optimizer="sgd", schedule="constant", weight_decay=0.0, ema=0.0)
    changes = []
    for remat in (False, True):
        settings = config.Config(
            fit=dataclasses.replace(fit, remat=remat), augment=augment.POLICIES["none"]
        )
        loss, used = losses.total({"cross_entropy": 1}), Devices(gpu=False)
        trainer = from_settings.trainer_of(
            settings, lambda: quantised(network), loss, (8, 8), 2, used
        )
        before = trainer.network.get_weights()
        trainer.train_on_batch(batch)
        after = trainer.network.get_weights()
        changes.append([new - old for old, new in zip(before, after, strict=True)])
    assert len(rematerialise._pieces(quantised(network))) > 5
    assert sum(np.any(change) for change in changes[0]) >= 6
    for kept, recomputed in zip(*changes, strict=True):
        error = 1e-4 * np.abs(kept).max(initial=0)
        np.testing.assert_allclose(recomputed, kept, rtol=0, atol=error)


def test_several_devices_are_refused(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "net-1")
    settings = runs.settings(run)
    fit = dataclasses.replace(settings.fit, devices=2)
    text = config.to_toml(dataclasses.replace(settings, fit=fit))
    (copy / "config.toml").write_text(text)
    with pytest.raises(SystemExit) as left:
        finetune_int8.main([str(copy)])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "--fit.devices 2, and fine-tuning for int8 runs on one device only" in said


def test_a_limit_that_is_not_kept_leaves_with_3(run, monkeypatch):
    monkeypatch.setattr(finetune_int8, "finetune", lambda *_: False)
    with pytest.raises(SystemExit) as left:
        finetune_int8.main([str(run)])
    assert left.value.code == 3


def test_wrong_settings_are_refused(run, capsys):
    with pytest.raises(SystemExit) as left:
        finetune_int8.main([str(run), "--rate", "0"])
    assert left.value.code == 2
    assert "--rate must be above 0, got 0.0" in capsys.readouterr().err
