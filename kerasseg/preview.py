"""`python -m kerasseg.preview RECORDS OUT.png`: what a policy makes of the samples.

Draws training samples as the network would see them, each beside its label. Look at
it before a long training: is everything still recognisable, do labels fit?
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from kerasseg import UserError
from kerasseg.augment import NUMBERS, POLICIES
from kerasseg.console import command, start_tensorflow
from kerasseg.data.damage import naming_damage
from kerasseg.files import atomic
from kerasseg.taxonomy import Taxonomy


@dataclass(frozen=True)
class Preview:
    """Draw augmented samples of records, to see what a policy does."""

    records: tyro.conf.Positional[Path]
    """Folder of records, as written by kerasseg.prepare."""
    out: tyro.conf.Positional[Path]
    """PNG file to write."""
    policy: str = "road"
    """Name of the policy; "none" shows the plain samples. Parts that need RGB of 8 bits
    are left out of it for other images, and named."""
    split: str = "train"
    """Split of the records."""
    count: int = 12
    """Number of samples."""
    size: tuple[int, ...] = (0, 0)
    """Height and width the images are stretched to first; 0 0 keeps their own. Of
    volumes depth, height and width of the region that is cut out first; 0 0: the
    crop."""
    crop: tuple[int, ...] = (0, 0)
    """Height and width of the result, pixels; 0 0: as large as the image. Of volumes
    depth, height and width."""
    foreground: float = 0.33
    """Of volumes: share of the patches around a voxel of a class."""
    seed: int = 0
    """Another seed, other samples and other numbers."""
    bands: str = ""
    """The bands to show as red, green and blue, by name or number from 1 (nir,red,green
    or 4,1,2), or a single one as gray; empty: those that the records name."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Preview, args=argv, prog="python -m kerasseg.preview")
    if asked.policy not in POLICIES:
        raise UserError(
            f"Unknown policy '{asked.policy}'. Known: {', '.join(POLICIES)}."
        )
    if asked.count < 1 or min(asked.crop, default=-1) < 0:
        raise UserError(
            "Expected a count of at least 1 and a crop of whole pixels, got "
            f"--count {asked.count} --crop {' '.join(map(str, asked.crop))}."
        )
    start_tensorflow()
    sheet, note = draw(asked)
    atomic.write_bytes(asked.out, sheet)
    if note:
        print(note)
    print(f"{asked.count} samples under policy '{asked.policy}': {asked.out}")


def draw(asked: Preview) -> tuple[bytes, str]:
    """The contact sheet as PNG: two samples a row, each beside its label, of volumes
    one, in three planes; and what was left out of the policy, or ""."""
    from keras import ops

    from kerasseg import augment
    from kerasseg.data import pipeline, records
    from kerasseg.drawing import bands, pictures, planes

    described = records.describe(asked.records)
    image_format = bands.displaying(asked.bands, described.image_format)
    volume = described.volume
    named = POLICIES[asked.policy]
    policy, note = augment.applicable(named, image_format, volume is not None)
    region = asked.crop if volume and not any(asked.size) else asked.size
    batches = pipeline.batches(
        asked.records,
        asked.split,
        batch_size=asked.count,
        size=region,
        crop=asked.crop if volume else (0, 0),
        foreground=asked.foreground,
        training=True,
        numbers=NUMBERS,
        seed=asked.seed,
    )
    with naming_damage(asked.records):
        batch = next(iter(batches))
    axes = 3 if volume else 2
    crop = asked.crop if 0 not in asked.crop else batch["image"].shape[1 : 1 + axes]
    spacing = volume.median_spacing if volume else (1.0, 1.0, 1.0)
    images, labels = augment.apply(
        batch["image"],
        batch["label"],
        batch["numbers"],
        policy,
        crop,
        image_format=image_format,
        ignore=described.taxonomy.ignore,
        spacing=spacing,
    )
    images, labels = ops.convert_to_numpy(images), ops.convert_to_numpy(labels)
    cells = []
    for image, label in zip(images, labels, strict=True):
        if volume:
            places = planes.through(_there(label, described.taxonomy))
            image = planes.side_by_side(image, places, spacing)
            ignore = described.taxonomy.ignore
            label = planes.side_by_side(label, places, spacing, outside=ignore)
        drawn = bands.shown(image, image_format)
        overlay = pictures.overlay(drawn, label, described.taxonomy, alpha=0.6)
        cells += [drawn, overlay]
    row = 2 if volume else 4
    rows = [cells[i : i + row] for i in range(0, len(cells), row)]
    return pictures.png(pictures.contact_sheet(rows, width=1600)), note


def _there(label: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """bool (D, H, W), where a class is, but for the first of those that exclude each
    other."""
    if not taxonomy.exclusive:
        return (label == 1).any(axis=-1)
    return (label > 0) & (label != taxonomy.ignore)


if __name__ == "__main__":
    main()
