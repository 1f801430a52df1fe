"""Small pictures and masks on disk, and real ones, for the tests of the adapters."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasseg import UserError
from kerasseg.data.datasets import adapter

IDS = np.array([[0, 1, 2, 255], [2, 2, 1, 0], [0, 0, 255, 1]], np.uint8)
"""Class ids 0, 1, 2, and 255 = ignore."""


def save(path: Path, pixels, palette=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels))
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    image.save(path, **options)


def picture(seed=0, size=IDS.shape):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def pair(root, name, image="images", mask="masks", pixels=IDS, **options):
    save(root / image / f"{name}.png", picture())
    save(root / mask / f"{name}.png", pixels, **options)


def load(name, *args, **options):
    taxonomy, splits = adapter(name)(*args, **options)
    return taxonomy, {split: list(samples) for split, samples in splits.items()}


def refuses(message, name, *args, **options):
    """Asserts that the adapter, or reading its samples, raises this for the user."""
    with pytest.raises(UserError, match=message):
        load(name, *args, **options)


def counts(splits):
    return {split: len(samples) for split, samples in splits.items()}


def ids(splits):
    return {
        split: [sample.id for sample in samples] for split, samples in splits.items()
    }


def some_camvid(folder, every):
    """Each `every`th frame of the real CamVid, as links in the new `folder`."""
    source = Path(os.environ["KERASSEG_DATA"], "camvid")
    for split in "train", "val":
        for kind in split, f"{split}annot":
            (folder / kind).mkdir(parents=True)
            for file in sorted((source / kind).glob("*.png"))[::every]:
                (folder / kind / file.name).symlink_to(file)
    return folder
