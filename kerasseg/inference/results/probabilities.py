"""Probabilities as files of float16, written while they are made: they may be large."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg.inference.answers import Each
from kerasseg.inference.results.labels import write_pages
from kerasseg.inference.results.made import Made
from kerasseg.taxonomy import Taxonomy

PROBABILITIES = "_probabilities"
"""What is added to the name of a picture."""
ENDINGS = {"npz": ".npz", "tiff": ".tif"}


def file_of(target: Path, kind: str) -> Path:
    """The file of probabilities of a target without ending; kind: of `ENDINGS`."""
    return target.with_name(f"{target.name}{PROBABILITIES}{ENDINGS[kind]}")


@contextlib.contextmanager
def written(
    target: Path,
    kind: str,
    size: tuple[int, ...],
    taxonomy: Taxonomy,
    source: object,
    to: Made,
) -> Iterator[Each]:
    """Gives a function that takes the probabilities of a picture of a size, height and
    width, strip by strip; the file is there when the block ends. Of volumes depth,
    height and width, as npz.

    npz: probabilities float16 (H, W, C), of volumes (D, H, W, C) in RAS+, and classes,
    their names. tiff: a page of float16 (H, W) for each class, that has its name.
    """
    write = {"npz": _npz, "tiff": _tiff}[kind]
    with (
        to.replacing(file_of(target, kind), source) as aside,
        write(aside, (*size, taxonomy.num_classes), taxonomy.names) as each,
    ):
        yield each


@contextlib.contextmanager
def _npz(file: Path, shape: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Each]:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("classes.npy", "w") as opened:
            np.save(opened, np.array(names))
        with archive.open("probabilities.npy", "w", force_zip64=True) as opened:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(opened, header)
            yield lambda strip: _wrote(opened, strip.astype("<f2"))


@contextlib.contextmanager
def _tiff(file: Path, shape: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Each]:
    """Pages lie one after the other, strips hold all of them: so aside first."""
    height, width, classes = shape
    with tempfile.TemporaryFile(dir=file.parent) as spool:
        done = 0

        def each(strip: np.ndarray) -> None:
            nonlocal done
            for number in range(classes):
                spool.seek(2 * width * (height * number + done))
                _wrote(spool, np.ascontiguousarray(strip[..., number], "<f2"))
            done += len(strip)

        yield each

        def pages() -> Iterator[np.ndarray]:
            for number in range(classes):
                spool.seek(2 * width * height * number)
                page = np.frombuffer(spool.read(2 * width * height), "<f2")
                yield page.reshape(height, width)

        write_pages(file, pages(), names, 2 * height * width * classes)


def _wrote(opened: Any, values: np.ndarray) -> None:
    opened.write(np.ascontiguousarray(values).data)
