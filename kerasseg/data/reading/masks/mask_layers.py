"""Masks that are more or less than one file: a file for each class, a page of many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.mask_decoders import File, Stored, decode
from kerasseg.data.reading.masks.mask_flags import PerClass
from kerasseg.data.reading.pictures.picture import Page


@dataclass(frozen=True)
class Layers:
    """The mask files of one image, each with the name of its class."""

    files: tuple[tuple[str, Path], ...]

    def __str__(self) -> str:
        return str(self.files[0][1]) if self.files else "(no file)"


MaskFile: TypeAlias = File | Layers | Page
"""The mask of one image."""


def stored(file: File | Page) -> Stored:
    """What a mask file, or one of its pages, holds.

    Raises UserError that names the file where it cannot be decoded.
    """
    if isinstance(file, Page):
        return decode(file.file, file.number)
    return decode(file)


def layers_of(file: MaskFile, per_class: PerClass) -> list[tuple[str, np.ndarray]]:
    """Names and gray levels (H, W) of the layers of one mask.

    Layers of one file are called "1", "2", ... in their order.

    Raises UserError that names the file where it cannot be read, has one layer only, or
    layers of several sizes.
    """
    layers = _layers(file, per_class)
    if not layers:
        raise UserError(f"{file}: there is no layer. Add one, or remove the image.")
    for name, pixels in layers:
        if pixels.shape != layers[0][1].shape:
            raise UserError(
                f"{file}: the layer '{name}' has another size than the first. Export "
                "the layers again."
            )
    return layers


def _layers(file: MaskFile, per_class: PerClass) -> list[tuple[str, np.ndarray]]:
    if isinstance(file, Layers):
        return [(name, _gray(stored(one))) for name, one in file.files]
    found = stored(file)
    if per_class == "pages" and not isinstance(file, Page):
        count = found.pages * (found.pages > 1)
        planes = [stored(Page(file, i)).pixels for i in range(count)]
    else:
        pixels = found.pixels
        planes = [pixels[..., i] for i in range(pixels.shape[-1])] * (pixels.ndim == 3)
    if not planes or planes[0].ndim != 2:
        raise UserError(
            f"Mask {file} has no {per_class} that could be classes. Leave out "
            f"--per-class {per_class}."
        )
    return [(str(i), plane) for i, plane in enumerate(planes, 1)]


def _gray(found: Stored) -> np.ndarray:
    pixels = found.pixels if found.palette is None else found.palette[found.pixels]
    if (
        found.alpha is not None
        and pixels.size
        and (pixels == pixels.reshape(-1, *pixels.shape[2:])[0]).all()
    ):
        return found.alpha
    return pixels if pixels.ndim == 2 else pixels.max(-1)
