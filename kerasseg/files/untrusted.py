"""Checks files from elsewhere before Keras opens them.

Keras' safe_mode refuses lambdas. It does not stop layers that read files or other
models by a path in their configuration, follows links of a weights file
(CVE-2025-1550, CVE-2025-9905, CVE-2025-12058, CVE-2025-12060 are of this kind), and
takes whatever memory a configuration asks for. Here only what a segmentation network
needs is accepted.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.files import hdf5, network_memory, stock_objects
from kerasseg.files.hdf5 import ALWAYS_ALLOWED, EXPANSION, Refused

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
COMPILED = "compile_config"
"""Optimizer and losses of a network, which prediction does not need."""
JSON_LIMIT = 32 << 20
"""Bytes of a JSON member, unpacked; that of the largest network here is 0.4 MB."""
VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}
"""What is no object of Keras: a number, an array, a part of an index."""
NUMBER_TYPE = re.compile(r"(bfloat|float|u?int|complex)\d{1,3}|bool")


@contextlib.contextmanager
def checked(file: str | Path) -> Iterator[Path]:
    """The path of a .keras file that was found harmless, to be opened in the block.

    It is the file itself, or a copy without what networks inside the network were
    compiled with: Keras leaves that out for the outer one only.

    Raises UserError as `check_network`.
    """
    file = Path(file)
    config = check_network(file)
    if config is None:
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(copy, "w") as new:
            new.writestr(CONFIG, json.dumps(config))
            new.writestr(METADATA, "{}")
            with (
                old.open(WEIGHTS) as source,
                new.open(WEIGHTS, "w", force_zip64=True) as target,
            ):
                shutil.copyfileobj(source, target)
        yield copy


def check_network(file: str | Path) -> dict[str, Any] | None:
    """Checks that a .keras file is harmless.

    That is: names, number and unpacked sizes of the archive's members; each class and
    function that its configuration names (`stock_objects`); its weights
    (`check_weights`); and the network needs no more numbers than the weights have, and
    no layer gives more than a computer can hold (`network_memory`).

    Returns the configuration where networks inside were compiled, without what they
    were compiled with; else None.

    Raises UserError that names the file and what is wrong.
    """
    version = ""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive)
            version = _keras_version(archive)
            config = json.loads(archive.read(CONFIG))
            weights = io.BytesIO(archive.read(WEIGHTS))
            stored = archive.getinfo(WEIGHTS).compress_size
        if not isinstance(config, dict):
            raise Refused(f"{CONFIG} is not an object")
        config = {key: value for key, value in config.items() if key != COMPILED}
        changed = _without_compile(config)
        _check_config(config)
        network_memory.check(config, hdf5.check(weights, stored))
    except Exception as error:  # zipfile, json, h5py and Keras raise many kinds
        old = f" It was written by Keras {version}: make it anew with Keras 3."
        raise UserError(
            f"{file} is not a network of stock Keras layers, or is damaged: it was "
            f"refused ({_reason(error)}).{old if version[:1] in ('1', '2') else ''}"
        ) from error
    return config if changed else None


def check_weights(file: str | Path) -> None:
    """Checks that a .weights.h5 file holds its own numbers only, see `hdf5.check`.

    Raises UserError that names the file and what is wrong.
    """
    try:
        hdf5.check(str(file), Path(file).stat().st_size)
    except Exception as error:  # h5py raises many kinds
        raise UserError(
            f"{file} is not a weights file, or is damaged: it was refused "
            f"({_reason(error)})."
        ) from error


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())[:300]
    return words if isinstance(error, Refused) else f"{type(error).__name__}: {words}"


def _check_members(archive: zipfile.ZipFile) -> None:
    names = [member.filename for member in archive.infolist()]
    for name in names:
        if name not in (CONFIG, METADATA, WEIGHTS):
            raise Refused(f"it holds the unexpected member {name[:100]!r}")
        if names.count(name) > 1:
            raise Refused(f"it holds {name} twice")
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise Refused(f"it holds no {name}")
    for member in archive.infolist():
        size, name = member.file_size, member.filename
        if size > max(ALWAYS_ALLOWED, EXPANSION * member.compress_size):
            raise Refused(f"{name} would unpack to {size:,} bytes, a bomb")
        if name != WEIGHTS and size > JSON_LIMIT:
            raise Refused(f"{name} has {size:,} bytes, more than {JSON_LIMIT:,}")


def _keras_version(archive: zipfile.ZipFile) -> str:
    """The version of Keras that wrote a file; "" where it does not say so."""
    try:
        return str(json.loads(archive.read(METADATA))["keras_version"])[:20]
    except (KeyError, ValueError, TypeError, RecursionError):
        return ""


def _without_compile(value: Any) -> bool:
    """Takes the settings of compiled networks out; whether there were any."""
    waiting, found = [value], False  # not recursive: the depth is the file's choice
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found |= bool(value.pop(COMPILED, None))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _check_config(value: Any) -> None:
    """Each {"class_name": ...} anywhere inside must be one that is known."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                _check_class(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_class(value: dict) -> None:
    kind, module = value["class_name"], value.get("module")
    name, what = kind, f"{module}.{kind}"
    if isinstance(kind, str) and kind in VALUES:
        known = _is_plain(kind, value.get("config"))
    elif kind == "function":
        name, what = value.get("config"), f"{module}.{value.get('config')}"
        known = stock_objects.is_activation(module, name)
    else:
        known = stock_objects.is_stock_class(module, name)
    # Keras looks for a registered name first.
    if not known or value.get("registered_name") not in (None, name):
        raise Refused(f"its {CONFIG} names {what[:100]!r}, which is not allowed")


def _is_plain(kind: str, config: Any) -> bool:
    """Whether an array is one of numbers: one of texts may say how long each is."""
    if kind not in ("__tensor__", "__numpy__"):
        return True
    known = config.get("dtype") if isinstance(config, dict) else None
    return isinstance(known, str) and NUMBER_TYPE.fullmatch(known) is not None
