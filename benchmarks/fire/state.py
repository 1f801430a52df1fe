"""What a walk leaves, in a form in which two walks can be compared."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

Facts = dict[str, str]
"""What is written -> its value, or the checksum of it."""

VERSION = re.compile(r"(?<=/export/)\d+(?=/)")
"""A killed export may have written a version that the next one writes again."""
PASSING = re.compile(r"\.lock$|/tensorboard/")
"""Locks mean nothing without their process; events are named after the time."""


SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables.data-00000-of-00001"}
"""Files whose bytes hold names that count what a process made before: a process that
only exports gives others than one that also trained. The values of the variables
(`variables.index`) and the scores of the gate must be alike."""


def facts(folder: Path) -> Facts:
    """All that the files of a folder say."""
    found: Facts = {}
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = [f"{name}" for name in names if not PASSING.search(f"{name}")]
    versions = [int(one[0]) for name in names if (one := VERSION.search(name))]
    newest = str(max(versions, default=0))
    for name in sorted(names):
        version = VERSION.search(name)
        if version and version[0] != newest:
            continue
        for key, value in _values(folder / name).items():
            found[f"{VERSION.sub('N', name)} {key}".strip()] = value
    return found


def _values(file: Path) -> Facts:
    """What one file says; of a file that cannot be read, its checksum."""
    if file.name in SAVED_MODEL:
        return {"": "there"}
    if file.name == "variables.index":
        return {"values": _variables(file)}
    data = file.read_bytes()
    readers = {".json": _json, ".csv": _csv, ".keras": _network}
    try:
        return readers[file.suffix](data)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return {"": _checksum(data)}


def _json(data: bytes) -> Facts:
    found = json.loads(data)
    for row in found if isinstance(found, list) else ():  # of gate.json
        if isinstance(row, dict) and str(row.get("file")).isdecimal():
            row |= {"file": "N", "bytes": "as many as its names need"}
    return dict(_leaves(found, ""))


def _leaves(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    else:
        return [(path, repr(value))]
    return [leaf for key, one in inside for leaf in _leaves(one, f"{path}/{key}")]


def _csv(data: bytes) -> Facts:
    rows = csv.DictReader(io.StringIO(data.decode()))
    return dict(_leaves(list(rows), ""))


def _variables(index: Path) -> str:
    """The checksum of all weights of a SavedModel, whatever their names; not of the
    random states of dropout, which prediction does not use."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(index.with_suffix("")))
    types = reader.get_variable_to_dtype_map().items()
    values = [reader.get_tensor(name) for name, kind in types if kind.is_floating]
    return _checksum(b"".join(sorted(value.tobytes() for value in values)))


def _network(data: bytes) -> Facts:
    found: Facts = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found["config"] = _checksum(archive.read("config.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:

            def add(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    found[name] = _checksum(item[()].tobytes())

            weights.visititems(add)
    return found


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True)
class Undisturbed:
    """What two undisturbed walks left.

    What they wrote alike, a disturbed one must write alike, bit for bit; what they did
    not (times, names of temporary files) must be there.
    """

    first: Facts
    second: Facts

    def differences(self, found: Facts) -> list[str]:
        """How a disturbed walk's end differs, in words."""
        wrong = [f"missing: {key}" for key in self.first if key not in found]
        wrong += [f"too much: {key}" for key in found if key not in self.first]
        wrong += [
            f"differs: {key}"
            for key, value in self.first.items()
            if key in found and value == self.second.get(key) and value != found[key]
        ]
        return wrong

    def exact(self) -> int:
        """How many facts the two agree in."""
        return sum(value == self.second.get(key) for key, value in self.first.items())
