"""Tables in Parquet or Arrow files whose cells hold image files: read row by row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.sequential_reader import SequentialReader

BATCH = 8
"""Rows that are in memory at a time, beside the last ones that were asked for."""


@dataclass(frozen=True)
class Table:
    """A file's number of rows, its columns with their types, HuggingFace's features
    (empty where the file does not say them)."""

    file: Path
    rows: int
    columns: dict[str, Any]
    features: dict[str, Any]


def read_table(file: Path) -> Table:
    """What a file says of itself.

    Raises UserError that names the file where it is damaged, or of another kind.
    """
    if file.suffix == ".parquet":
        with _opened(file) as parquet:
            rows, schema = parquet.metadata.num_rows, parquet.schema_arrow
    else:
        rows, schema = 0, None
        with _opened(file) as stream:
            schema = stream.schema
            rows = sum(batch.num_rows for batch in stream)
    said = (schema.metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(said).get("info", {}).get("features") or {}
    return Table(file, rows, {f.name: f.type for f in schema}, features)


def _opened(file: Path) -> Any:
    pyarrow = require("pyarrow", file)
    try:
        if file.suffix == ".parquet":
            return require("pyarrow.parquet", file).ParquetFile(file, memory_map=True)
        source = pyarrow.memory_map(str(file))
        try:
            return pyarrow.ipc.open_stream(source)
        except pyarrow.ArrowInvalid:
            return _Batches(pyarrow.ipc.open_file(source))
    except (pyarrow.ArrowException, OSError) as error:
        head = file.read_bytes()[:200] if file.is_file() else b""
        pointer = head.startswith(b"version https://git-lfs")
        reason = "it is a Git LFS pointer: git lfs pull" if pointer else error
        raise UserError(
            f"{file} cannot be read as a table ({reason}). Copy it again."
        ) from error


class _Batches:
    """Arrow's file format, read as its stream format is."""

    def __init__(self, reader: Any) -> None:
        self._reader, self.schema = reader, reader.schema

    def __enter__(self) -> _Batches:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return map(self._reader.get_batch, range(self._reader.num_record_batches))


def values(key: tuple[Path, str], field: str = "") -> Iterator[Any]:
    """The cells of a column, as Python has them; key: file and column.

    field: only this one of a column of structs.
    """
    file, column = key
    path = f"{column}.{field}" if field else column
    with _opened(file) as opened:
        batches = opened
        if file.suffix == ".parquet":
            batches = opened.iter_batches(BATCH, columns=[path])
        for batch in batches:
            cells = batch.column(column)
            cells = cells.field(field) if field else cells
            for start in range(0, len(cells), BATCH):
                yield from cells[start : start + BATCH].to_pylist()


class Column:
    """The cells of a column of all files, by file and row."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values = SequentialReader(partial(values))

    def __call__(self, file: Path, row: int) -> Any:
        """The value of a cell."""
        return self._values((file, self.name), row)


@dataclass(frozen=True, eq=False, init=False)
class Cell(EmbeddedFile):
    """An image file in a cell; its bytes are read when they are asked for.

    Cells of {bytes, path}, of bytes, and of numbers (as an array of NumPy).
    """

    file: Path
    column: Column
    row: int

    def __init__(self, file: Path, column: Column, row: int) -> None:
        place = f"{file} row {row + 1}, column {column.name}"
        for name, value in (("file", file), ("column", column), ("row", row)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "place", place)

    def read_bytes(self) -> bytes:
        """Raises UserError where the cell is empty, or names a file that is missing."""
        value = self.column(self.file, self.row)
        if isinstance(value, dict):
            path = value.get("path")
            if not value.get("bytes") and path:
                return self._beside(str(path))
            value = value.get("bytes")
        if isinstance(value, list):
            buffer = io.BytesIO()
            np.save(buffer, np.array(value))
            return buffer.getvalue()
        if not isinstance(value, bytes) or not value:
            raise UserError(f"{self} holds no image. Export the data set again.")
        return value

    def _beside(self, path: str) -> bytes:
        file = self.file.parent / path
        if not file.is_file():
            raise UserError(
                f"{self} names the file {path}, which is not beside the table. Embed "
                "the images (datasets: embed_table_storage), or put them there."
            )
        return file.read_bytes()

    @property  # type: ignore[misc]
    def content(self) -> bytes:
        """As `read_bytes`."""
        return self.read_bytes()
