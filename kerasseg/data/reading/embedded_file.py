"""A file inside another one (a record, a JSON text), read as if it lay on disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbeddedFile:
    """Bytes in place of a `Path`, for `read_image` and `read_mask`.

    place: where the bytes come from, as errors name it.
    """

    place: str
    content: bytes

    def read_bytes(self) -> bytes:
        """As `Path.read_bytes`."""
        return self.content

    def __str__(self) -> str:
        return self.place
