"""A bounded look at what lies below a folder: names only, no file is opened."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.reading.pairing.folders import ending_of
from kerasseg.data.reading.pairing.names import is_junk
from kerasseg.data.reading.pictures.image import SUFFIXES

DEPTH = 6
"""Folders inside one another that are looked into, at most."""
FOLDERS = 1500
"""Folders that are looked into, at most."""
INNER = 20
"""Folders of one folder that are looked into, below the second level."""
ENTRIES = 200_000
"""Files and folders of one folder that are looked at, at most."""
ALIKE = 60
"""Files of one ending that are kept of each folder, the first by name."""


@dataclass(frozen=True)
class Listing:
    """Paths below `root` with "/" between, a line each; of large folders some.

    counts: files of each ending, as far as they were looked at.
    """

    root: Path
    names: tuple[str, ...]
    counts: Counter[str] = field(default_factory=Counter)

    @cached_property
    def text(self) -> str:
        return "\n".join(self.names)

    def first(self, pattern: str) -> str:
        """The first path that fits a pattern of `expression`; "" for none."""
        found = expression(pattern).search(self.text)
        return found[0] if found else ""

    def all(self, pattern: str) -> list[str]:
        """All paths that fit a pattern of `expression`."""
        return [found[0] for found in expression(pattern).finditer(self.text)]

    def below(self, folder: str) -> Listing:
        """The part of it that lies in a folder."""
        inside = [n for n in self.names if n.startswith(f"{folder}/")]
        names = tuple(name[len(folder) + 1 :] for name in inside)
        counts = Counter(ending_of(name.rpartition("/")[2]) for name in names)
        return Listing(self.root / folder, names, counts)

    def folders(self) -> list[str]:
        """Folders with files in them, or in folders of theirs; those outside first."""
        parts = [name.split("/")[:-1] for name in self.names]
        found = {"/".join(p[:n]) for p in parts for n in range(1, len(p) + 1)}
        return sorted(found, key=lambda name: (name.count("/"), name))


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """A pattern of paths: * and ? within a name, **/ any folders, # a digit, [a-z] a
    character, {a,b} one of these."""
    plain = {"*": r"[^/\n]*", "?": r"[^/\n]", "#": r"[0-9]", "{": "(?:", "}": ")"}
    out, depth = "", 0
    for word in re.findall(r"\*\*/|\[[^]]*\]|.", pattern):
        depth += (word == "{") - (word == "}")
        if word == "**/":
            out += r"(?:[^/\n]+/)*"
        elif word == "," and depth:
            out += "|"
        elif word[0] == "[":
            out += word
        else:
            out += plain.get(word, re.escape(word))
    return re.compile(f"^{out}$", re.MULTILINE)


def listing(root: Path) -> Listing:
    """What lies in a folder and its folders, from outside to inside.

    Hidden files and what systems leave behind are passed over, as everywhere.
    """
    names: list[str] = []
    counts: Counter[str] = Counter()
    level, looked = [""], 0
    for depth in range(DEPTH + 1):
        deeper: list[str] = []
        for place in level:
            looked += 1
            if looked > FOLDERS:
                break
            files, folders = _inside(root / place, counts)
            before = f"{place}/" if place else ""
            names += [before + name for name in files]
            inner = folders if depth < 2 else folders[:INNER]
            deeper += [before + name for name in inner]
        level = deeper
    return Listing(root, tuple(names), counts)


def _inside(folder: Path, counts: Counter[str]) -> tuple[list[str], list[str]]:
    """Names of files, of each ending the first, and of folders; `counts` grows."""
    files: dict[str, list[str]] = {}
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, ENTRIES):
                if is_junk(Path(entry.name)) or not _printable(entry.name, folder):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                else:
                    files.setdefault(ending_of(entry.name), []).append(entry.name)
    except OSError:  # no permission, a link to nowhere
        return [], []
    counts.update({ending: len(alike) for ending, alike in files.items()})
    kept = [name for alike in files.values() for name in sorted(alike)[:ALIKE]]
    return sorted(kept), sorted(folders)


def _printable(name: str, folder: Path) -> bool:
    """Raises UserError for a picture whose name is no text."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        if is_picture(name):
            raise UserError(
                f"The name of a file in {folder} is not UTF-8: {name!a}. Rename it."
            ) from error
        return False
    return "\n" not in name


def is_picture(name: str) -> bool:
    """Whether a name has the ending of a picture that is read."""
    return ending_of(name) in SUFFIXES
