"""Reads a PyTorch weights file (.pth) without torch and without running its code.

Such a file is a pickle, and a pickle may call any function of any module. Here it may
only name an ordered dictionary, tensors and their storages; anything else is refused.
Both layouts are read: the zip file that torch.save writes since version 1.6, and the
older one (five pickles in a row, then the numbers).
"""

from __future__ import annotations

import io
import math
import pickle  # read by the restricted unpickler below only
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kerasseg import UserError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The number with which files of before version 1.6 begin."""
STORAGES: dict[str, Any] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
    "BFloat16Storage": ml_dtypes.bfloat16,
}
"""Class of a storage in torch -> type of its numbers in numpy."""


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary by name, in the file's order.

    Raises:
        UserError: for a file that is cut or damaged, that holds anything but a flat
            dictionary of tensors, or that names any other Python object.
    """

    def flat(found: dict, numbers: dict[str, bytes]) -> dict[str, np.ndarray]:
        return {name: _array(name, value, numbers) for name, value in found.items()}

    return _read(Path(path), flat)


def read_nested(path: str | Path) -> dict[str, Any]:
    """What a checkpoint holds: tensors as arrays, and around them dictionaries, lists,
    numbers and texts.

    Raises:
        UserError: as `read`, but for what is around the tensors.
    """

    def nested(found: dict, numbers: dict[str, bytes]) -> dict[str, Any]:
        return {str(key): _plain(str(key), v, numbers) for key, v in found.items()}

    return _read(Path(path), nested)


def _read(path: Path, make: Callable[[dict, dict[str, bytes]], dict]) -> dict[str, Any]:
    content = path.read_bytes()
    try:
        is_zip = zipfile.is_zipfile(io.BytesIO(content))
        found, numbers = _read_zip(content) if is_zip else _read_legacy(content)
        if not isinstance(found, dict):
            raise UserError(f"holds a {type(found).__name__}, not a state dictionary")
        return make(found, numbers)
    except ValueError as error:
        raise UserError(f"PyTorch file {path.name}: {error}") from error
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        struct.error,
        EOFError,
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
        NotImplementedError,
        RecursionError,
    ) as error:
        raise UserError(
            f"PyTorch file {path.name} is cut or damaged ({error!r}); fetch it again."
        ) from error


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: Any
    length: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple  # in elements


class _StateDict(pickle.Unpickler):
    """Knows only what a state dictionary needs; the values stay stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return name
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
            ("torch", "Size"): tuple,
        }
        if (module, name) not in known:
            raise UserError(
                f"it asks for {module}.{name}, which plain weights do not need and "
                "which could run code; it was not run. Use a file with weights only "
                "(torch.save(model.state_dict(), path))."
            )
        return known[module, name]

    def persistent_load(self, identity: Any) -> _Storage:
        kind, storage, key, _, length, *_ = identity
        if kind != "storage" or storage not in STORAGES:
            raise UserError(f"unknown storage {identity!r}")
        return _Storage(str(key), STORAGES[storage], int(length))


class _Plain(pickle.Unpickler):
    """Numbers, strings, lists and dictionaries only."""

    def find_class(self, module: str, name: str) -> Any:
        raise UserError(f"it asks for {module}.{name} in its header; it was not run")


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _rebuild_parameter(tensor: _Tensor, *_: Any) -> _Tensor:
    return tensor


def _read_zip(content: bytes) -> tuple[Any, dict[str, bytes]]:
    """What was pickled, and the bytes of each storage."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if any(one.compress_type for one in archive.infolist()):
            # torch.save stores its entries. A small file may hold any number of zeros.
            raise UserError("its entries are compressed, which torch.save never does")
        pickled = [name for name in names if name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise UserError("a zip file, but not one that torch.save wrote")
        folder = pickled[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in names and archive.read(order) != b"little":
            raise UserError("numbers are stored big-endian; only little is read")
        found = _StateDict(io.BytesIO(archive.read(pickled[0]))).load()
        prefix = f"{folder}data/"
        keys = [name for name in names if name.startswith(prefix)]
        return found, {key.removeprefix(prefix): archive.read(key) for key in keys}


def _read_legacy(content: bytes) -> tuple[Any, dict[str, bytes]]:
    """The same of a file of before version 1.6."""
    stream = io.BytesIO(content)
    if _Plain(stream).load() != LEGACY_MAGIC:
        raise UserError("not a file that torch.save wrote")
    _Plain(stream).load()  # protocol version
    if not _Plain(stream).load()["little_endian"]:
        raise UserError("numbers are stored big-endian; only little is read")
    unpickler = _StateDict(stream)
    found = unpickler.load()
    sizes = {
        tensor.storage.key: np.dtype(tensor.storage.dtype).itemsize
        for tensor in _tensors(found)
    }
    numbers = {}
    for key in _Plain(stream).load():
        (length,) = struct.unpack("<q", stream.read(8))
        numbers[key] = stream.read(length * sizes[key])
    return found, numbers


def _tensors(found: Any) -> Iterator[_Tensor]:
    if isinstance(found, _Tensor):
        yield found
    elif isinstance(found, dict | list | tuple):
        for value in found.values() if isinstance(found, dict) else found:
            yield from _tensors(value)


def _plain(name: str, value: Any, numbers: dict[str, bytes]) -> Any:
    if isinstance(value, _Tensor):
        return _array(name, value, numbers)
    if isinstance(value, dict):
        return {
            str(key): _plain(f"{name}.{key}", one, numbers)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(f"{name}.{i}", one, numbers) for i, one in enumerate(value)]
    return value


def _array(name: str, tensor: Any, numbers: dict[str, bytes]) -> np.ndarray:
    if not isinstance(tensor, _Tensor):
        raise UserError(
            f"entry '{name}' is a {type(tensor).__name__}, not a tensor; expected a "
            "flat state dictionary (torch.save(model.state_dict(), path))"
        )
    storage = tensor.storage
    dtype = np.dtype(storage.dtype)
    stored = numbers[storage.key]
    if len(stored) != storage.length * dtype.itemsize:
        raise UserError(f"is cut: '{name}' has {len(stored)} bytes of its storage")
    # Checked before as_strided, which would read whatever lies beyond the storage.
    pairs = list(zip(tensor.shape, tensor.strides, strict=True))
    if any(size < 0 or step < 0 for size, step in pairs) or tensor.offset < 0:
        raise UserError(f"'{name}' has a negative size, stride or offset")
    if math.prod(tensor.shape) == 0:
        return np.zeros(tensor.shape, dtype)
    last = tensor.offset + sum((size - 1) * step for size, step in pairs)
    if last >= storage.length:
        raise UserError(f"'{name}' reaches beyond its storage")
    flat = np.frombuffer(stored, dtype)[tensor.offset :]
    strides = [step * dtype.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides).copy()
