"""The tensors of a file of Torch, whatever a program wrapped around them.

Read are state dictionaries (.pth, .pt), checkpoints that hold one beside an optimizer
and an epoch, and .safetensors. No code of a file is run: see
`kerasseg.models.encoders.pytorch_file`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kerasseg import UserError
from kerasseg.models.encoders import pytorch_file

WRAPPINGS = ("state_dict", "model_state_dict", "model_state", "model", "net")
"""Keys under which checkpoints hold the state dictionary, the likeliest first."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What wrappers (DataParallel, Lightning, torch.compile) put before all names."""
SAFETENSORS: dict[str, Any] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": ml_dtypes.bfloat16,
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}
"""Types of numbers in a .safetensors file that NumPy has too."""
LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors by name, without the prefixes that wrappers put before all of them.

    Floating point numbers of another width come as float32.

    Raises:
        UserError: for a file that is missing, damaged, of another kind, without a state
            dictionary, or that would run code.
    """
    if not path.is_file():
        raise UserError(
            f"No file {path}. Expected weights of Torch: .pth or .safetensors."
        )
    if path.suffix == ".safetensors":
        found: dict[str, Any] = _safetensors(path)
    else:
        found = pytorch_file.read_nested(path)
    tensors = _unwrapped(found, path.name)
    return {
        name: array.astype("float32") if _is_float(array) else array
        for name, array in without_prefixes(tensors).items()
    }


def without_prefixes(tensors: dict[str, Any]) -> dict[str, Any]:
    """The same with shorter names where all begin with a wrapper's prefix.

    >>> without_prefixes({"model.module.a": 1, "model.module.b": 2})
    {'a': 1, 'b': 2}
    """
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            bare = {name.removeprefix(prefix): value for name, value in tensors.items()}
            return without_prefixes(bare)
    return tensors


def _unwrapped(found: dict[str, Any], file: str) -> dict[str, np.ndarray]:
    """The state dictionary in a checkpoint."""
    if found and all(isinstance(value, np.ndarray) for value in found.values()):
        return found
    for key in WRAPPINGS:
        if isinstance(found.get(key), dict):
            return _unwrapped(found[key], file)
    tensors = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
    if not tensors:
        keys = ", ".join(map(str, list(found)[:8])) or "nothing"
        raise UserError(
            f"{file} holds {keys}, and no state dictionary is known under such a name. "
            "Write one with torch.save(model.state_dict(), path)."
        )
    other = next(key for key in found if key not in tensors)
    raise UserError(
        f"Entry '{other}' of {file} is a {type(found[other]).__name__}, not a tensor; "
        "expected a state dictionary (torch.save(model.state_dict(), path))."
    )


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    """A JSON header, its length before it, and the numbers behind."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, LONGEST_HEADER):
        raise UserError(f"{path.name} is cut, or no .safetensors file; fetch it again.")
    numbers = memoryview(content)[8 + length :]
    try:
        header = json.loads(content[8 : 8 + length])
        header.pop("__metadata__", None)
        return {
            str(name): _array(str(name), entry, numbers)
            for name, entry in header.items()
        }
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path.name} is damaged ({type(error).__name__}: {error}); fetch it again."
        ) from error


def _array(name: str, entry: dict[str, Any], numbers: memoryview) -> np.ndarray:
    if entry["dtype"] not in SAFETENSORS:
        raise UserError(
            f"'{name}' has numbers of type {entry['dtype']}; read are "
            f"{', '.join(SAFETENSORS)}. Save it as float32."
        )
    dtype = np.dtype(SAFETENSORS[entry["dtype"]])
    shape = tuple(map(int, entry["shape"]))
    begin, end = map(int, entry["data_offsets"])
    if min((*shape, begin)) < 0 or end - begin != math.prod(shape) * dtype.itemsize:
        raise UserError(f"'{name}' has another length than its shape {shape} says")
    if end > len(numbers):
        raise UserError(f"is cut: '{name}' ends behind the file; fetch it again")
    return np.frombuffer(numbers[begin:end], dtype).reshape(shape).copy()
