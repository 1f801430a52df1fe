"""The list of the files that predict made: nothing else is ever written over.

The list lies in the folder of results, a line of JSON for each file: its name from
there, the SHA-256 of what it holds, and the source it was made of. So a second run may
replace what the first one made. A file that is not in the list, or that somebody
changed since, is the user's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kerasseg import UserError
from kerasseg.files import atomic

LIST = "predicted.jsonl"


class CannotWrite(UserError):
    """A result could not be written: the disk is full, or the folder is closed."""


class Made:
    """What predict made in a folder, in this and in earlier calls.

    Raises UserError where `LIST` is a file of somebody else.
    """

    def __init__(self, folder: Path) -> None:
        atomic.remove_leftovers(folder)
        self._folder, self._list = folder, folder / LIST
        self._lines, whole = _lines(self._list)
        self._known: dict[str, set[str]] = {}  # name -> digests
        for name, digest, _ in self._lines:
            self._known.setdefault(name, set()).add(digest)
        self._torn = not whole

    def made(self, file: Path) -> bool:
        """Whether a file is one that predict made, and unchanged."""
        known = self._known.get(self._name(file))
        if not known:
            return False
        return file.is_dir() or (file.is_file() and digest_of(file) in known)

    def refuse_others(self, files: Iterable[Path]) -> None:
        """Raises UserError where a file is there that predict did not make."""
        others = [one for one in files if _is_there(one) and not self.made(one)]
        if others:
            more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
            raise UserError(
                f"{others[0]}{more} is there and is not as predict made it: it is "
                "yours, and would be written over. Move it away, or choose another "
                "folder with --out."
            )

    @contextlib.contextmanager
    def replacing(self, file: Path, source: object) -> Iterator[Path]:
        """`listing`, where all that can go wrong in the block is writing.

        Raises CannotWrite where the disk is full or the folder cannot be written to.
        """
        try:
            with self.listing(file, source) as aside:
                yield aside
        except OSError as error:
            raise _cannot_write(file, error) from error

    @contextlib.contextmanager
    def listing(self, file: Path, source: object) -> Iterator[Path]:
        """`atomic.replacing` of a file or folder, which is in the list before it is
        there.

        Raises CannotWrite where the list cannot be written.
        """
        with atomic.replacing(file) as aside:
            yield aside
            self.add(file, source, aside)

    def write(self, file: Path, data: bytes, source: object) -> None:
        """Writes a result, whole or not at all; see `replacing`."""
        with self.replacing(file, source) as aside:
            aside.write_bytes(data)

    def add(self, file: Path, source: object, now: Path | None = None) -> None:
        """Puts a file or folder into the list. now: where it lies now."""
        now = now or file
        try:
            self._add(file, "" if now.is_dir() else digest_of(now), source)
        except OSError as error:
            raise _cannot_write(self._list, error) from error

    def _add(self, file: Path, digest: str, source: object) -> None:
        line = self._name(file), digest, str(source)
        if line in self._lines:
            return
        values = dict(zip(("file", "sha256", "source"), line, strict=True))
        self._list.parent.mkdir(parents=True, exist_ok=True)
        with self._list.open("a", encoding="utf-8") as opened:
            opened.write("\n" * self._torn + json.dumps(values) + "\n")
        self._torn = False
        self._lines.add(line)
        self._known.setdefault(line[0], set()).add(digest)

    def _name(self, file: Path) -> str:
        return Path(
            os.path.relpath(file.absolute(), self._folder.absolute())
        ).as_posix()


def results_around(folder: Path) -> set[Path]:
    """The results of earlier calls, by the lists of a folder and of those above."""
    found: set[Path] = set()
    real = folder.resolve()
    for one in (real, *real.parents):
        found |= results_in(one)
    return found


def results_in(folder: Path) -> set[Path]:
    """The results of earlier calls that the list of this folder names, and the list."""
    file = folder / LIST
    try:
        lines, _ = _lines(file)
    except (UserError, OSError):
        return set()
    if not lines:
        return set()
    real = folder.resolve()
    return {real / LIST, *(Path(os.path.normpath(real / name)) for name, _, _ in lines)}


def digest_of(file: Path) -> str:
    """The SHA-256 of what a file holds."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _cannot_write(file: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"{file} cannot be written: {error.strerror or error}. What is there is whole. "
        "Make room, or choose another folder with --out."
    )


def _is_there(file: Path) -> bool:
    return os.path.lexists(file)


def _lines(file: Path) -> tuple[set[tuple[str, str, str]], bool]:
    """File, digest and source of each line, and whether the last one is whole.

    A call that was killed may leave a line that is cut.
    """
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return set(), True
    except NotADirectoryError:
        raise UserError(
            f"{file.parent} is no folder, but a file or below one. Choose a folder "
            "with --out."
        ) from None
    lines = set()
    for number, line in enumerate(text.splitlines()):
        try:
            values = json.loads(line)
            lines.add((values["file"], values["sha256"], values["source"]))
        except (ValueError, TypeError, KeyError):
            if not number and "\n" in text:
                raise UserError(
                    f"{file} is no list of what predict made. Move it away, or choose "
                    "another folder with --out."
                ) from None
    return lines, not text or text.endswith("\n")
