"""Names of files as people mean them: case and the form of umlauts do not count."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

JUNK_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
JUNK_FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db"}


def folded(name: str) -> str:
    """The name for comparisons: composed (NFC; a Mac writes NFD), without case."""
    text = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", text)


def is_junk(path: Path) -> bool:
    """Whether a file or folder is one of those that systems and editors leave behind:
    hidden ones (also ._x of a Mac), Thumbs.db, @eaDir, __MACOSX."""
    name = folded(path.name)
    return name.startswith(".") or name in JUNK_FOLDERS | JUNK_FILES


def nearest(name: str, names: Iterable[str]) -> str:
    """The most similar of the names, case not counting; "" where there is none."""
    by_fold = {folded(other): other for other in names}
    close = difflib.get_close_matches(folded(name), list(by_fold), 1, cutoff=0.4)
    return by_fold[close[0]] if close else ""
