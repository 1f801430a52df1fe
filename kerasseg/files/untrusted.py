"""Checks files from elsewhere before Keras opens them.

Keras' safe_mode refuses lambdas. It does not stop layers that read files or other
models by a path in their configuration, and follows links of a weights file
(CVE-2025-1550, CVE-2025-9905, CVE-2025-12058, CVE-2025-12060 are of this kind). Here
only what a segmentation network needs is accepted.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from kerasseg import UserError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
JSON_LIMIT = 64 << 20
"""Bytes of a JSON member, unpacked; that of the largest network here is 0.4 MB."""
EXPANSION = 100
"""How many times larger than stored a member or an array may be."""
ALWAYS_ALLOWED = 1 << 20
"""Bytes that may be unpacked however little is stored."""
MAX_OBJECTS = 100_000
"""The most groups and arrays that a weights file may hold."""

MODULES = {"keras", "keras.layers", "keras.models", "keras.initializers"}
MODULES |= {"keras.regularizers", "keras.constraints", "keras.dtype_policies"}
MODULES |= {"keras.src.models.functional", "keras.src.models.sequential"}
OPERATIONS = "keras.src.ops."
FUNCTIONS = {"builtins", "keras.activations"}
VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}
RISKY = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
RISKY |= {"TextVectorization", "StringLookup", "IntegerLookup"}
"""Layers that run code of the file, or read other files that it names."""
FILTERS = {1, 2, 3}
"""Of HDF5: deflate, shuffle, checksum. Others are plug-ins, so code from a folder."""


def check_network(file: str | Path) -> None:
    """Checks that a .keras file is harmless.

    That is: names, number and unpacked sizes of the archive's members, each class and
    function that its configuration names, and its weights (`check_weights`).

    Raises UserError that names the file and what is wrong.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive)
            config = json.loads(archive.read(CONFIG))
            weights = io.BytesIO(archive.read(WEIGHTS))
        if not isinstance(config, dict):
            raise _Refused(f"{CONFIG} is not an object")
        # Keras is told not to compile, and then does not look at this.
        _check_config({k: v for k, v in config.items() if k != "compile_config"})
        _check_hdf5(weights)
    except Exception as error:  # zipfile, json and h5py raise many kinds
        raise UserError(
            f"{file} is not a network of stock Keras layers, or is damaged: it was "
            f"refused ({_reason(error)})."
        ) from error


def check_weights(file: str | Path) -> None:
    """Checks that a .weights.h5 file holds its own numbers only.

    That is: no links to other files or places, no arrays kept elsewhere, no filters of
    plug-ins, no array that is far larger than what is stored of it.

    Raises UserError that names the file and what is wrong.
    """
    try:
        _check_hdf5(str(file))
    except Exception as error:  # h5py raises many kinds
        raise UserError(
            f"{file} is not a weights file, or is damaged: it was refused "
            f"({_reason(error)})."
        ) from error


class _Refused(ValueError):
    """What is wrong, in words."""


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())[:300]
    return words if isinstance(error, _Refused) else f"{type(error).__name__}: {words}"


def _check_members(archive: zipfile.ZipFile) -> None:
    names = [member.filename for member in archive.infolist()]
    for name in names:
        if name not in (CONFIG, METADATA, WEIGHTS):
            raise _Refused(f"it holds the unexpected member {name[:100]!r}")
        if names.count(name) > 1:
            raise _Refused(f"it holds {name} twice")
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise _Refused(f"it holds no {name}")
    for member in archive.infolist():
        size, name = member.file_size, member.filename
        if size > max(ALWAYS_ALLOWED, EXPANSION * member.compress_size):
            raise _Refused(f"{name} would unpack to {size:,} bytes, a bomb")
        if name != WEIGHTS and size > JSON_LIMIT:
            raise _Refused(f"{name} has {size:,} bytes, more than {JSON_LIMIT:,}")


def _check_config(value: object) -> None:
    """Each {"class_name": ...} anywhere inside must be one that is known."""
    waiting = [value]  # not recursive: the depth is the file's choice
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
    what = f"{module}.{kind}"
    if kind == "function":
        known, what = module in FUNCTIONS, f"{module}.{value.get('config')}"
    elif module is None:
        known, what = kind in VALUES, str(kind)
    else:
        known = module in MODULES or str(module).startswith(OPERATIONS)
        known &= kind not in RISKY and value.get("registered_name") in (None, kind)
    if not known:
        raise _Refused(f"its {CONFIG} names {what[:100]!r}, which is not allowed")


def _check_hdf5(file: str | io.BytesIO) -> None:
    import h5py
    from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

    with h5py.File(file, "r") as opened:
        waiting: list[h5py.Group] = [opened]
        seen = 0
        known = {h5o.get_info(opened.id).addr}
        while waiting:
            group = waiting.pop()
            for name in group:
                seen += 1
                path = f"{str(group.name).rstrip('/')}/{name}"[:100]
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise _Refused(f"its weights hold {path}, a {type(link).__name__}")
                item = group[name]
                place = h5o.get_info(item.id).addr
                if place in known or seen > MAX_OBJECTS:
                    raise _Refused(f"its weights are linked in circles at {path}")
                known.add(place)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                else:
                    _check_array(item, path)


def _check_array(item: object, path: str) -> None:
    import h5py

    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf":
        raise _Refused(f"its weights hold {path}, which is not an array of numbers")
    if item.external or item.is_virtual:
        raise _Refused(f"its weights hold {path}, which lies in another file")
    settings = item.id.get_create_plist()
    filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if filters - FILTERS:
        raise _Refused(f"its weights hold {path} with the HDF5 filters {filters}")
    size = (item.size or 0) * item.dtype.itemsize
    if size > max(ALWAYS_ALLOWED, EXPANSION * item.id.get_storage_size()):
        raise _Refused(f"its weights hold {path} of {size:,} bytes, a bomb")
