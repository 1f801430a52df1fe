"""Packages that only some files and datasets need: imported when one is read."""

from __future__ import annotations

import importlib
from types import ModuleType

from kerasseg import UserError

EXTRAS = {
    "rasterio": "kerasseg[geo]",
    "pyogrio": "kerasseg[geo]",
    "pillow_heif": "kerasseg[heic]",
    "pydicom": "kerasseg[dicom]",
    "av": "kerasseg[video]",
    **dict.fromkeys(("nibabel", "SimpleITK", "zarr"), "kerasseg[volumes]"),
    "tifffile": "tifffile imagecodecs",
    "imagecodecs": "imagecodecs",
    "PIL": "pillow",
}
"""Module -> what to install for it; any other comes with `kerasseg[datasets]`."""


class MissingPackage(UserError):
    """A package is missing. command: what installs it."""

    def __init__(self, text: str, command: str) -> None:
        super().__init__(text)
        self.command = command


def require(module: str, reason: object = "This dataset") -> ModuleType:
    """The imported module. reason: the file or thing that needs it.

    Raises MissingPackage where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackage(
            f"{reason} needs the package {module.split('.')[0]} ({error}). Install "
            f"it with: {install(module)}.",
            install(module),
        ) from error


def install(module: str) -> str:
    """The command that installs a module: "pip install 'kerasseg[heic]'"."""
    wanted = EXTRAS.get(module.split(".")[0], "kerasseg[datasets]")
    return f"pip install '{wanted}'" if "[" in wanted else f"pip install {wanted}"
