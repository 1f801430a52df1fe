"""`python -m kerasseg.preview RECORDS OUT.png`: what a policy makes of the samples.

Draws training samples as the network would see them, each beside its label. Look at
it before a long training: is everything still recognisable, do labels fit?
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kerasseg import UserError, flags
from kerasseg.augment import NUMBERS, POLICIES
from kerasseg.console import command, say, start_tensorflow
from kerasseg.data.damage import naming_damage
from kerasseg.files import atomic
from kerasseg.flags import PIXELS, SEED, Number


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
    count: Annotated[int, Number(1, 10**4)] = 12
    """Number of samples."""
    size: Annotated[tuple[int, int], PIXELS] = (0, 0)
    """Height and width the images are stretched to first; 0 0 keeps their own."""
    crop: Annotated[tuple[int, int], PIXELS] = (0, 0)
    """Height and width of the result, pixels; 0 0: as large as the image."""
    seed: Annotated[int, SEED] = 0
    """Another seed, other samples and other numbers."""
    bands: str = ""
    """The bands to show as red, green and blue, by name or number from 1 (nir,red,green
    or 4,1,2), or a single one as gray; empty: those that the records name."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Preview, argv, prog="python -m kerasseg.preview")
    if asked.policy not in POLICIES:
        raise UserError(
            f"Unknown policy '{asked.policy}'. Known: {', '.join(POLICIES)}."
        )
    if asked.count < 1 or min(asked.crop) < 0:
        raise UserError(
            "Expected a count of at least 1 and a crop of whole pixels, got "
            f"--count {asked.count} --crop {asked.crop[0]} {asked.crop[1]}."
        )
    start_tensorflow()
    sheet, note = draw(asked)
    atomic.write_bytes(asked.out, sheet)
    if note:
        say(note)
    print(f"{asked.count} samples under policy '{asked.policy}': {asked.out}")


def draw(asked: Preview) -> tuple[bytes, str]:
    """The contact sheet as PNG: two samples a row, each beside its label; and what was
    left out of the policy, or ""."""
    from keras import ops

    from kerasseg import augment
    from kerasseg.data import pipeline, records
    from kerasseg.drawing import bands, pictures

    described = records.describe(asked.records)
    image_format = bands.displaying(asked.bands, described.image_format)
    policy, note = augment.applicable(POLICIES[asked.policy], image_format)
    batches = pipeline.batches(
        asked.records,
        asked.split,
        batch_size=asked.count,
        size=asked.size,
        training=True,
        numbers=NUMBERS,
        seed=asked.seed,
    )
    with naming_damage(asked.records):
        batch = next(iter(batches))
    crop = asked.crop if 0 not in asked.crop else batch["image"].shape[1:3]
    images, labels = augment.apply(
        batch["image"],
        batch["label"],
        batch["numbers"],
        policy,
        crop,
        image_format=image_format,
        ignore=described.taxonomy.ignore,
    )
    images, labels = ops.convert_to_numpy(images), ops.convert_to_numpy(labels)
    cells = []
    for image, label in zip(images, labels, strict=True):
        drawn = bands.shown(image, image_format)
        overlay = pictures.overlay(drawn, label, described.taxonomy, alpha=0.6)
        cells += [drawn, overlay]
    rows = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    return pictures.png(pictures.contact_sheet(rows, width=1600)), note


if __name__ == "__main__":
    main()
