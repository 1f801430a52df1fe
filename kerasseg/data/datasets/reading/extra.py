"""Packages that only some datasets need: imported late, with the extra in the error."""

from __future__ import annotations

import importlib
from types import ModuleType

from kerasseg import UserError


def needs(module: str) -> ModuleType:
    """The imported module; ValueError that says what to install if it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"This dataset needs the package {module.split('.')[0]} ({error}). Install "
            "it with: pip install 'kerasseg[datasets]'."
        ) from error
