"""Saves and loads training checkpoints: weights, optimizer and random state.

Keras names the HDF5 groups of the file after the classes of the layers. Training may
use a copy of the network with layers of other classes: normalisation in one kernel
(`fused_normalisation`), or one replica a device (`replicas`). So the groups are renamed
to those of Keras' own layers when a checkpoint is saved, and back when it is loaded: a
training can go on with another number of devices.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kerasseg import UserError, runs
from kerasseg.files import atomic, untrusted
from kerasseg.fit.fused_normalisation import (
    FusedBatchNormalization,
    FusedInstanceNormalization,
    can_be_fused,
)
from kerasseg.fit.replicas import SynchronisedBatchNormalization, SynchronisedDropout
from kerasseg.frameworks.private_hooks import weights_bytes

GROUPS = {
    keras.layers.BatchNormalization: "batch_normalization",
    FusedBatchNormalization: "fused_batch_normalization",
    SynchronisedBatchNormalization: "synchronised_batch_normalization",
    keras.layers.GroupNormalization: "group_normalization",
    FusedInstanceNormalization: "fused_instance_normalization",
    keras.layers.Dropout: "dropout",
    SynchronisedDropout: "synchronised_dropout",
}
"""Class of a layer that may be replaced in a copy, or replaces one -> its name in a
state."""
LAYERS = "layers/functional/layers"
"""The group of a state that holds the layers of the Trainer's network."""
NOTES = "kerasseg"
"""The array of a state that holds, as JSON, what else a training must know to go on."""
DIGEST = "sha256"
"""Attribute of a state: of its arrays. HDF5 does not notice a bit that turned."""


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves the state of a Trainer every `every` steps and after each epoch.

    Place it last: an epoch is over when its scores and its row of the log are written.
    steps: those of an epoch. notes: function () -> what is saved beside the state.
    """

    def __init__(
        self, path: Path, every: int, steps: int, notes: Callable[[], dict[str, Any]]
    ):
        super().__init__()
        self.path, self.every, self.steps, self.notes = path, every, steps, notes

    def on_train_batch_end(self, batch, logs=None):
        made, _ = self.model.optimizer.calls()
        if made % self.every == 0 and made % self.steps:
            save(self.model, self.path, self.notes())

    def on_epoch_end(self, epoch, logs=None):
        save(self.model, self.path, self.notes())


def save(trainer: keras.Model, path: Path, notes: dict[str, Any] | None = None) -> None:
    """Writes the state of a built Trainer to a file .weights.h5, whole or not at all.

    notes: values that JSON knows, for `notes_of`.

    It is made in memory first: HDF5 that meets a full disk ends the process.
    """
    file = weights_bytes(trainer)
    _rename(file, _groups(trainer.network, type), _groups(trainer.network, _stock))
    with h5py.File(file, "r+") as opened:
        opened[NOTES] = np.frombuffer(json.dumps(notes or {}).encode(), "uint8")
        opened.attrs[DIGEST] = _digest(opened)
    atomic.write_bytes(path, file.getvalue())


def notes_of(path: Path) -> dict[str, Any]:
    """What was saved beside a state; {} where nothing was, as earlier versions did.

    Raises UserError when the file is damaged.
    """
    untrusted.check_weights(path)
    anew = "Begin the run anew: the same command with --restart."
    try:
        with h5py.File(path) as opened:
            stored = opened.attrs.get(DIGEST)
            whole = stored is None or stored == _digest(opened)
            found = bytes(opened[NOTES][()]) if NOTES in opened else b"{}"
    except Exception as error:  # h5py raises many kinds
        raise UserError(f"{path} is damaged ({error}). {anew}") from error
    if not whole:
        raise UserError(f"{path} is damaged: it does not fit its checksum. {anew}")
    return json.loads(found)


def _digest(file: h5py.File) -> str:
    """Of the names, types, shapes and values of all arrays."""
    found = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.update(f"{name} {item.dtype} {item.shape}".encode())
            found.update(np.ascontiguousarray(item[()]).tobytes())

    file.visititems(add)
    return found.hexdigest()


def load(trainer: keras.Model, path: Path) -> None:
    """Puts a built Trainer where the file says.

    Raises UserError when the file is damaged, not harmless, or of another network.
    """
    notes_of(path)
    own = _groups(trainer.network, type)
    stored = _stored(path, [_groups(trainer.network, of) for of in (_stock, _fused)])
    if stored == own:
        runs.load_state(trainer, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        _rename(copy, stored, own)
        try:
            runs.load_state(trainer, copy)
        except UserError as error:
            raise UserError(str(error).replace(str(copy), str(path))) from error


def _stock(layer) -> type:
    """The class of the layer in the stock network."""
    stock = keras.layers
    for kind in (stock.BatchNormalization, stock.GroupNormalization, stock.Dropout):
        if type(layer) in GROUPS and isinstance(layer, kind):
            return kind
    return type(layer)


def _fused(layer) -> type:
    """Its class in states that earlier versions saved on a CPU."""
    kind = _stock(layer)
    if kind is keras.layers.BatchNormalization:
        plain = kind.from_config(layer.get_config())
        return FusedBatchNormalization if can_be_fused(plain) else kind
    return kind


def _groups(network: keras.Model, class_of: Callable) -> list[str]:
    """Groups of the layers of those classes, in their order, numbered as Keras does."""
    return list(_numbered(GROUPS.get(class_of(layer), "") for layer in network.layers))


def _numbered(names: Iterator[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in filter(None, names):
        yield f"{name}_{seen[name]}" if seen[name] else name
        seen[name] += 1


def _stored(path: Path, known: list[list[str]]) -> list[str]:
    """Those of the known groups that the file has, the first if it has none."""
    with h5py.File(path) as file:
        there = set(file.get(LAYERS, ()))
    return max(known, key=lambda groups: len(there.intersection(groups)))


def _rename(path: Path | io.BytesIO, old: list[str], new: list[str]) -> None:
    if old == new:
        return
    with h5py.File(path, "r+") as file:
        layers = file.get(LAYERS, {})
        there = [i for i, name in enumerate(old) if name in layers]
        # First aside: a new name may be the old one of another layer.
        for i in there:
            layers.move(old[i], f"renamed {i}")
        for i in there:
            layers.move(f"renamed {i}", new[i])
