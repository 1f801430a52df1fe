"""Cars before a studio wall: the Carvana Image Masking Challenge, 1918 x 1280.

Kaggle 2017; 318 cars, each from 16 sides: train/CAR_01.jpg to CAR_16.jpg.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.drawn import kaggle_rle
from kerasseg.data.reading.masks.mask import marked, read_mask
from kerasseg.data.reading.pairing.divide import divide
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("background", "car"), ((0, 0, 0), (64, 0, 128)))
MASKS = ("train_masks", "train_masks.csv")
SUFFIXES = {".jpg", ".png"}


@dataclass(frozen=True)
class Entry:
    """An image and its mask: a file, or runs and the place that they come from."""

    image: Path
    mask: Path | None
    runs: tuple[str, str] = ("", "")

    @property
    def car(self) -> str:
        """Which car: 0a of 0a_01.jpg."""
        return self.image.stem.split("_")[0]


def load(
    src: Path, /, *, images: str = "train", val_share: float = 0.2
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Carvana: train/CAR_01.jpg, ... with train_masks/CAR_01_mask.gif.

    Without the folder train_masks the run lengths of train_masks.csv count. All views
    of a car go to the same split, and the car is the sequence of its samples.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds train/ and train_masks/.
        images: Folder of the images in src: train, or train_hq.
        val_share: Share of the cars to validate on, by the hash of their names.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    folder, masks, table = (src / name for name in (images, *MASKS))
    if not folder.is_dir():
        raise UserError(
            f"{folder} does not exist. Name the folder above train/, and with --images "
            "another name of train/."
        )
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"There is no image in {folder}. Unpack train.zip again.")
    if masks.is_dir():
        entries = [Entry(file, _mask_of(file, masks)) for file in files]
    elif table.is_file():
        entries = _in_table(files, table)
    else:
        raise UserError(f"{src} has neither {MASKS[0]}/ nor {MASKS[1]}. Add one.")
    car = attrgetter("car")
    splits = divide(entries, val_share, car)
    return TAXONOMY, {
        split: Samples(found, _read, car, stem) for split, found in splits.items()
    }


def _mask_of(image: Path, masks: Path) -> Path:
    for suffix in ".gif", ".png":
        mask = masks / f"{image.stem}_mask{suffix}"
        if mask.is_file():
            return mask
    raise UserError(f"Image {image} has no mask {masks}/{image.stem}_mask.gif. Add it.")


def _in_table(files: list[Path], table: Path) -> list[Entry]:
    rows = {
        Path(row["img"]).stem: (f"{table} line {line}", row["rle_mask"])
        for line, row in kaggle_rle.read_table(table, ("img", "rle_mask"))
    }
    for file in files:
        if file.stem not in rows:
            raise UserError(f"Image {file} has no line in {table}. Add it.")
    return [Entry(file, None, rows[file.stem]) for file in files]


def _read(entry: Entry) -> Sample:
    image, encoded = read_image(entry.image)
    size = image.shape[:2]
    if entry.mask:
        car = _foreground(entry.mask)
    else:
        place, runs = entry.runs
        try:
            car = kaggle_rle.decode(runs, size, kaggle_rle.ROWS)
        except ValueError as error:
            raise UserError(f"{place}: {error}") from error
    return Sample(
        entry.image.stem,
        image,
        car.astype(np.uint8),
        encoded=encoded,
        sequence=entry.car,
    )


def _foreground(file: Path) -> np.ndarray:
    """(H, W) bool; a palette tells by its brightness which index is the car."""
    pixels, palette = read_mask(file)
    if palette is not None:
        return (palette.max(-1) > 127)[pixels]
    return marked(pixels)
