"""Callbacks of the user's own: --callbacks MODULE:FUNCTION."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import UserError

if TYPE_CHECKING:
    import keras


def check(named: Sequence[str]) -> None:
    """Raises UserError where a module is not there. It is not imported: most import
    Keras, which takes seconds and begins the backend."""
    for one in named:
        module, _, _ = one.partition(":")
        with _here():
            try:
                there = importlib.util.find_spec(module)
            except (ImportError, ValueError):
                there = None
        if there is None:
            raise UserError(
                f"--callbacks {one}: no module '{module}' in {Path.cwd()} or among the "
                "installed packages. Name one as MODULE:FUNCTION, without .py."
            )


def load(named: Sequence[str], processes: int = 1) -> list[keras.callbacks.Callback]:
    """The callbacks that the functions give, in their order.

    named: as MODULE:FUNCTION. processes: of the training.

    Raises UserError, which names the function, where it cannot be imported or called
    or gives something else, and for several processes, of which one could stop alone.
    """
    import keras

    if named and processes > 1:
        raise UserError(
            "--callbacks does not go with several processes, which must all do the "
            "same. Leave it out."
        )
    found: list[keras.callbacks.Callback] = []
    for one in named:
        try:
            given = _called(one)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"--callbacks {one} failed ({type(error).__name__}: {error})."
            ) from error
        listed = list(given) if isinstance(given, list | tuple) else [given]
        wrong = [c for c in listed if not isinstance(c, keras.callbacks.Callback)]
        if wrong:
            raise UserError(
                f"--callbacks {one} must give a list of keras.callbacks.Callback, it "
                f"gave {type(wrong[0]).__name__}."
            )
        found += listed
    return found


def _called(named: str) -> object:
    module, _, name = named.partition(":")
    with _here():
        function = getattr(importlib.import_module(module), name, None)
        if not callable(function):
            raise UserError(
                f"--callbacks {named}: {module} has no function '{name}'. It is called "
                "without arguments and gives a list of Keras callbacks."
            )
        return function()


@contextlib.contextmanager
def _here() -> Iterator[None]:
    """Modules of the folder that one stands in are found, as of `python -m`."""
    here = str(Path.cwd())
    known = here in sys.path or "" in sys.path
    if not known:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if not known:
            sys.path.remove(here)
