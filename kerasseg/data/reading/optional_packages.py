"""Packages that only some datasets need: imported when one is read, not before."""

from __future__ import annotations

import importlib
from types import ModuleType

from kerasseg import UserError


def require(module: str) -> ModuleType:
    """The imported module.

    Raises UserError that says what to install where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"This dataset needs the package {module.split('.')[0]} ({error}). Install "
            "it with: pip install 'kerasseg[datasets]'."
        ) from error
