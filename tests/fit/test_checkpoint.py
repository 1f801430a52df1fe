"""A training that was saved goes on as if it had never stopped."""

import dataclasses

import h5py
import keras
import numpy as np
import pytest
import walk

from kerasseg import config
from kerasseg.data import records as shards
from kerasseg.fit import checkpoint, from_settings, streams
from kerasseg.fit.devices import Devices
from kerasseg.fit.replicas import synchronised

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the walk reads with TensorFlow"
)
CPU, GPU = Devices(gpu=False), Devices(gpu=True)


def settings_of(records, **changed):
    flags = walk.flags(records, "", data__batch=2, fit__ema=0.9, **changed)
    return config.parse(flags)


def trainer_of(settings, copied=lambda network: CPU.as_trained_here(network, False)):
    keras.utils.set_random_seed(settings.seed)
    known = shards.describe(settings.data.records).split("train")
    loss = from_settings.loss_of(settings.fit, known)

    def build():
        return copied(from_settings.network_of(settings.model, 11, (32, 48)))

    return from_settings.trainer_of(settings, build, loss, (32, 48), 10, CPU)


def fit(trainer, settings, start, steps):
    records = settings.data.records
    stream = streams.stream_of(settings, records, start * settings.data.batch)
    trainer.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0)


def variables(trainer):
    return [
        keras.ops.convert_to_numpy(variable)
        for variable in (*trainer.network.variables, *trainer.optimizer.variables)
    ]


@pytest.mark.processes  # trains: costly beside the rest
def test_saved_and_gone_on_is_never_stopped_bit_for_bit(shared_records, tmp_path):
    """Also what dropout drops, the running means and the place in the stream; the whole
    command, killed, is in tests/test_resume.py."""
    changed = {"fit__accumulate": 2, "fit__remat": True, "augment.policy": "road"}
    changed["model.options"] = "filters=4 depth=1 batch_norm=true dropout=0.2"
    settings = settings_of(shared_records, **changed)
    whole = trainer_of(settings)
    fit(whole, settings, 0, 2)
    file = tmp_path / "state.weights.h5"
    checkpoint.save(whole, file)
    fit(whole, settings, 2, 2)
    again = trainer_of(dataclasses.replace(settings, seed=9))
    checkpoint.load(again, file)
    assert again.optimizer.calls() == (2, 2)
    fit(again, settings, 2, 2)
    for ours, theirs in zip(variables(again), variables(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def trainers(shared_records):
    """The same training on a CPU, on a GPU and on several devices."""
    settings = settings_of(shared_records)
    copies = {
        "cpu": lambda network: CPU.as_trained_here(network, False),
        "gpu": lambda network: GPU.as_trained_here(network, True),
        "several": synchronised,
    }
    return {
        name: trainer_of(dataclasses.replace(settings, seed=seed), copied)
        for seed, (name, copied) in enumerate(copies.items())
    }


@pytest.mark.parametrize("saved", ["cpu", "gpu", "several"])
def test_a_state_names_the_layers_of_the_stock_network(trainers, saved, tmp_path):
    file = tmp_path / "state.weights.h5"
    checkpoint.save(trainers[saved], file)
    with h5py.File(file) as opened:
        names = set(opened[checkpoint.LAYERS])
    assert {"batch_normalization", "batch_normalization_1"} <= names
    assert not [name for name in names if name.startswith(("fused", "synchronised"))]
    for other in trainers.values():
        begun = variables(other)
        checkpoint.load(other, file)
        for ours, theirs in zip(
            variables(other), variables(trainers[saved]), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        for variable, value in zip(
            (*other.network.variables, *other.optimizer.variables), begun, strict=True
        ):
            variable.assign(value)


@pytest.mark.parametrize("loaded", ["cpu", "several"])
def test_a_state_of_an_earlier_version_loads(trainers, loaded, tmp_path):
    """Those that a CPU saved, on one device or several, had `fused_...` in them."""
    file, cpu = tmp_path / "state.weights.h5", trainers["cpu"]
    cpu.save_weights(file)
    before = file.read_bytes()
    with h5py.File(file) as opened:
        assert "fused_batch_normalization" in opened[checkpoint.LAYERS]
    checkpoint.load(trainers[loaded], file)
    for ours, theirs in zip(variables(trainers[loaded]), variables(cpu), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert file.read_bytes() == before


def test_a_damaged_state_is_refused_by_its_name(trainers, tmp_path):
    file = tmp_path / "state.weights.h5"
    checkpoint.save(trainers["cpu"], file)
    with h5py.File(file, "r+") as opened:
        del opened["optimizer"]
    with pytest.raises(ValueError, match=f"{file} is damaged: .* checksum"):
        checkpoint.load(trainers["cpu"], file)
    with h5py.File(file, "r+") as opened:
        del opened.attrs[checkpoint.DIGEST]
    with pytest.raises(ValueError, match=f"{file} does not fit this training"):
        checkpoint.load(trainers["cpu"], file)
    file.write_bytes(b"no state")
    with pytest.raises(ValueError, match=str(file)):
        checkpoint.load(trainers["cpu"], file)


def test_an_epoch_is_saved_when_its_scores_and_log_are_written(monkeypatch, tmp_path):
    """Not at its last step: a process killed before validation would skip it."""
    made, saved = [0], []

    class Optimizer:
        def calls(self):
            return made[0], made[0]

    def save(model, path, notes):
        saved.append((made[0], notes["best"]))

    monkeypatch.setattr(checkpoint, "save", save)
    hook = checkpoint.SaveCheckpoint(tmp_path, 2, 4, lambda: {"best": made[0] / 4})
    hook.set_model(type("Trainer", (), {"optimizer": Optimizer()})())
    for step in range(1, 5):
        made[0] = step
        hook.on_train_batch_end(step - 1)
    assert saved == [(2, 0.5)]
    hook.on_epoch_end(0)
    assert saved[1:] == [(4, 1.0)]


def test_notes_come_back_with_the_state(trainers, tmp_path):
    file = tmp_path / "state.weights.h5"
    notes = {"best": 0.25, "log": [{"loss": 1 / 3}] * 10_000}  # no attribute holds it
    checkpoint.save(trainers["cpu"], file, notes)
    assert checkpoint.notes_of(file) == notes
    trainers["cpu"].save_weights(file)  # as earlier versions wrote it
    assert checkpoint.notes_of(file) == {}


def test_a_bit_that_turned_in_a_weight_is_noticed(trainers, tmp_path):
    """HDF5 itself notices none: the training would go on from another weight."""
    file = tmp_path / "state.weights.h5"
    checkpoint.save(trainers["cpu"], file)
    with h5py.File(file) as opened:
        group = opened[checkpoint.LAYERS]["conv2d"]["vars"]["0"]
        place = group.id.get_offset()
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match="does not fit its checksum"):
        checkpoint.notes_of(file)
