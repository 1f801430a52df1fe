"""Nuclei of the 2018 Data Science Bowl: one mask file, or one run-length text, each.

Caicedo et al. 2019; BBBC038 of the Broad Bioimage Benchmark Collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.drawn import kaggle_rle
from kerasseg.data.reading.masks.instances import touching
from kerasseg.data.reading.masks.mask import marked, read_mask
from kerasseg.data.reading.pairing.divide import divide
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("background", "nucleus"), ((0, 0, 0), (230, 200, 60)))
STAGES = {
    "train": ("stage1_train", "stage1_train_labels.csv"),
    "test": ("stage1_test", "stage1_solution.csv"),
    "stage2": ("stage2_test_final", "stage2_solution_final.csv"),
}
"""Folder of each split, and the CSV file that serves where it has no masks."""


@dataclass(frozen=True)
class Entry:
    """An image and where its nuclei are: a folder of masks, or runs and their place."""

    id: str
    image: Path
    masks: Path | None
    runs: tuple[tuple[str, dict], ...] = ()


def load(
    src: Path, /, *, gap: bool = True, val_share: float = 0.2
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Nuclei: stage1_train/ID/images/ID.png with ID/masks/*.png, one nucleus each.

    Where an image has no masks, its nuclei come from stage1_train_labels.csv. So do
    those of stage1_test (split test) and of stage2_test_final (split stage2) from their
    solution CSV files; without these they are left out, and so are the images that
    stage 2 did not count. Samples have object ids: each nucleus in its full extent.

    Tried on the real files of stage 1's training images.

    Args:
        src: Folder that holds stage1_train/.
        gap: Write background between nuclei that touch, one pixel wide, so that a
            network can learn to part them. Object ids keep these pixels.
        val_share: Share of stage1_train to validate on, by the hash of the image ids.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    found = {split: _entries(src, *names) for split, names in STAGES.items()}
    found = {split: entries for split, entries in found.items() if entries}
    if not found:
        raise UserError(
            f"{src} has no stage1_train/ID/images/ID.png. Unpack stage1_train.zip into "
            "a folder stage1_train, and name the folder above it."
        )
    if "train" in found:
        found |= divide(found["train"], val_share, lambda entry: entry.id)
    read = partial(_read, gap=gap)
    return TAXONOMY, {split: Samples(found[split], read) for split in sorted(found)}


def _entries(src: Path, stage: str, solution: str) -> list[Entry]:
    folders = sorted(f for f in src.glob(f"{stage}/*") if (f / "images").is_dir())
    bare = [f for f in folders if not (f / "masks").is_dir()]
    solution_file = src / solution
    if bare and not solution_file.is_file():
        if stage == "stage1_train":
            raise UserError(
                f"{bare[0]} has no folder masks, and there is no {solution_file}. Add "
                "one of them, or remove the image."
            )
        return []
    rows = _rows(solution_file) if bare else {}
    entries = []
    for folder in folders:
        images = sorted((folder / "images").glob("*.png"))
        if len(images) != 1:
            raise UserError(
                f"{folder}/images must hold one PNG file, it holds {len(images)}."
            )
        if folder not in bare:
            entries.append(Entry(folder.name, images[0], folder / "masks"))
            continue
        if folder.name not in rows:
            raise UserError(
                f"Image {images[0]} has neither masks nor a line in {solution_file}. "
                "Add one of them, or remove the image."
            )
        runs = rows[folder.name]
        if not any(row.get("Usage") == "Ignored" for _, row in runs):
            entries.append(Entry(folder.name, images[0], None, tuple(runs)))
    return entries


def _rows(file: Path) -> dict[str, list[tuple[str, dict]]]:
    """Rows of each image id, with the place to name in an error."""
    rows: dict[str, list] = {}
    for line, row in kaggle_rle.read_table(file, ("ImageId", "EncodedPixels")):
        rows.setdefault(row["ImageId"], []).append((f"{file} line {line}", row))
    return rows


def _read(entry: Entry, gap: bool) -> Sample:
    image, encoded = read_image(entry.image)
    size = image.shape[:2]
    instance = np.zeros(size, np.uint16)
    nuclei = _masks(entry.masks) if entry.masks else _decoded(entry.runs, size)
    for number, (place, mask) in enumerate(nuclei, 1):
        if mask.shape != size:
            raise UserError(
                f"{place} has {mask.shape[0]} x {mask.shape[1]} pixels (height x "
                f"width), its image {entry.image} {size[0]} x {size[1]}. Copy both "
                "again."
            )
        if number > 65535 or instance[mask].any():
            raise UserError(
                f"{place}: this nucleus covers pixels of another one of "
                f"{entry.image.name}. Clear them in one of the two."
            )
        instance[mask] = number
    label = (instance > 0).astype(np.uint8)
    if gap:
        label[touching(instance)] = 0
    return Sample(entry.id, image, label, instance, encoded=encoded)


def _masks(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    for file in sorted(folder.glob("*.png")):
        pixels, _ = read_mask(file)
        yield str(file), marked(pixels)


def _decoded(
    runs: tuple[tuple[str, dict], ...], size: tuple[int, int]
) -> Iterator[tuple[str, np.ndarray]]:
    for place, row in runs:
        stated = row.get("Height", size[0]), row.get("Width", size[1])
        if tuple(map(str, stated)) != tuple(map(str, size)):
            raise UserError(
                f"{place} is for an image of {stated[0]} x {stated[1]} pixels (height "
                f"x width), the image has {size[0]} x {size[1]}. Copy both again."
            )
        try:
            mask = kaggle_rle.decode(row["EncodedPixels"], size, kaggle_rle.COLUMNS)
        except ValueError as error:
            raise UserError(f"{place}: {error}") from error
        yield place, mask
