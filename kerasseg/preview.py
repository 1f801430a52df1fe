"""`python -m kerasseg.preview RECORDS|RECIPE.toml|RUN OUT.png`: what a policy does.

Draws training samples as the network would see them, each beside its label. Of a recipe
or a run: the very samples that its training begins with, in its sizes, augmented with
its numbers. Look at it before a long training: is everything still recognisable, do
labels fit?
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from kerasseg import UserError, config, runs
from kerasseg.augment import POLICIES
from kerasseg.augment.policies import USES
from kerasseg.console import command, flags, say, start_tensorflow
from kerasseg.console.flags import PIXELS, SEED, Number
from kerasseg.data.damage import naming_damage
from kerasseg.files import atomic
from kerasseg.fit import from_settings, streams
from kerasseg.taxonomy import Taxonomy

USUAL = "road"
"""The policy for records, which name none."""


@dataclass(frozen=True)
class Preview:
    """Draw augmented samples of records, a recipe or a run, to see what a policy does.

    Policies: none, flip, general, road, cells, volume; --list tells what they do.
    """

    source: tyro.conf.Positional[str] = ""
    """Folder of records, a recipe (RECIPE.toml), or a run: what its training sees."""
    out: tyro.conf.Positional[Path] = Path("preview.png")
    """PNG file to write."""
    list: bool = False
    """List the policies, and draw nothing."""
    policy: str = ""
    """Name of the policy; none shows the plain samples. Empty: that of the recipe or
    run, for records "road". Parts that need RGB of 8 bits are left out of it for other
    images, and named."""
    split: str = ""
    """Split of the records; empty: the one that is trained on."""
    count: Annotated[int, Number(1, 10**4)] = 12
    """Number of samples."""
    size: Annotated[tuple[int, ...], PIXELS] = (0, 0)
    """Height and width the images are stretched to first; 0 0: those of the recipe or
    run, else their own. Of volumes depth, height and width of the region that is cut
    out first; 0 0: the crop."""
    crop: Annotated[tuple[int, ...], PIXELS] = (0, 0)
    """Height and width of the result, pixels; 0 0: those of the recipe or run, else as
    large as the image. Of volumes depth, height and width."""
    foreground: Annotated[float, Number(-1, 1)] = -1.0
    """Of volumes: share of the patches around a voxel of a class; below 0: that of the
    recipe or run, else 0.33."""
    seed: Annotated[int, SEED] = 0
    """Another seed, other samples and other numbers; 0: that of the recipe or run."""
    bands: str = ""
    """The bands to show as red, green and blue, by name or number from 1 (nir,red,green
    or 4,1,2), or a single one as gray; empty: those that the records name."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Preview, argv, prog="python -m kerasseg.preview")
    if asked.list:
        for name in POLICIES:
            print(f"{name:10}{USES[name]}")
        return
    settings, policy = settings_of(asked)
    config.check(settings)
    start_tensorflow()
    sheet, note = draw(settings, asked.count, asked.bands)
    atomic.write_bytes(asked.out, sheet)
    if note:
        say(note)
    print(f"{asked.count} samples under {policy}: {asked.out}")


def settings_of(asked: Preview) -> tuple[config.Config, str]:
    """The settings of a training that sees what is asked for, and its policy in words.

    Raises UserError for a source that is none of the three, and as reading it does.
    """
    if asked.policy and asked.policy not in POLICIES:
        raise UserError(
            f"Unknown policy '{asked.policy}'. Known: {', '.join(POLICIES)}."
        )
    source, policy = Path(asked.source), f"policy '{asked.policy or USUAL}'"
    if not asked.source:
        raise UserError(
            "Expected a folder of records, a recipe or a run: python -m "
            "kerasseg.preview RECORDS OUT.png. --list lists the policies."
        )
    if source.suffix == ".toml":
        made, own = config.parse([asked.source]), f"the policy of {source}"
        if not made.data.records:
            raise UserError(
                f"{source} names no records (data.records): it trains on scenes that "
                "it draws first. Give its run, once it has begun."
            )
    elif (source / "config.toml").is_file():
        made, own = runs.settings_for(source), f"the policy of {source}"
    else:
        data = config.Data(records=asked.source, batch=asked.count)
        made, own = config.Config(data, augment=POLICIES[USUAL]), policy
    data = replace(
        made.data,
        train=asked.split or made.data.train,
        size=asked.size if any(asked.size) else made.data.size,
        crop=asked.crop if any(asked.crop) else made.data.crop,
        foreground=made.data.foreground if asked.foreground < 0 else asked.foreground,
        service="",
    )
    made = replace(made, data=data, seed=asked.seed or made.seed)
    if asked.policy:
        return replace(made, augment=POLICIES[asked.policy]), policy
    return made, own


def draw(settings: config.Config, count: int, display: str = "") -> tuple[bytes, str]:
    """The first samples of a training as a contact sheet in PNG: two a row, each beside
    its label and below its name, of volumes one, in three planes; and what was left out
    of the policy, or ""."""
    from keras import ops

    from kerasseg import augment
    from kerasseg.data import records
    from kerasseg.drawing import bands, pictures, planes

    data = settings.data
    described = records.describe(data.records)
    image_format = bands.displaying(display, described.image_format)
    volume, taxonomy = described.volume, described.taxonomy
    spacing = volume.median_spacing if volume else (1.0, 1.0, 1.0)
    policy, note = augment.applicable(
        settings.augment, image_format, volume is not None
    )
    ids_of = streams.sample_ids_of(settings, data.records)
    if volume and len(data.crop) != 3 and any(data.crop):
        raise UserError(
            f"{data.records} holds volumes: DEPTH HEIGHT WIDTH for --crop and --size, "
            f"got {' '.join(map(str, data.crop))}."
        )
    cells: list[np.ndarray] = []
    titles: list[str] = []
    with naming_damage(data.records):
        batches = streams.stream_of(settings, data.records)
        for step, batch in enumerate(islice(batches, -(-count // data.batch))):
            images, labels = augment.apply(
                batch["image"],
                batch["label"],
                batch["numbers"],
                policy,
                from_settings.crop_of(data, tuple(batch["image"].shape[1:-1])),
                image_format=image_format,
                ignore=taxonomy.ignore,
                spacing=spacing,
            )
            pairs = zip(*map(ops.convert_to_numpy, (images, labels)), strict=True)
            for image, label in pairs:
                if volume:
                    places = planes.through(_there(label, taxonomy))
                    image = planes.side_by_side(image, places, spacing)
                    outside = taxonomy.ignore
                    label = planes.side_by_side(label, places, spacing, outside=outside)
                drawn = bands.shown(image, image_format)
                cells += [drawn, pictures.overlay(drawn, label, taxonomy, alpha=0.6)]
            titles += [text for name in ids_of(step) for text in (name, "")]
    row = 2 if volume else 4
    several = [slice(i, min(i + row, 2 * count)) for i in range(0, 2 * count, row)]
    rows, names = [cells[some] for some in several], [titles[some] for some in several]
    return pictures.png(pictures.contact_sheet(rows, names, width=1600)), note


def _there(label: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """bool (D, H, W), where a class is, but for the first of those that exclude each
    other."""
    if not taxonomy.exclusive:
        return (label == 1).any(axis=-1)
    return (label > 0) & (label != taxonomy.ignore)


if __name__ == "__main__":
    main()
