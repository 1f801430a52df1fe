"""Pictures without labels: for `train --data.unlabelled`, with a teacher."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.console.flags import COUNT
from kerasseg.data.reading.pictures.fitted import format_of, sample_image
from kerasseg.data.reading.pictures.image import SUFFIXES
from kerasseg.data.reading.pictures.picture import ReadOptions
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

TAXONOMY = Taxonomy.numbered(2)
"""Classes that no pixel has, for records must have two: all are ignored."""


def load(
    src: Path,
    /,
    *,
    image_bands: Annotated[tuple[int, ...], COUNT] = (),
    image_alpha: Literal["drop", "band", "valid"] = "drop",
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Pictures without labels, in a folder and its subfolders: every pixel is ignored.

    They are for training with a teacher (--data.unlabelled), whatever the classes are.

    Args:
        src: Folder of pictures.
        image_bands: Numbers of the bands to keep, from 1 and in this order.
        image_alpha: Alpha channel. band: keep it as the last one. valid: ignore pixels
            where it is 0.

    Raises:
        UserError: a folder without pictures, and pictures of different bands or types.
    """
    src = Path(src)
    files = [f for f in src.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file()]
    files = sorted(f for f in files if not f.name.startswith("."))
    if not files:
        raise UserError(
            f"{src} holds no pictures ({', '.join(sorted(SUFFIXES))}). Name a folder "
            "of them."
        )
    if any(band < 1 for band in image_bands):
        raise UserError("--image-bands are counted from 1.")
    bands = tuple(band - 1 for band in image_bands)
    options = ReadOptions(image_alpha, "ask", bands)
    found, said = format_of(files, options)
    alpha: Literal["drop", "valid"] = "valid" if image_alpha == "valid" else "drop"
    found = replace(found, chosen=bands, alpha=alpha)
    source = {"images": {"line": "; ".join(said)}} if said else {}
    read = partial(_read, src=src, image_format=found, options=options)
    named = partial(_id, src=src)
    return TAXONOMY, {"train": Samples(files, read, None, named, found, source)}


def _id(file: Path, src: Path) -> str:
    return file.relative_to(src).with_suffix("").as_posix()


def _read(
    file: Path, src: Path, image_format: ImageFormat, options: ReadOptions
) -> Sample:
    pixels, valid, encoded = sample_image(file, image_format, options)
    label = np.full(pixels.shape[:2], IGNORE, np.uint8)
    return Sample(_id(file, src), pixels, label, encoded=encoded, valid=valid)
