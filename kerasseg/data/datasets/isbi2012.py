"""Membranes of neurons in electron micrographs: the ISBI 2012 challenge.

Arganda-Carreras et al. 2015; 30 neighbouring slices of one volume, 512 x 512, on which
U-Net (Ronneberger et al. 2015) was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.masks.instances import components
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pairing.divide import check_share
from kerasseg.data.reading.pairing.pairs import with_labels
from kerasseg.data.reading.pictures.image import Page, header, read, read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("membrane", "cell"), ((0, 0, 0), (120, 180, 230)))
STACKS = ("train-volume.tif", "train-labels.tif")
FOLDERS = ("image", "label")
CELL = 255
SEQUENCE = "train-volume"  # all slices come from it


def load(
    src: Path, /, *, val_share: float = 0.2
) -> tuple[Taxonomy, dict[str, Samples]]:
    """ISBI 2012: train-volume.tif and train-labels.tif, or image/N.png and label/N.png.

    Labels are 255 in cells and 0 on membranes. Each 4-connected piece of a cell in a
    slice gets an object id of its own. Neighbouring slices are alike, so the last
    ones, not random ones, are for validation.

    Tried on the real files.

    Args:
        src: Folder that holds the two TIFF stacks, or the folders image and label.
        val_share: Share of the slices to validate on.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    check_share(val_share)
    slices: Sequence
    read: Callable[[Any], Sample]
    if (src / STACKS[0]).is_file():
        slices, read = _pages(src), partial(_read_page, src)
    elif (src / FOLDERS[0]).is_dir():
        slices, read = _files(src), _read_files
    else:
        raise UserError(
            f"{src} holds neither {STACKS[0]} nor a folder {FOLDERS[0]}. Name the "
            "folder with the training data of the ISBI 2012 challenge."
        )
    count = max(1, round(val_share * len(slices))) if val_share else 0
    if count >= len(slices):
        raise UserError(
            f"{len(slices)} slices in {src} cannot be divided into train and val with "
            f"a share of {val_share}. Say --val-share 0 for no val split."
        )
    first = len(slices) - count
    splits = {"train": slices[:first], "val": slices[first:]}
    return TAXONOMY, {
        split: Samples(part, read, lambda _: SEQUENCE)
        for split, part in splits.items()
        if part
    }


def _pages(src: Path) -> list[int]:
    volume, labels = (_count(src / name) for name in STACKS)
    if volume != labels:
        raise UserError(
            f"{src / STACKS[0]} has {volume} slices, {STACKS[1]} has {labels}. Copy "
            "both again."
        )
    return list(range(volume))


def _count(file: Path) -> int:
    if not file.is_file():
        raise UserError(f"{file} does not exist. Put it beside the other stack.")
    return header(file).pages


def _read_page(src: Path, number: int) -> Sample:
    image, label = (_page(src / name, number) for name in STACKS)
    if image.dtype != np.uint8 or image.ndim != 2:
        raise UserError(
            f"{src / STACKS[0]} must hold 8-bit gray slices. Copy it again."
        )
    image = np.repeat(image[..., None], 3, -1)
    place = f"{src / STACKS[1]} slice {number}"
    return _sample(str(number), image, label, b"", place)


def _page(file: Path, number: int) -> np.ndarray:
    """(H, W) of a slice, (H, W, C) of one of several bands."""
    pixels = read(Page(file, number)).pixels
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _files(src: Path) -> list[tuple[Path, Path]]:
    images = sorted((src / FOLDERS[0]).glob("*.png"), key=_number)
    if not images:
        raise UserError(f"There is no PNG file in {src / FOLDERS[0]}. Add the slices.")
    pairs = with_labels(images, lambda image: src / FOLDERS[1] / image.name)
    return sorted(pairs, key=lambda pair: _number(pair[0]))


def _number(file: Path) -> int:
    if not file.stem.isdecimal():
        raise UserError(f"{file} is not named by the number of its slice, as 7.png.")
    return int(file.stem)


def _read_files(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    label, _ = read_mask(pair[1])
    return _sample(pair[0].stem, image, label, encoded, str(pair[1]))


def _sample(name: str, image, label, encoded: bytes, place: str) -> Sample:
    values = np.unique(label)
    if label.ndim != 2 or not set(values.tolist()) <= {0, CELL}:
        some = ", ".join(str(v) for v in values[:6].tolist())
        raise UserError(
            f"{place} must hold {CELL} for cells and 0 for membranes only, it holds "
            f"{some}. Use the labels as downloaded, not smoothed or resized."
        )
    cell = label == CELL
    return Sample(
        name,
        image,
        cell.astype(np.uint8),
        components(cell),
        encoded=encoded,
        sequence=SEQUENCE,
    )
