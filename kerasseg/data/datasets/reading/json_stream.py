"""Large JSON files piece by piece: COCO's would fill gigabytes as Python objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from kerasseg import UserError

CHUNK = 1 << 20
BLANK = re.compile(r"\s*")
END = re.compile(r"[\s,:\]}]")
DECODER = json.JSONDecoder()


def members(file: Path) -> Iterator[tuple[str, Any, str]]:
    """Key, value and JSON text of what the object in `file` holds; of lists, of each
    element.

    Memory: one element and a chunk of 1 MB. Raises ValueError for text that is no JSON
    object, only when it comes to that place.
    """
    with file.open(encoding="utf-8-sig") as opened:
        text = _Text(opened)
        text.take("{")
        while text.take('"}', keep='"') != "}":
            key, _ = text.value()
            text.take(":")
            if text.next() == "[":
                text.take("[")
                while text.next() != "]":
                    yield key, *text.value()
                    text.take(",]", keep="]")
                text.take("]")
            else:
                yield key, *text.value()
            text.take(",}", keep="}")


class _Text:
    """A window on the text of a file, moved on as values are taken from it."""

    def __init__(self, opened: TextIO) -> None:
        self.opened, self.text, self.at = opened, "", 0

    def next(self) -> str:
        """The next character that is no blank; it stays. "" at the end."""
        while True:
            self.at = BLANK.match(self.text, self.at).end()
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def take(self, expected: str, keep: str = "") -> str:
        """Moves past the next character, which is one of `expected`, unless kept."""
        character = self.next()
        if not character or character not in expected:
            raise UserError(f"expected one of {expected}, got '{character or 'end'}'")
        self.at += character not in keep
        return character

    def value(self) -> tuple[Any, str]:
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # A number may go on behind the window, "1" as "1.5".
            if END.match(self.text, end) or not self._more():
                begin, self.at = self.at, end
                return value, self.text[begin:end]

    def _more(self) -> bool:
        chunk = self.opened.read(max(CHUNK, len(self.text) - self.at))
        if chunk:
            self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)
