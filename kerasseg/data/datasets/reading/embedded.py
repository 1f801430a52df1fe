"""A file inside another one, for `read_image` and `read_mask`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Embedded:
    """Bytes that are read like a `Path`; `place` names them in errors."""

    place: str
    content: bytes

    def read_bytes(self) -> bytes:
        return self.content

    def __str__(self) -> str:
        return self.place
