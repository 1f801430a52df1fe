"""Callbacks between the steps: validation, logs, and how they run under JAX."""

from __future__ import annotations

import csv
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasseg import runs
from kerasseg.drawing import bands, pictures
from kerasseg.files import atomic
from kerasseg.fit import replicas
from kerasseg.frameworks.private_hooks import moving_averages
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.answers import ids_of
from kerasseg.runs.log import read_log
from kerasseg.taxonomy import Taxonomy


class WithJax(keras.callbacks.Callback):
    """Runs callbacks that read the variables, whose values JAX holds during an epoch.

    They work in this process alone, outside of a distribution.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback]):
        super().__init__()
        self.callbacks = callbacks

    def set_model(self, model):
        super().set_model(model)
        self._each("set_model", model)

    def set_params(self, params):
        super().set_params(params)
        self._each("set_params", params)

    def on_train_begin(self, logs=None):
        self._each("on_train_begin", logs)

    def on_train_end(self, logs=None):
        self._each("on_train_end", logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._each("on_train_batch_begin", batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._each("on_epoch_begin", epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self.model.jax_state_sync()
        self._each("on_train_batch_end", batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._each("on_epoch_end", epoch, logs)

    def _each(self, event, *arguments):
        with replicas.single_device():
            for callback in self.callbacks:
                getattr(callback, event)(*arguments)


class Validation(keras.callbacks.Callback):
    """Scores the averaged weights at network size after each epoch; keeps the best.

    `judge` is a Trainer of the same network built for whole images; `judge.network`
    holds the (averaged) weights afterwards. settle, if given, is called before they are
    scored: a `kerasseg.fit.statistics.Settle` of judge.network. Adds val_loss,
    val_miou and val_pixel_accuracy to the epoch's logs and saves `judge.network` to
    `path` whenever val_miou exceeds the best so far, at first `best`; with `last` after
    each epoch, where the images that it is judged on are trained on too.
    """

    def __init__(
        self,
        judge: Any,
        batches: Iterable,
        path: Path,
        best: float = -1.0,
        settle: Callable[[], None] | None = None,
        last: bool = False,
    ):
        super().__init__()
        self.last = last
        self.judge, self.batches, self.path, self.best = judge, batches, path, best
        self.settle = settle

    def on_epoch_end(self, epoch, logs):
        self.judge.network.set_weights(averaged_weights(self.model))
        if self.settle:
            self.settle()
        with warnings.catch_warnings():
            # Of volumes of several sizes the number of patches is not known before.
            warnings.filterwarnings("ignore", "Your input ran out of data")
            scores = self.judge.evaluate(self.batches, verbose=0, return_dict=True)
        logs |= {f"val_{name}": value for name, value in scores.items()}
        better = scores["miou"] > self.best
        self.best = max(self.best, scores["miou"])
        if better or self.last:
            runs.save(self.judge.network, self.path)


class Log(keras.callbacks.Callback):
    """One row of log.csv an epoch, and the same numbers as TensorBoard scalars. Epochs
    count from 0 in both, as programs do; what people read counts from 1.

    `picture`, if given, is a function () -> uint8 RGB picture (H, W, 3) for
    TensorBoard. rows: those of the training that goes on, else those of the file. Those
    of epochs from `first` on, left by a run that was stopped later than its last save,
    are dropped.
    """

    def __init__(
        self,
        path: Path,
        tensorboard: Path,
        first: int,
        picture: Callable[[], np.ndarray] | None = None,
        rows: Sequence[dict[str, Any]] | None = None,
    ):
        super().__init__()
        self.path, self.picture = path, picture
        rows = read_log(path) if rows is None else rows
        self.rows = [row for row in rows if int(row["epoch"]) < first]
        self.tensorboard = tensorboard

    def on_train_begin(self, logs=None):
        import tensorflow as tf

        self.writer = tf.summary.create_file_writer(str(self.tensorboard))

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs):
        import tensorflow as tf

        rate = self.model.optimizer.learning_rate
        rate = float(keras.ops.convert_to_numpy(rate))
        seconds = time.monotonic() - self.began
        row = {"epoch": epoch} | {name: float(value) for name, value in logs.items()}
        row |= {"learning_rate": rate, "seconds": round(seconds, 2)}
        self.rows.append(row)
        self.write()
        with self.writer.as_default(step=epoch):
            for name, value in row.items():
                tf.summary.scalar(name, value)
            if self.picture:
                tf.summary.image("validation", self.picture()[None])
        self.writer.flush()

    def write(self) -> None:
        """Writes log.csv, where there are rows."""
        if not self.rows:
            return
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic.replacing(self.path) as aside, aside.open("w", newline="") as file:
            table = csv.DictWriter(file, names)
            table.writeheader()
            table.writerows(self.rows)


def preview(
    network: keras.Model,
    batches: Any,
    taxonomy: Taxonomy,
    count: int = 4,
    image_format: ImageFormat = RGB,
) -> Callable[[], np.ndarray]:
    """Function () -> contact sheet, uint8 RGB (H, W, 3), of the first `count` images of
    the batches: image, truth and what the network predicts now. Of images of other
    bands than RGB the sheet shows the display bands, of volumes the middle slice."""
    batch = next(iter(batches.take(1)))
    images = np.asarray(batch["image"])[:count]
    volumes = images.ndim == 5

    def plane(maps):
        return maps[:, maps.shape[1] // 2] if volumes else maps

    labels = plane(np.asarray(batch["label"])[:count])
    drawn = [bands.shown(image, image_format) for image in plane(images)]

    def logits_of(image):
        return network(image, training=False)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # An eager call keeps the maps of all layers: 18 GB for four frames of video.
        logits_of = tf.function(logits_of)

    def ids_seen(image):
        logits = keras.ops.convert_to_numpy(logits_of(image[None].astype("float32")))
        return ids_of(plane(logits), taxonomy.exclusive, least=0.0)[0]

    def sheet():
        rows = [
            [
                image,
                pictures.overlay(image, true, taxonomy),
                pictures.overlay(image, ids_seen(given), taxonomy),
            ]
            for image, true, given in zip(drawn, labels, images, strict=True)
        ]
        return pictures.contact_sheet(rows, ["image", "truth", "prediction"], 900)

    return sheet


def averaged_weights(trainer: Any) -> list[np.ndarray]:
    """Weights of a Trainer's network; trainable ones as the optimizer's running mean,
    where it keeps one."""
    if not trainer.optimizer.inner_optimizer.use_ema:
        return trainer.network.get_weights()
    averages = moving_averages(trainer.optimizer.inner_optimizer)
    trained = map(id, trainer.trainable_variables)
    means = dict(zip(trained, averages, strict=True))
    weights = trainer.network.weights
    return [keras.ops.convert_to_numpy(means.get(id(v), v)) for v in weights]
