"""python two_devices.py RECORDS FOLDER: what test_devices.py looks at, as seen.json."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import walk

from kerasseg import augment, losses, runs, train
from kerasseg.fit import callbacks, checkpoint, devices, optimizer
from kerasseg.fit.trainer import Trainer
from kerasseg.runs.log import read_log

TWO = devices.start("cpu", 2, 4)
ONE = devices.Devices(gpu=False)
SIZE = (16, 24)
SMALL = {"model.options": "filters=4 depth=1 batch_norm=true dropout=0.2"}

KILLED = """
import os, signal, sys
from kerasseg import train
from kerasseg.fit import checkpoint
saved = checkpoint.SaveCheckpoint.on_train_batch_end
def dies(self, batch, logs=None):
    saved(self, batch, logs)
    if self.model.optimizer.calls()[0] == 8:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.SaveCheckpoint.on_train_batch_end = dies
train.main(sys.argv[1:])
"""


def network(dropout):
    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    for _ in range(2):
        x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(image, keras.layers.Conv2D(3, 1)(x))


def batches(steps):
    """The first two images have more ignored pixels than the others."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, (steps, 4, *SIZE)).astype(np.uint8)
    label[label == 3] = 255
    label[:, :2, :8] = 255
    image = rng.integers(0, 256, (*label.shape, 3)).astype(np.uint8)
    numbers = rng.random((steps, 4, augment.NUMBERS)).astype(np.float32)
    batch = {"image": image, "label": label, "numbers": numbers}
    return tf.data.Dataset.from_tensor_slices(batch | {"instance": label % 3})


def trained(used, steps=1, dropout=0.0, loss=None, ema=0.9, **options):
    keras.utils.set_random_seed(0)
    parts = {"cross_entropy": 1, "soft_dice": 1, "lovasz_softmax": 1}
    loss = loss or losses.total(parts, [1.0, 2.0, 0.5])
    with used.building():
        copy = used.as_trained_here(network(dropout), xla=False)
        policy = augment.POLICIES["flip"]
        model = Trainer(copy, loss, policy, SIZE, (5.0, 3.0), **options)
        guard = optimizer.optimizer("sgd", 0.1, ema=ema, clip_norm=0.1)
        model.compile(optimizer=guard, jit_compile=False)
    begun = copy.get_weights()
    history = model.fit(batches(steps), shuffle=False, verbose=0).history
    return model, history["loss"][0], begun


def steps_of_both(**options):
    (one, loss, _), (two, other, _) = (trained(used, **options) for used in (ONE, TWO))
    norms = [keras.ops.convert_to_numpy(m.optimizer.gradient_norms) for m in (one, two)]
    return {
        "weights": farthest(*(callbacks.averaged_weights(m) for m in (one, two))),
        "norms": farthest(*norms) / float(norms[0].max()),
        "loss": [loss, other],
        "matrix": bool((one.confusion.matrix() == two.confusion.matrix()).all()),
    }


def farthest(ours, theirs):
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def not_finite():
    """The gradient is infinite in the last image only, that of the second replica."""

    def broken(target, logits, weight):
        rows = keras.ops.convert_to_tensor(np.float32([1, 1, 1, np.inf]))
        return keras.ops.sum(rows * keras.ops.sum(logits, axis=(1, 2, 3)))

    model, _, begun = trained(TWO, loss=broken, ema=0.0)
    norms = keras.ops.convert_to_numpy(model.optimizer.gradient_norms)
    kept = [
        np.array_equal(before, part.numpy())
        for before, variable in zip(begun, model.network.weights, strict=True)
        for part in variable.value.values
        if variable.trainable
    ]
    calls = model.optimizer.calls()
    finite = int(np.isfinite(norms).sum())
    return {"calls": calls, "kept": all(kept), "finite norms": finite}


def left(argv):
    """Exit code and last line of a training that stops."""
    said = io.StringIO()
    code = 0
    with contextlib.redirect_stderr(said):
        try:
            train.main(argv)
        except SystemExit as error:
            code = error.code
    return {"code": code, "line": said.getvalue().strip().splitlines()[-1]}


def killed(records, folder):
    def flags(name, count):
        # 10 samples, batches of 2: 5 steps an epoch; saved at 3 and 6, killed after 8.
        settings = SMALL | {"fit__optimizer": "sgd", "fit__learning_rate": 0.02}
        settings |= {"fit__epochs": 3, "data__batch": 2, "fit__save_every": 3}
        settings |= {"fit__ema": 0.9, "export": False, "fit__device": "cpu"}
        settings |= {"augment.policy": "road"}
        return walk.flags(records, folder / name, fit__devices=count, **settings)

    command = [sys.executable, "-c", KILLED, *flags("killed", 2)]
    code = subprocess.run(command, check=False).returncode
    train.main(flags("whole", 1))

    saved = checkpoint.SaveCheckpoint.on_train_batch_end

    def stops(self, batch, logs=None):
        saved(self, batch, logs)
        if self.model.optimizer.calls()[0] == 11:
            raise InterruptedError

    checkpoint.SaveCheckpoint.on_train_batch_end = stops
    stopped = left(flags("killed", 1))
    checkpoint.SaveCheckpoint.on_train_batch_end = saved
    assert stopped["code"] == 2, stopped
    (run,) = (folder / "killed").iterdir()
    runs.unlock(run)
    train.main(flags("killed", 2))

    both = [run, folder / "whole" / run.name]
    ours, theirs = map(runs.load, both)
    rows = [read_log(path / "log.csv") for path in both]
    kinds = {type(layer).__module__ for layer in ours.layers}
    return {
        "code": code,
        "weights": farthest(ours.get_weights(), theirs.get_weights()),
        "val_loss": [[float(row["val_loss"]) for row in table] for table in rows],
        "stock": all(kind.startswith("keras.") for kind in kinds),
    }


def refusal(*words, **options):
    try:
        devices.start(*words, **options)
    except ValueError as error:
        return str(error)
    return ""


def main(records, folder):
    # The largest rate that is allowed, in a network that nothing normalises.
    wrong = {"fit__optimizer": "sgd", "fit__learning_rate": "1e6", "export": False}
    wrong |= {"fit__schedule": "constant", "fit__device": "cpu", "fit__devices": 2}
    wrong |= {"model__options": "filters=4 depth=2 batch_norm=false", "fit__epochs": 9}
    seen = {
        "dropout": steps_of_both(steps=2, dropout=0.3),
        "recomputed": steps_of_both(remat=True),
        "not finite": not_finite(),
        "anomaly": left(walk.flags(records, folder / "wrong", **wrong)),
        "killed": killed(records, folder),
        "refused": {
            "devices": refusal("cpu", 3, 6),
            "batch": refusal("cpu", 2, 3),
            "accumulate": refusal("cpu", 2, 4, parts=2),
        },
    }
    (folder / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
