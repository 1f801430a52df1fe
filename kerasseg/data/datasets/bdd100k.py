"""BDD100K semantic segmentation: 8,000 labelled frames of as many drives, 19 classes.

Yu et al. 2020; the 10K images. Class ids and colours are those of Cityscapes.
"""

from __future__ import annotations

from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.datasets.cityscapes import TAXONOMY
from kerasseg.data.reading.image import read_image
from kerasseg.data.reading.label_maps import lookup_table, to_classes
from kerasseg.data.reading.mask import read_mask
from kerasseg.data.reading.pairs import with_labels
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

LAYOUTS = (
    ("images/10k/{}", "labels/sem_seg/masks/{}", ".png"),
    ("seg/images/{}", "seg/labels/{}", "_train_id.png"),
)
"""Images, labels and end of the labels' names: now, and in the package of 2018."""

KNOWN = lookup_table({i: i for i in range(TAXONOMY.num_classes)}, ignored=(IGNORE,))


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """BDD100K: images/10k/train/*.jpg with labels/sem_seg/masks/train/*.png, and val.

    Also the package of 2018: seg/images/train/*.jpg, seg/labels/train/*_train_id.png.
    The test split has no labels and is left out.

    Tried on miniatures of this layout only, not on the real files.

    Args:
        src: Folder bdd100k, or the folder that holds it.

    Raises:
        UserError: files that are missing or are not laid out like this.
    """
    src = Path(src)
    splits = {}
    for root in (src, src / "bdd100k"):
        for images, labels, end in LAYOUTS:
            for split in ("train", "val"):
                if split in splits or not (root / labels.format(split)).is_dir():
                    continue
                folder = root / labels.format(split)
                files = (root / images.format(split)).glob("*.jpg")
                masks = {file: folder / (file.stem + end) for file in files}
                pairs = with_labels(masks, masks.__getitem__)
                splits |= {split: pairs} if pairs else {}
    if not splits:
        raise UserError(
            f"{src} has neither images/10k/train/*.jpg with labels/sem_seg/masks/train "
            "nor seg/images/train/*.jpg with seg/labels/train. Unpack the archives "
            "10K Images and Segmentation into one folder, and name its folder bdd100k."
        )
    return TAXONOMY, {
        split: Samples(pairs, _read, id=stem) for split, pairs in splits.items()
    }


def _read(pair: tuple[Path, Path]) -> Sample:
    image, encoded = read_image(pair[0])
    label = to_classes(read_mask(pair[1])[0], KNOWN, pair[1])
    return Sample(pair[0].stem, image, label, encoded=encoded)
