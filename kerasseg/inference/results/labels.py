"""Class maps as files: gray PNGs of the ids, or a TIFF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.inference.results.made import Made
from kerasseg.inference.results.names import class_names
from kerasseg.taxonomy import Taxonomy

LABEL = "_label"
"""What is added to the name of a picture."""


@dataclass(frozen=True)
class Labels:
    """How class maps are written: NAME_label.png, the ids as gray levels of 8 bits or,
    of more than 255 classes, 16.

    palette: the same bytes with the colours of the classes. Where classes overlap one
    PNG of 0 and 1 for each, NAME_label_CLASS.png. tiff: NAME_label.tif instead, where
    classes overlap with a page for each, that has its name.

    Raises UserError for a palette where none can be.
    """

    taxonomy: Taxonomy
    palette: bool = False
    tiff: bool = False

    def __post_init__(self) -> None:
        if self.palette and self.tiff:
            raise UserError("--palette is for PNG. Leave it or --format tiff out.")
        if self.palette and not self.taxonomy.exclusive:
            raise UserError(
                "--palette gives each pixel one colour, and the classes of this "
                "network overlap. Leave it out: overlays show the colours."
            )
        if self.tiff:
            require("tifffile", "--format tiff")

    def files(self, target: Path) -> list[Path]:
        """What is written for a target without ending."""
        name = f"{target.name}{LABEL}"
        if self.tiff:
            return [target.with_name(f"{name}.tif")]
        if self.taxonomy.exclusive:
            return [target.with_name(f"{name}.png")]
        names = class_names(self.taxonomy.names)
        return [target.with_name(f"{name}_{one}.png") for one in names]

    def write(self, label: np.ndarray, target: Path, source: object, to: Made) -> None:
        """Writes a class map (H, W), or where classes overlap (H, W, C)."""
        files = self.files(target)
        if self.tiff:
            planes = label[..., None] if self.taxonomy.exclusive else label
            names = self.taxonomy.names if not self.taxonomy.exclusive else ("class",)
            with to.replacing(files[0], source) as aside:
                pages = (planes[..., place] for place in range(planes.shape[-1]))
                write_pages(aside, pages, names, planes.nbytes)
            return
        if self.palette:
            from kerasseg.drawing import pictures

            data = pictures.label_png(label, self.taxonomy)
            to.write(files[0], data, source)
            return
        for place, file in enumerate(files):
            one = label if self.taxonomy.exclusive else label[..., place]
            to.write(file, _gray_png(one), source)


def write_pages(file: Path, pages: Any, names: tuple[str, ...], size: int) -> None:
    """Writes pages (H, W) as a compressed TIFF; each has the name of its class.

    pages: an iterable of arrays. size: of all of them, bytes.
    """
    tifffile = require("tifffile", file)
    with tifffile.TiffWriter(file, bigtiff=size > 2**32 - 2**25) as writer:
        for page, name in zip(pages, names, strict=True):
            tag = (285, "s", 0, name.encode(), True)  # PageName
            writer.write(
                np.ascontiguousarray(page),
                photometric="minisblack",
                compression="zlib",
                compressionargs={"level": 1},
                metadata=None,
                extratags=[tag],
            )


def _gray_png(label: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(label))[1].tobytes()
