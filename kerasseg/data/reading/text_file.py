"""Text files that people wrote or tools exported: UTF-8, or UTF-16 with its mark."""

from __future__ import annotations

from pathlib import Path

from kerasseg import UserError


def text_of(file: Path) -> str:
    """The text of a file, without the mark at its beginning.

    Raises UserError where it is not UTF-8 (or UTF-16 with its mark).
    """
    data = file.read_bytes()
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file} is not UTF-8 text (byte {error.start}). Save it as UTF-8, for "
            f"example: iconv -f GBK -t UTF-8 {file.name}."
        ) from error
