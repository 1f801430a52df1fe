"""The images that int8 takes its ranges from: of records, or a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.console import counting
from kerasseg.image_format import ImageFormat


def of_records(
    records: str | Path, split: str, size: tuple[int, ...], count: int
) -> list[np.ndarray]:
    """`count` images of a split, spread over it, as validation reads them.

    (h, w, C) each, at `size` (height, width); fewer where the split has fewer. Of
    volumes patches (d, h, w, C).
    """
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    count = min(count, shards.describe(records).split(split).samples)
    # `training` only mixes their order: augmentation happens on the device, later.
    mixed = pipeline.batches(records, split, batch_size=1, size=size, training=True)
    with counting("int8: reading image", count) as one_more:
        return [one_more(batch["image"].numpy()[0]) for batch in mixed.take(count)]


def of_folder(
    folder: Path, size: tuple[int, int], count: int, image_format: ImageFormat
) -> list[np.ndarray]:
    """`count` pictures of a folder and its subfolders, spread over their names.

    (h, w, C) each, stretched to `size` as `kerasseg.predict` does; fewer where there
    are fewer. Raises UserError where there is none, and for one that cannot be read or
    has other bands or another type than the network takes.
    """
    from kerasseg.data.reading.pictures.image import SUFFIXES
    from kerasseg.inference.litert import stretched
    from kerasseg.inference.network_input import network_input

    if not folder.is_dir():
        raise UserError(f"--calibrate {folder} is no folder. Name one with pictures.")
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not files:
        raise UserError(
            f"--calibrate {folder} holds no pictures. Name a folder with some of the "
            "kind that the network will see."
        )
    places = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    pictures = (network_input(files[place], image_format)[0] for place in places)
    with counting("int8: reading image", len(places)) as one_more:
        return [one_more(stretched(picture, *size)) for picture in pictures]
