"""`python -m kerasseg.train [RECIPE.toml] [--key value ...]`: from records to a run.

With no argument: synthetic road scenes, a small U-Net, scored and exported.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from kerasseg import config, runs
from kerasseg.console import command
from kerasseg.files import atomic
from kerasseg.fit import devices
from kerasseg.runs.log import read_log


@command
def main(argv: list[str]) -> None:
    settings = config.parse(argv)
    config.check(settings)
    if not devices.leads():
        train(settings, None)
        return
    name = settings.name or "synthetic"
    run, resumes = runs.open_run(settings.out, name, config.to_toml(settings))
    print(f"{'Resuming' if resumes else 'Run'} {run}")
    try:
        train(settings, run)
    except (ValueError, OSError):
        runs.discard(run)  # a wrong setting leaves no run behind
        raise


def train(settings: config.Config, run: Path | None) -> None:
    """Trains, evaluates, exports and reports; goes on where RUN was stopped.

    Of several processes on several hosts, the first is told the run and writes it.
    """
    # ---- Device and randomness -------------------------------------------------
    began = time.monotonic()
    fit, data = settings.fit, settings.data
    limits = {"parts": fit.accumulate, "xla": fit.xla}
    used = devices.start(fit.device, fit.devices, data.batch, **limits)
    import keras

    run = used.told(run)
    say = print if used.writes else lambda *words: None

    keras.utils.set_random_seed(settings.seed)
    if fit.deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()

    # ---- Data ------------------------------------------------------------------
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    records = data.records or run / "records"
    if used.writes and not data.records:
        _synthetic(records, settings.seed)
    used.wait("records")
    described = shards.describe(records)
    for split in (data.train, data.val):
        shards.shard_paths(records, split)
    known = described.split(data.train)
    classes = described.taxonomy.num_classes
    if used.writes:
        atomic.write_json(run / "taxonomy.json", described.taxonomy.to_json())
    size = pipeline.size_of(described, data.train, data.size)
    crop = crop_of(data, size)
    steps = max(1, round(known.samples / data.batch))
    total = steps * fit.epochs

    # ---- Networks: one to train on crops, one to judge on whole images -----------
    from kerasseg.fit import warm_start
    from kerasseg.fit.trainer import Trainer

    options = config.options(settings.model.options, "--model.options")
    name = settings.model.name
    xla = {"auto": used.compiles, "on": True, "off": False}[fit.xla]
    loss = loss_of(fit, known)
    borders = (fit.border_weight, fit.border_sigma) if fit.border_weight else None
    memory = {"parts": fit.accumulate, "remat": fit.remat}
    with used.building():
        keras.config.set_dtype_policy(fit.precision)
        origin = settings.model.start
        network = warm_start.build(name, classes, (*crop, 3), options, origin)
        network = used.trained(network, xla)
        # Judged, kept and exported in float32, whatever the training computes in.
        keras.config.set_dtype_policy("float32")
        trainer = Trainer(network, loss, settings.augment, crop, borders, **memory)
        guard = optimizer_of(fit, total)
        trainer.compile(optimizer=guard, jit_compile=xla)
        _build(trainer, crop)
    whole = warm_start.random(name, classes, (*size, 3), options)
    judge = Trainer(whole, loss, settings.augment, size)
    judge.compile(jit_compile=xla)
    say(
        f"{name}: {network.count_params():,} parameters, {classes} classes; "
        f"{known.samples} images of {size[0]}x{size[1]}, crops {crop[0]}x{crop[1]}; "
        f"{fit.epochs} epochs of {steps} steps"
    )

    # ---- Resume: weights, optimizer, random state, place in the stream -----------
    from kerasseg.fit import callbacks, health, not_finite

    state = run / "state.weights.h5"
    if state.exists():
        runs.load_state(trainer, state)
    done = used.agreed(guard.calls()[0], f"--out ({run})")
    first = done // steps
    if done:
        say(f"Going on after step {done} of {total}")

    # ---- Fit -------------------------------------------------------------------
    import tensorflow as tf

    val = pipeline.batches(
        records, data.val, batch_size=data.batch, size=data.size, threads=data.threads
    )
    scored = [float(row["val_miou"]) for row in read_log(run / "log.csv")]
    best = max(scored[:first], default=-1.0)
    batch = data.batch
    # The samples of a step, should it go wrong.
    samples = functools.partial(
        not_finite.sample_ids, records, data.train, batch, settings.seed, data.shuffle
    )
    names, pixels = described.taxonomy.names, batch * math.prod(crop)
    hooks = [not_finite.Anomaly(state, samples)]
    hooks += used.writes * [
        callbacks.Validation(judge, val, run / "network.keras", best),
        callbacks.State(state, fit.save_every),
        health.Health(run / "health.json", names, judge, pixels, fit.ema, first),
        callbacks.Log(
            run / "log.csv",
            run / "tensorboard",
            first,
            callbacks.preview(whole, val, described.taxonomy),
        ),
    ]
    if keras.backend.backend() == "jax":
        hooks = [callbacks.WithJax(hooks)]
    while done < total:
        epoch = done // steps
        # A run stopped inside an epoch first finishes that epoch.
        rest = steps - done % steps
        last = epoch + 1 if rest < steps else fit.epochs
        stream = stream_of(
            data,
            records,
            settings.seed,
            done * batch,
            instances=borders is not None,
            share=used.share,
        )
        try:
            with used.fitting():
                trainer.fit(
                    stream,
                    initial_epoch=epoch,
                    epochs=last,
                    steps_per_epoch=rest,
                    callbacks=hooks,
                    shuffle=False,
                    verbose=(1 if sys.stdout.isatty() else 2) * used.writes,
                )
        except tf.errors.OpError:
            # A damaged shard or image surfaces deep inside TensorFlow: name it.
            shards.verify(records)
            raise
        done, _ = guard.calls()

    # ---- Judge, export, report ----------------------------------------------------
    used.part()
    if not used.writes:
        return
    from kerasseg.fit.finish import finish

    print(f"Trained in {_clock(time.monotonic() - began)}; scoring the best network")
    finish(run, records, data.val, batch, settings.export)
    state.unlink(missing_ok=True)
    print(
        f"Done in {_clock(time.monotonic() - began)}. See {run / 'report.html'}\n"
        f"Next: python -m kerasseg.predict PICTURES --run {run}"
    )


def _synthetic(records: Path, seed: int) -> None:
    """The embedded default data, written as any other data set is."""
    from kerasseg.data import records as shards
    from kerasseg.data.synthetic import TAXONOMY, scene

    if (records / "dataset.json").exists():
        return
    print(f"Drawing synthetic road scenes into {records}")
    # spawn: a forked TensorFlow hangs.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        draw = functools.partial(scene, seed, height=96, width=128)
        splits = {
            "train": pool.map(draw, range(896), chunksize=16),
            "val": pool.map(draw, range(10**6, 10**6 + 64), chunksize=16),
        }
        shards.write_splits(splits, records, taxonomy=TAXONOMY, progress=False)


def crop_of(data: config.Data, size: tuple[int, int]) -> tuple[int, int]:
    return tuple(data.crop) if tuple(data.crop) != (0, 0) else size


def stream_of(
    data: config.Data, records, seed: int, start: int, *, instances: bool, share=(0, 1)
):
    """Endless batches of the training split, from sample `start` on."""
    from kerasseg import augment
    from kerasseg.data import pipeline

    return pipeline.batches(
        records,
        data.train,
        batch_size=data.batch,
        size=data.size,
        training=True,
        numbers=augment.NUMBERS,
        seed=seed,
        start=start,
        shuffle=data.shuffle,
        instances=instances,
        share=share,
        threads=data.threads,
    )


def loss_of(fit: config.Fit, split):
    import numpy as np

    from kerasseg import losses
    from kerasseg.data import class_weights

    weights = None
    if fit.class_weights.endswith("median"):
        weights = class_weights.median_frequency(
            split.pixels, split.pixels_of_images_with
        )
        weights = np.sqrt(weights) if fit.class_weights.startswith("sqrt") else weights
    elif fit.class_weights == "inverse_log":
        weights = class_weights.inverse_log(split.pixels)
    parts = config.options(fit.loss, "--fit.loss")
    return losses.total(parts, None if weights is None else list(map(float, weights)))


def optimizer_of(fit: config.Fit, steps: int):
    from kerasseg.fit import optimizer, schedules

    return optimizer.optimizer(
        fit.optimizer,
        schedules.schedule(fit.schedule, fit.learning_rate, steps, fit.warmup),
        weight_decay=fit.weight_decay,
        clip_norm=fit.clip_norm,
        ema=fit.ema,
        encoder_rate=fit.encoder_rate,
        loss_scale=fit.precision == "mixed_float16",
    )


def _build(trainer, crop) -> None:
    """Creates every variable, so that a saved state can be loaded before the first
    step."""
    import numpy as np

    trainer(
        {
            "image": np.zeros((1, *crop, 3), np.uint8),
            "label": np.zeros((1, *crop), np.uint8),
        },
        training=False,
    )
    trainer.optimizer.build(trainer.trainable_variables)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


if __name__ == "__main__":
    main()
