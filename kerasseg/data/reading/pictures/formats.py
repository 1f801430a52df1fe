"""Which library reads which kind of image."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import UnidentifiedImageError

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures import (
    dicom,
    heic,
    numpy_file,
    opencv_formats,
    picture_formats,
    plain_png,
    signatures,
    tiff,
)
from kerasseg.data.reading.pictures.picture import Header, Stored, damaged


def header_of(file: Path | EmbeddedFile) -> Header:
    """The header of a file, whatever it is called.

    Raises UserError for a file that cannot be read or is of a kind that is not read.
    """
    with _told(file):
        head = _head(file)
        kind = _kind(file, head)
        found = plain_png.header(head) if kind == "png" else None
        found = found or _header(file, kind)
        if min(found.height, found.width) < 1:
            raise ValueError("it has no pixels")
        return found


def _header(file: Path | EmbeddedFile, kind: str) -> Header:
    if kind in HEADERS:
        return HEADERS[kind](file)
    if kind == "avif" and opencv_formats.is_deep_avif(file):
        return replace(picture_formats.header(file), type="uint16")
    if kind == "pnm":
        return opencv_formats.pnm_header(file) or picture_formats.header(file)
    return picture_formats.header(file)


def stored_of(file: Path | EmbeddedFile, page: int, head: Header) -> Stored:
    """The pixels of a page (from 0) of a file; head: what `header_of` says of it.

    Raises UserError as `header_of`.
    """
    with _told(file):
        return _stored(file, page, head, _kind(file, _head(file)))


def at_hand(file: Path | EmbeddedFile) -> Path | EmbeddedFile:
    """The file with its bytes, where its reader wants all of them: opened once.

    Raises UserError for an empty file or one of a kind that is not read.
    """
    if isinstance(file, EmbeddedFile):
        return file
    with _told(file), file.open("rb") as opened:
        head = opened.read(signatures.HEAD)
        if _kind(file, head) not in WHOLE:
            return file
        return EmbeddedFile(str(file), head + opened.read())


def _stored(file: Path | EmbeddedFile, page: int, head: Header, kind: str) -> Stored:
    if kind == "tiff":
        return tiff.stored(file, page)
    if kind == "dicom":
        return dicom.stored(file, page)
    if kind in READERS:
        return READERS[kind](file)
    if kind == "avif" and head.type == "uint16":
        return opencv_formats.avif(file)
    if kind == "pnm" and opencv_formats.pnm_header(file):
        return opencv_formats.pnm(file)
    if kind == "png" and opencv_formats.is_large_png(file):
        return opencv_formats.png(file)
    return picture_formats.stored(file, page)


HEADERS: dict[str, Callable[[Path | EmbeddedFile], Header]] = {
    "tiff": tiff.header,
    "png16": opencv_formats.png_header,
    "jpeg2000": opencv_formats.jpeg2000_header,
    "dicom": dicom.header,
    "heic": heic.header,
    "numpy": numpy_file.header,
    "npz": numpy_file.header,
}
READERS: dict[str, Callable[[Path | EmbeddedFile], Stored]] = {
    "png16": opencv_formats.png,
    "jpeg2000": opencv_formats.jpeg2000,
    "heic": heic.stored,
    "numpy": numpy_file.stored,
    "npz": numpy_file.stored,
}


WHOLE = ("jpeg", "png", "png16", "gif", "webp", "bmp", "pnm", "avif", "jpeg2000")
"""Kinds of which all bytes are read to decode them."""


@contextlib.contextmanager
def _told(file: Path | EmbeddedFile) -> Iterator[None]:
    """Any error about the content of a file as a UserError that names it.

    For damaged files libraries raise OSError, SyntaxError, struct.error, IndexError,
    MemoryError and more. Python's own warnings stay off the terminal.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UserError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except UnidentifiedImageError as error:
        raise damaged(file, "it is damaged") from error
    except Exception as error:
        raise damaged(file, error) from error


def _head(file: Path | EmbeddedFile) -> bytes:
    """The first bytes, which tell the kind."""
    if isinstance(file, EmbeddedFile):
        return file.content[: signatures.HEAD]
    with file.open("rb", buffering=0) as opened:
        return opened.read(signatures.HEAD)


def _kind(file: Path | EmbeddedFile, head: bytes) -> str:
    """One of the kinds that are read. Raises UserError for another one."""
    if not head:
        raise damaged(file, "it is empty")
    kind = signatures.kind_of(head)
    if not kind:
        raise damaged(file, "its format is unknown")
    if kind in signatures.OTHERS:
        raise UserError(f"{file} {signatures.not_read(kind)}")
    return kind
