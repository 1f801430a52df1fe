"""The class maps of a video's frames: a folder of gray PNGs and a list of their times.

A folder, not a video of ids: every tool reads PNGs, and hardly one a lossless video
without making colours of it.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.inference.results.names import class_names
from kerasseg.taxonomy import Taxonomy

TIMES = "frames.csv"
"""File with the name and the time in seconds of each frame. It also tells folders that
predict made from others."""


def refuse_foreign(folder: Path) -> None:
    """Raises UserError where there is something that predict did not write."""
    if not folder.exists():
        return
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / TIMES).is_file()):
        return
    raise UserError(
        f"{folder} holds other files than class maps of predict, and would be "
        "replaced. Choose another folder with --out."
    )


class Labels:
    """Writes `folder`/000001.png, 000002.png and so on: the ids as gray levels, of 8
    bits or, of more than 255 classes, 16. Where classes overlap a folder for each of
    them, of 0 and 1."""

    def __init__(self, folder: Path, taxonomy: Taxonomy) -> None:
        folder.mkdir()
        self._folder = folder
        self._number = 0
        self._folders: list[Path] = []
        if not taxonomy.exclusive:
            self._folders = [folder / name for name in class_names(taxonomy.names)]
            for one in self._folders:
                one.mkdir()
        self._times = (folder / TIMES).open("w", newline="", encoding="utf-8")
        self._list: Any = csv.writer(self._times)
        self._list.writerow(("frame", "seconds"))

    def add(self, label: np.ndarray, seconds: float) -> None:
        """Writes the label of the next frame: ids (H, W), or 0 and 1 (H, W, C).

        Raises OSError where it cannot be written.
        """
        self._number += 1
        name = f"{self._number:06}.png"
        if self._folders:
            for place, one in enumerate(self._folders):
                _write_png(one / name, label[..., place])
        else:
            _write_png(self._folder / name, label)
        with _told(TIMES):
            self._list.writerow((name, f"{seconds:.6f}"))

    def close(self) -> None:
        with _told(TIMES):
            self._times.close()


def _write_png(file: Path, label: np.ndarray) -> None:
    # cv2.imwrite answers a full disk with False, and a file that is cut.
    data = cv2.imencode(".png", np.ascontiguousarray(label))[1]
    with _told(f"Class map {file.name}"):
        file.write_bytes(data.tobytes())


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """An OSError in the block names what could not be written."""
    try:
        yield
    except OSError as error:
        told = OSError(f"{what} cannot be written ({error.strerror}).")
        told.errno = error.errno
        raise told from error
