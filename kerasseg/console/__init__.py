"""The terminal: errors that a person can act on, and how much is said.

Every command takes -q (only errors and warnings are said; the exit code tells the rest)
and -v (also what native libraries log, and the traceback of an error).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import tempfile
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, TypeVar

from kerasseg import UserError, __version__

Value = TypeVar("Value")


def command(main: Callable[[list[str]], None]) -> Callable[..., None]:
    """Wraps `main(argv)` of a command: one line and exit code 2 for a wrong input.

    A UserError, any OSError (missing file, full disk) and a lack of memory are messages
    to the user. All else is a defect and keeps its traceback. Ctrl-C ends with exit
    code 130. The words -q, --quiet, -v and --verbose are taken out.

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
            with _as_loud_as(words):
                others = [word for word in words if word not in WORDS]
                _refuse_empty(others)
                main(others)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(130)
        except (UserError, OSError) as error:
            if {"-v", "--verbose"} & {*words}:
                traceback.print_exc()
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


LOUDNESS = "KERASSEG_LOUDNESS"
"""Environment variable: quiet or verbose, of this process and those that it starts."""
IN_HELP = (
    "Every command also takes -q (only errors and warnings are said) and -v (also what "
    "TensorFlow logs, and where in the program an error came from)."
)
WORDS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}


def is_quiet() -> bool:
    """Whether -q was given: nothing is said but errors and warnings."""
    return os.environ.get(LOUDNESS) == "quiet"


def is_verbose() -> bool:
    """Whether -v was given."""
    return os.environ.get(LOUDNESS) == "verbose"


@contextlib.contextmanager
def _as_loud_as(words: list[str]) -> Iterator[None]:
    """Does what -q or -v among the words of a command say, and undoes it at the end."""
    asked = {WORDS[word] for word in words if word in WORDS}
    if len(asked) > 1:
        raise UserError("-q and -v contradict each other. Leave one out.")
    before = os.environ.get(LOUDNESS, "")
    os.environ[LOUDNESS] = asked.pop() if asked else before
    try:
        with _muted() if is_quiet() else contextlib.nullcontext():
            yield
    finally:
        os.environ[LOUDNESS] = before


def _refuse_empty(words: list[str]) -> None:
    """Raises UserError for "" where no flag stands before it: Python would take it for
    the folder that one stands in."""
    for before, word in zip(["", *words], words, strict=False):
        if not word and not before.startswith("--"):
            raise UserError(
                "An argument is empty, expected a path or a name. Is a variable of "
                "your shell not set?"
            )


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Throws away what is printed; warnings and errors go to stderr."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


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

    It is shown after all when the block raises: it may tell why; and with -v.
    """
    if is_verbose():
        yield
        return
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


def before_tensorflow() -> None:
    """Where Torch is the backend, loads Triton: Torch does so late, and its LLVM
    crashes behind that of TensorFlow."""
    if os.environ.get("KERAS_BACKEND") == "torch":
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")


def start_tensorflow() -> None:
    """Imports TensorFlow and looks for devices, without its log lines."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if is_verbose() else "3")
    with silenced():
        before_tensorflow()
        import tensorflow as tf

        tf.config.list_physical_devices()
        # The first operation makes the devices, which logs too.
        tf.zeros(()).numpy()


COLUMNS = 80
"""Of a terminal, in which everything that is printed fits."""


def say(text: str, to: TextIO | None = None) -> None:
    """Prints sentences, in lines of at most 80 columns; what follows the first one of a
    line is indented by two more. Names of files and flags stay whole, to be copied.

    to: stdout, if it is not said.
    """
    print("\n".join(map(_folded, text.split("\n"))), file=to, flush=True)


def _folded(line: str) -> str:
    rest = line.lstrip()
    indent = line[: len(line) - len(rest)]
    return textwrap.fill(
        rest,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


class Step:
    """A long piece of work: says what is done, and how far it is.

    At a terminal one line is written over; elsewhere there is one every `SECONDS`.
    """

    SECONDS = 10.0

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self._told, self._began = time.monotonic(), time.monotonic()
        self._tty = sys.stdout.isatty()
        self._tell()

    def __call__(self, value: Value) -> Value:
        """Counts one more; gives the value back."""
        self.done += 1
        now = time.monotonic()
        if now - self._told >= (0.2 if self._tty else self.SECONDS):
            self._told = now
            self._tell()
        return value

    def _tell(self) -> None:
        so_far = f" {self.done} of {self.total}" if self.total > 1 else ""
        line = f"{self.what}{so_far} ..."
        if self._tty:
            print(f"\r{line:79}", end="", flush=True)
        else:
            print(line, flush=True)

    def end(self) -> None:
        """Says how long it took."""
        seconds = time.monotonic() - self._began
        line = f"{self.what}: {seconds:.0f} s"
        if self._tty:
            print(f"\r{line:79}", flush=True)
        elif seconds >= 1:
            print(line, flush=True)


@contextlib.contextmanager
def counting(what: str, total: int = 1) -> Iterator[Step]:
    """A `Step` that is ended with the block."""
    step = Step(what, total)
    yield step
    step.end()


def hidden_bar() -> bool | None:
    """Whether a bar of tqdm is hidden, as it takes it (`disable`): with -q; else only
    where it would not be written to a terminal."""
    return True if is_quiet() else None


def counted(number: int, what: str = "image", width: int = 0) -> str:
    """ "1 image", "2 images"; width: of the number, with blanks before it."""
    return f"{number:{width}} {what}{'' if number == 1 else 's'}"
