"""The terminal: errors that a person can act on, and quiet native libraries."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from kerasseg import UserError, __version__


def command(main: Callable[[list[str]], None]) -> Callable[..., None]:
    """Wraps `main(argv)` of a command: one line and exit code 2 for a wrong input.

    A UserError, any OSError (missing file, full disk) and a lack of memory are messages
    to the user. All else is a defect and keeps its traceback. Ctrl-C ends with exit
    code 130.

    Returns main with its argument optional: without it, the words of the command line.
    """

    @functools.wraps(main)
    def guarded(argv: list[str] | None = None) -> None:
        file = Path(main.__code__.co_filename)
        name = file.parent.name if file.stem == "__main__" else file.stem
        words = sys.argv[1:] if argv is None else argv
        if words == ["--version"]:
            print(f"kerasseg {__version__}")
            return
        try:
            main(words)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(130)
        except (UserError, OSError) as error:
            text = " ".join(str(error).split())
            print(f"kerasseg {name}: error: {text}", file=sys.stderr)
            sys.exit(2)
        except Exception as error:
            if not is_lack_of_memory(error):
                raise
            text = " ".join(str(error).split())[:200]
            print(
                f"kerasseg {name}: error: Out of memory ({type(error).__name__}: "
                f"{text}). Give it more memory, or smaller work: lower --data.batch, "
                "--data.crop or --data.size of a training, --batch of other commands.",
                file=sys.stderr,
            )
            sys.exit(2)

    return guarded


LACK_OF_MEMORY = (
    "ResourceExhausted",
    "RESOURCE_EXHAUSTED",
    "OutOfMemoryError",
    "bad_alloc",
    "Insufficient memory",
)
"""How TensorFlow, JAX, Torch, C++ and OpenCV say it, in an error's name or words."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error, of Python or of a framework, says that memory ran out."""
    said = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(one in said for one in LACK_OF_MEMORY)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Holds back what is written to the process's stderr, also from C++.

    It is shown after all when the block raises: it may tell why.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def start_tensorflow() -> None:
    """Imports TensorFlow and looks for devices, without its log lines."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        import tensorflow as tf

        tf.config.list_physical_devices()
        # The first operation makes the devices, which logs too.
        tf.zeros(()).numpy()


def counted(number: int, what: str = "image", width: int = 0) -> str:
    """ "1 image", "2 images"; width: of the number, with blanks before it."""
    return f"{number:{width}} {what}{'' if number == 1 else 's'}"
