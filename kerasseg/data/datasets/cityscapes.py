"""Cityscapes: 5,000 finely and 20,000 coarsely labelled frames, 19 classes.

Cordts et al. 2016; label ids, train ids and colours of cityscapesscripts (labels.py).
"""

from __future__ import annotations

from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_polygons import NAMES, label_ids
from kerasseg.data.reading.image import read_image
from kerasseg.data.reading.label_maps import lookup_table, to_classes
from kerasseg.data.reading.mask import read_mask
from kerasseg.data.reading.pairs import with_labels
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

CLASSES = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
TAXONOMY = Taxonomy(tuple(CLASSES), tuple(CLASSES.values()))
"""The 19 classes that Cityscapes trains and evaluates; a class id is its train id."""

KNOWN = lookup_table(
    {NAMES.index(name): i for i, name in enumerate(CLASSES)},
    ignored=(*range(len(NAMES)), IGNORE),
)
SPLITS = ("train", "val", "train_extra")
IMAGE = "_leftImg8bit.png"


def load(src: Path, /, *, coarse: bool = False) -> tuple[Taxonomy, dict[str, Samples]]:
    """Cityscapes: leftImg8bit/train/aachen/*.png with gtFine/train/aachen/*.

    Labels are *_labelIds.png, or drawn from *_polygons.json where there is none. Label
    ids that Cityscapes does not train become 255 = ignore. The labels of its test split
    are dummies, so it is left out. Frames of one recording are a sequence.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder that holds leftImg8bit/ and gtFine/ or gtCoarse/.
        coarse: Read gtCoarse instead of gtFine: splits train, val and train_extra.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src, kind = Path(src), "gtCoarse" if coarse else "gtFine"
    for folder in ("leftImg8bit", kind):
        if not (src / folder).is_dir():
            raise UserError(
                f"{src} has no folder {folder}. Unpack leftImg8bit_trainvaltest.zip "
                f"and the archive of {kind} into one folder, and name that."
            )
    splits = {}
    for split in SPLITS:
        images = (src / "leftImg8bit" / split).glob(f"*/*{IMAGE}")
        if (src / kind / split).is_dir():
            splits[split] = with_labels(images, lambda image: _label(image, src, kind))
    splits = {split: pairs for split, pairs in splits.items() if pairs}
    if not splits:
        raise UserError(
            f"{src} has no image leftImg8bit/train/CITY/*{IMAGE} with labels in "
            f"{kind}/train/CITY. Unpack both archives into this folder."
        )
    return TAXONOMY, {
        split: Samples(pairs, _read, _sequence, _id) for split, pairs in splits.items()
    }


def _label(image: Path, src: Path, kind: str) -> Path:
    name = image.name.removesuffix(IMAGE)
    folder = src / kind / image.parent.parent.name / image.parent.name
    ids = folder / f"{name}_{kind}_labelIds.png"
    polygons = folder / f"{name}_{kind}_polygons.json"
    return polygons if polygons.is_file() and not ids.is_file() else ids


def _id(pair: tuple[Path, Path]) -> str:
    return pair[0].name.removesuffix(IMAGE)


def _sequence(pair: tuple[Path, Path]) -> str:
    """City and number of the recording: aachen_000000 of aachen_000000_000019."""
    return _id(pair).rpartition("_")[0]


def _read(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    file = pair[1]
    ids = label_ids(file) if file.suffix == ".json" else read_mask(file)[0]
    return Sample(
        _id(pair),
        image,
        to_classes(ids, KNOWN, file),
        encoded=encoded,
        sequence=_sequence(pair),
    )
