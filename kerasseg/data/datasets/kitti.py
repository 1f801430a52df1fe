"""KITTI semantic segmentation 2015: 200 labelled frames, 19 classes of Cityscapes.

Alhaija et al. 2018. Label ids are those of Cityscapes; 16-bit files of objects hold
256 * label id + number.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_labels import KNOWN, TAXONOMY
from kerasseg.data.datasets.frames import (
    Frame,
    classes_of,
    first_folder,
    object_numbers,
    samples_of,
    visible,
)
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """KITTI: training/image_2/000000_10.png with training/semantic/ and instance/.

    Without semantic/, classes are those of instance/. Label ids that Cityscapes does
    not train become 255 = ignore. Frames of one scene are a sequence. There is one
    split; testing/ has no labels and is left out.

    Tried on the two frames of datumaro's tests, which have objects only, and on
    miniatures.

    Args:
        src: Folder that holds training/ (data_semantics.zip).

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    root = Path(src) / "training"
    images = visible(root / "image_2", "*.png")
    labels = first_folder(root, ("semantic", "instance"))
    if not images or labels is None:
        raise UserError(
            f"{src} has no training/image_2/*.png with training/semantic/ (or "
            "instance/). Unpack data_semantics.zip there; KITTI's other benchmarks, "
            "such as label_2/, have no masks."
        )
    objects = root / "instance"
    frames = [
        Frame(
            image.stem,
            image,
            labels / image.name,
            image.stem.partition("_")[0],
            file if (file := objects / image.name).is_file() else None,
        )
        for image in images
    ]
    read = partial(classes_of, known=KNOWN) if labels != objects else _classes
    tests = len(visible(Path(src) / "testing" / "image_2", "*.png"))
    said = f"testing/ has no labels: {tests} images are left out." if tests else ""
    return TAXONOMY, {"train": samples_of(frames, read, _objects, said)}


def _classes(file: Path) -> np.ndarray:
    return to_classes(object_numbers(file) // 256, KNOWN, file)


def _objects(file: Path) -> np.ndarray:
    stored = object_numbers(file)
    return np.where(stored % 256, stored, 0)
