"""Training: one step on a batch at hand, and whole epochs from the files on."""

from __future__ import annotations

import time

from benchmarks.speed.augmentation import keras_chain
from benchmarks.speed.records import from_files
from benchmarks.speed.turns import Part, Side
from benchmarks.speed.work import Work

LOSS = {"cross_entropy": 1, "soft_dice": 1}
STEPS = 10  # of an epoch, at most
WHOLE, BARE, STOCK = (
    "kerasseg, whole step",
    "kerasseg, bare step",
    "Keras, stock layers",
)
FIT = "Keras fit, defaults"


def step(work: Work) -> Part:
    """bare: forward, backward and update, on one cached batch with its target ready.
    whole: the step of `python -m kerasseg.train`: bare, and augmentation from the
    source size, one-hot, confusion matrix, guarded optimizer with running means of the
    weights. stock: bare with the network as Keras builds it (see
    kerasseg/fit/fused_normalisation.py).
    defaults: `fit` after `compile` with an optimizer and a loss, on arrays.
    """
    return Part(
        f"training step, {work.model}, batch {work.batch} of "
        f"{work.crop[0]}x{work.crop[1]}",
        work.batch,
        BARE,
        {
            BARE: lambda: _bare(work),
            WHOLE: lambda: _whole(work),
            STOCK: lambda: _bare(work, stock=True),
            FIT: lambda: _fit(work),
        },
        (
            (WHOLE, BARE, "whole step / bare step"),
            (FIT, WHOLE, "Keras fit with its defaults / whole step"),
        ),
    )


def epoch(work: Work) -> Part:
    """Reading, augmentation, step and metric of an epoch, its start included."""
    steps = min(STEPS, work.count // work.batch)
    return Part(
        f"training epoch of {steps} such steps, {work.model}",
        steps * work.batch,
        "kerasseg",
        {
            "kerasseg": lambda: _epoch(work, steps),
            BARE: lambda: _bare(work, steps),
            "Keras fit, layers in tf.data, no XLA": lambda: _keras_epoch(work, steps),
        },
        (("kerasseg", BARE, "whole epoch / bare steps on a cached batch"),),
    )


def _bare(work: Work, steps: int = 1, stock: bool = False) -> Side:
    import keras

    from kerasseg import losses
    from kerasseg.fit.fused_normalisation import fused

    image, target = _prepared(work)
    network = work.network(work.crop)
    network = network if stock else fused(network)
    network.compile(
        optimizer=keras.optimizers.AdamW(1e-3),
        loss=losses.total(LOSS, [1.0] * work.classes),
        jit_compile=False,
    )

    def turn():
        for _ in range(steps):
            network.train_on_batch(image, target)

    return Side(turn, lambda: _size(network))


def _whole(work: Work) -> Side:
    import numpy as np

    from kerasseg import augment

    trainer = _trainer(work)
    image, label = work.arrays()
    numbers = np.random.default_rng(0).random((work.batch, augment.NUMBERS))
    batch = {"image": image, "label": label, "numbers": numbers.astype("float32")}

    def turn():
        trainer.train_on_batch(batch)

    return Side(turn)


def _fit(work: Work) -> Side:
    import keras

    image, label = _cropped(work)
    network = work.network(work.crop)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer="adamw", loss=loss)

    def turn():
        network.fit(image, label, batch_size=work.batch, verbose=0)

    return Side(turn)


def _epoch(work: Work, steps: int) -> Side:
    import keras

    from kerasseg import augment
    from kerasseg.data import pipeline

    trainer = _trainer(work)
    # Endless in training; cut here, or it would read on in the others' turns.
    stream = pipeline.batches(
        work.records(),
        "train",
        batch_size=work.batch,
        training=True,
        numbers=augment.NUMBERS,
    ).take(steps)
    waited, took = [], []

    class Waiting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            waited.append(trainer.last_batch.waited)

    def turn():
        began = time.perf_counter()
        trainer.fit(
            stream,
            steps_per_epoch=steps,
            callbacks=[Waiting()],
            shuffle=False,
            verbose=0,
        )
        took.append(time.perf_counter() - began)

    def note() -> str:
        # Without the turn that compiles; the first batch of each epoch is an epoch's
        # start, which a training has once.
        rest = [t for n, t in enumerate(waited[steps:]) if n % steps]
        share = sum(rest) / sum(took[1:])
        whole = sum(waited[steps:]) / sum(took[1:])
        return (
            f"waiting for input {share:.2%} of the time, {whole:.2%} with the first "
            "batch"
        )

    return Side(turn, note)


def _keras_epoch(work: Work, steps: int) -> Side:
    import keras
    import tensorflow as tf

    move = keras_chain(work.size, work.crop)

    def moved(image, label):
        return move(tf.cast(image, tf.float32), tf.cast(label, tf.float32))

    stream = from_files(work).batch(work.batch, drop_remainder=True)
    stream = stream.map(moved, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    stream = stream.take(steps)
    network = work.network(work.crop)
    network.compile(
        optimizer="adamw",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.MeanIoU(work.classes, sparse_y_pred=False)],
        jit_compile=False,
    )

    def turn():
        network.fit(stream, shuffle=False, verbose=0)

    return Side(turn)


def _trainer(work: Work):
    from kerasseg import augment, config, losses
    from kerasseg.fit import from_settings
    from kerasseg.fit.devices import Devices

    fit = config.Fit(
        learning_rate=1e-3, schedule="constant", weight_decay=1e-4, ema=0.99
    )
    settings = config.Config(augment=augment.POLICIES["road"], fit=fit)
    cpu = Devices(gpu=False)

    def build():
        return cpu.as_trained_here(work.network(work.crop), xla=False)

    loss = losses.total(LOSS, [1.0] * work.classes)
    return from_settings.trainer_of(settings, build, loss, work.crop, STEPS, cpu)


def _cropped(work: Work):
    """float32 image (B, h, w, 3) and label (B, h, w) of a cached batch."""
    image, label = work.arrays()
    height, width = work.crop
    return image[:, :height, :width].astype("float32"), label[:, :height, :width]


def _prepared(work: Work):
    from keras import ops

    from kerasseg.taxonomy import one_hot

    image, label = _cropped(work)
    target = one_hot(ops.convert_to_tensor(label), work.classes)
    return ops.convert_to_tensor(image), target


def _size(network) -> str:
    from kerasseg.models.analysis.cost import multiply_adds

    millions = network.count_params() / 1e6
    return f"{millions:.2f} M parameters, {multiply_adds(network) / 1e9:.2f} GMAC"
