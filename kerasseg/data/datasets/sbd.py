"""SBD, the Semantic Boundaries Dataset: VOC's 20 classes on 11,355 images, MAT files.

Hariharan et al. 2011; 8,498 train and 2,857 val images. Nothing is ignored: unlike VOC,
objects have no border of 255. With VOC it makes "trainaug", the 10,582 images on which
DeepLab and others train.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.datasets import pascal_voc, stem
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.pairs import Pair, existing, read_list
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def load(src: Path, /, *, voc: str = "") -> tuple[Taxonomy, dict[str, Samples]]:
    """SBD: img/*.jpg, cls/*.mat, train.txt and val.txt in benchmark_RELEASE/dataset.

    With --voc the splits are trainaug and VOC's val: train holds VOC's own train images
    with VOC's masks, then those of SBD's train and val that VOC has in neither of its
    two splits (10,582 in all for VOC2012).

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder benchmark_RELEASE, or the folder dataset in it.
        voc: Folder VOC2012 (or VOCdevkit with one year in it) to make trainaug with.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    require("scipy.io")
    src = Path(src)
    root = src if (src / "cls").is_dir() else src / "dataset"
    if not (root / "cls").is_dir():
        raise UserError(
            f"{src} holds no dataset/cls. Name the folder benchmark_RELEASE of SBD."
        )
    names = {s: read_list(root / f"{s}.txt") for s in ("train", "val")}
    if not voc:
        splits = {split: _pairs(root, names[split]) for split in names}
        return pascal_voc.TAXONOMY, {
            s: Samples(splits[s], _read, id=stem) for s in splits
        }
    other = pascal_voc.folder(Path(voc))
    train, val = (pascal_voc.listed(other, split) for split in ("train", "val"))
    added = sorted({*names["train"], *names["val"]} - {*train, *val})
    return pascal_voc.TAXONOMY, {
        "train": Samples(
            [*pascal_voc.pairs(other, train), *_pairs(root, added)], _read, id=stem
        ),
        "val": Samples(pascal_voc.pairs(other, val), _read, id=stem),
    }


def _pairs(root: Path, names: list[str]) -> list[Pair]:
    pairs = [(root / f"img/{n}.jpg", root / f"cls/{n}.mat") for n in names]
    return existing(pairs, root)


def _read(pair: Pair) -> Sample:
    if pair[1].suffix == ".png":
        return pascal_voc.read_sample(pair)
    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, _label(pair[1]), encoded=encoded)


def _label(file: Path) -> np.ndarray:
    """The map of class ids in a MAT file: field Segmentation of the struct GTcls."""
    io = require("scipy.io")
    try:
        label = np.asarray(io.loadmat(file)["GTcls"]["Segmentation"][0, 0])
    except Exception as error:  # damaged files raise MatReadError, zlib.error, ...
        raise UserError(
            f"{file} is not a MAT file with GTcls.Segmentation ({error}). Unpack SBD "
            "again."
        ) from error
    if label.ndim != 2 or label.dtype != np.uint8:
        raise UserError(
            f"{file}: GTcls.Segmentation must be uint8 (H, W), is {label.dtype} "
            f"{label.shape}. Unpack SBD again."
        )
    return label
