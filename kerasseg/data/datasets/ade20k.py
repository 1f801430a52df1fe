"""ADE20K as the SceneParsing benchmark distributes it: 150 classes of scenes.

Zhou et al. 2017; ADEChallengeData2016 has 20,210 training and 2,000 validation images.
Masks hold 1 to 150, and 0 for all else, which the benchmark does not count.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.datasets.ade20k_classes import COLOURS, NAMES
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.pairing.pairs import with_labels
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

CLASSES = 150
SPLITS = {"training": "train", "validation": "val"}
LIST = "objectInfo150.txt"


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """ADE20K SceneParsing: images/training/*.jpg, annotations/training/*.png, ...

    Class ids are those of the masks less 1; 0 (other) becomes 255 = ignore. Names and
    colours are those of the benchmark; names in a file objectInfo150.txt come first.

    Tried on three real images of it, and on miniatures.

    Args:
        src: Folder ADEChallengeData2016.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    found = {s: name for s, name in SPLITS.items() if (src / "images" / s).is_dir()}
    if not found:
        raise UserError(
            f"{src} holds neither images/training nor images/validation. Name the "
            "folder ADEChallengeData2016."
        )
    return _taxonomy(src / LIST), {
        name: Samples(_pairs(src, split), _read, id=stem)
        for split, name in found.items()
    }


def _taxonomy(file: Path) -> Taxonomy:
    """Names of lines "Idx Ratio Train Val Name", separated by tabs: name, synonym."""
    if not file.is_file():
        return Taxonomy(NAMES, COLOURS)
    rows = [line.split("\t") for line in text_of(file).splitlines()[1:] if line]
    if [row[0].strip() for row in rows] != [str(i + 1) for i in range(CLASSES)]:
        raise UserError(
            f"{file} must name classes 1 to {CLASSES}, one a line after the heading. "
            "Copy it from ADEChallengeData2016 again, or remove it."
        )
    return Taxonomy(tuple(row[-1].split(",")[0].strip() for row in rows), COLOURS)


def _pairs(src: Path, split: str) -> list[tuple[Path, Path]]:
    images = sorted((src / "images" / split).glob("*.jpg"))
    if not images:
        raise UserError(f"{src}/images/{split} holds no *.jpg. Unpack it again.")
    annotations = src / "annotations" / split
    return with_labels(images, lambda image: annotations / f"{image.stem}.png")


def _read(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    label, _ = read_mask(pair[1])
    if label.ndim != 2 or label.dtype != np.uint8 or label.max() > CLASSES:
        raise UserError(
            f"Mask {pair[1]} must be an 8-bit gray PNG of ids 0 to {CLASSES}. Use the "
            "masks of ADEChallengeData2016, not those of the full ADE20K."
        )
    label = label - np.uint8(1)  # 0 becomes 255
    return Sample(pair[0].stem, image, label, encoded=encoded)
