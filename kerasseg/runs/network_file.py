"""Which file a network is read from, and what is said of files that hold none."""

from __future__ import annotations

import zipfile
from pathlib import Path

from kerasseg import UserError

NAME = "network.keras"
HDF5, LITERT = b"\x89HDF\r\n\x1a\n", b"TFL3"
SAVE = 'save it there with model.save("NAME.keras") of Keras 3'
OTHERS = {
    ".onnx": "an ONNX file",
    ".pb": "a graph of TensorFlow",
    ".pt": "a file of PyTorch",
    ".pth": "a file of PyTorch",
    ".ckpt": "a checkpoint",
    ".index": "a checkpoint of TensorFlow",
    ".safetensors": "a file of weights without a network",
    ".npz": "a file of arrays",
}
"""Endings of files that hold networks for others, or parts of them."""


def network_file(path: Path) -> Path:
    """The .keras file of a run folder, or `path` itself where it is one.

    Raises UserError that says what else is there.
    """
    if path.is_dir():
        return _inside(path)
    if not path.is_file():
        raise UserError(
            f"No network at {path}. Expected a run folder with {NAME} (made by "
            "python -m kerasseg.train) or a .keras file."
        )
    with path.open("rb") as opened:
        start = opened.read(8)
    if start == HDF5:
        raise UserError(_hdf5(path))
    if start[4:] == LITERT:
        raise UserError(f"{path} is a LiteRT file. Predict with --litert {path}.")
    if path.suffix == ".keras":
        return path
    if _holds_config(path):
        raise UserError(f"{path} is not called .keras, but is one. Rename it.")
    what = OTHERS.get(path.suffix.lower(), "no network that is known here")
    raise UserError(
        f"{path} is not a .keras file, but {what}. Open it where it was made, and "
        f"{SAVE}."
    )


def _inside(folder: Path) -> Path:
    file = folder / NAME
    if file.is_file():
        return file
    if (folder / "saved_model.pb").is_file():
        raise UserError(
            f"{folder} is a SavedModel, which cannot be made into a network again. "
            "Name the .keras file that it was exported from, or serve it with python "
            "-m kerasseg.serve."
        )
    if (folder / "config.json").is_file() and (folder / "model.weights.h5").is_file():
        raise UserError(
            f"{folder} is an unpacked .keras file. Pack its files into one: cd "
            f"{folder} && zip ../{folder.name}.keras *"
        )
    others = sorted(f.name for f in folder.glob("*.keras"))
    if len(others) == 1:
        raise UserError(
            f"No network at {file}, but {folder / others[0]} is one. Name that file."
        )
    listed = f"It holds {', '.join(others[:5])}: name one of them." if others else ""
    raise UserError(
        f"No network at {file}. Expected a run folder with {NAME} (made by python -m "
        f"kerasseg.train) or a .keras file. {listed}".rstrip()
    )


def _hdf5(path: Path) -> str:
    """Of a file that begins as HDF5; what it holds is told without being trusted."""
    import h5py

    try:
        with h5py.File(path, "r") as opened:
            whole = "model_config" in opened.attrs
    except OSError:
        return f"{path} is a damaged HDF5 file. Copy it again."
    if whole:
        return (
            f"{path} is not a .keras file of today, but a network in the older HDF5 "
            f"form, which may hold code. Open it where it is trusted, and {SAVE}."
        )
    return (
        f"{path} is not a .keras file: it holds weights without their network. Load "
        f"them into the network that they are of, and {SAVE}."
    )


def _holds_config(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
