"""A `.keras` file alone: what kerasseg's own runs say of a network, asked or found."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import UserError
from kerasseg.console import say
from kerasseg.data.reading.legends.legend import read_legend
from kerasseg.image_format import GRAY, RGB, RGB_BANDS, ImageFormat
from kerasseg.runs import reading
from kerasseg.runs.network_file import network_file
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.inference.foreign.network import Foreign
    from kerasseg.inference.maps import Network

FLAGS = "classes", "size", "input_range", "input_type", "activation"
"""Of `python -m kerasseg.predict`: what a run says itself."""


def is_foreign(run: Path) -> bool:
    """Whether a network lies in no run folder: nothing says what it takes and gives."""
    folder = reading.folder_of(run)
    described = (folder / "config.toml", folder / "image_format.json")
    return not (
        (folder / "taxonomy.json").is_file() and any(map(Path.is_file, described))
    )


def refuse_flags(asked: argparse.Namespace, run: str) -> None:
    """Raises UserError for flags that say what a run says itself."""
    given = [name for name in FLAGS if getattr(asked, name)]
    if given:
        flag = f"--{given[0].replace('_', '-')}"
        raise UserError(
            f"{flag} is for a .keras file alone; {run} says it itself. Leave it out."
        )


def network(
    run: Path,
    asked: argparse.Namespace,
    overlap_of: Callable[[tuple[int, int]], int],
) -> Network:
    """A network from elsewhere as commands use one; what was found is printed.

    asked: the flags of `FLAGS`, and `flip`, `crf`, `scales` and `overlap`. overlap_of:
    pixels that tiles of a size share.

    Raises UserError for a file that holds no such network, and for flags that do not
    fit to it.
    """
    loaded, file = reading.load(run), network_file(run)
    from kerasseg.inference import maps
    from kerasseg.inference.foreign import network as foreign_network
    from kerasseg.inference.foreign import segmenter

    size = (asked.size[0], asked.size[1]) if asked.size else None
    found = foreign_network.examined(loaded, str(file), size, asked.activation)
    taxonomy = classes_of(found, file, asked.classes)
    images = images_of(found, file, asked.input_type)
    scaling = scaling_of(asked.input_range, images)
    for line in lines(found, taxonomy, images, asked):
        say(f"{file.name}: {line}")
    tile = segmenter.tile_size(found)
    options = overlap_of(tile), asked.flip, asked.crf, asked.scales
    segment = segmenter.segmenter(found, images, scaling, taxonomy.exclusive, *options)
    return maps.Network(segment, tile, taxonomy, images, asked.overlap)


def classes_of(found: Foreign, file: Path, legend: str) -> Taxonomy:
    """The classes by a legend, by taxonomy.json beside the file, or numbered.

    A binary network may have one name, of class 1: class 0 is "background" then.

    Raises UserError where they are not as many as the network has.
    """
    exclusive = found.activation != "sigmoid" or found.binary
    beside = file.parent / "taxonomy.json"
    if legend:
        if not Path(legend).is_file():
            raise UserError(f"--classes {legend} does not exist. Check the path.")
        known, source = read_legend(Path(legend)).by_position().taxonomy(), legend
    elif beside.is_file():
        known, source = reading.taxonomy(file.parent), str(beside)
        exclusive = known.exclusive or found.binary
    else:
        known, source = Taxonomy.numbered(found.num_classes), ""
    if found.binary and known.num_classes == 1:
        names = ("background", *known.names)
        known = dataclasses.replace(
            known, names=names, colours=((0, 0, 0), *known.colours), exclusive=True
        )
    if known.num_classes != found.num_classes:
        raise UserError(
            f"{source} names {known.num_classes} classes, and {file} tells "
            f"{found.num_classes} apart. Give as many names, in the order of its "
            "outputs, with --classes FILE."
        )
    return dataclasses.replace(known, exclusive=exclusive)


def images_of(found: Foreign, file: Path, kind: str) -> ImageFormat:
    """What images are by image_format.json beside the file, else by their channels:
    gray, RGB, RGB with alpha, or bands without names.

    Raises UserError where image_format.json has another number of bands.
    """
    if (file.parent / "image_format.json").is_file():
        known = reading.image_format(file.parent)
        if known.channels != found.channels:
            raise UserError(
                f"{file.parent / 'image_format.json'} says {known}, and {file} takes "
                f"{found.channels} channels. It belongs to another network."
            )
        return known
    kind = kind or "uint8"
    if found.channels in (1, 3):
        return dataclasses.replace(GRAY if found.channels == 1 else RGB, type=kind)
    if found.channels == 4 and kind == "uint8":
        return ImageFormat.of((*RGB_BANDS, "alpha"), kind)
    return ImageFormat.of(tuple(f"band_{i + 1}" for i in range(found.channels)), kind)


def scaling_of(wanted: list[float] | None, images: ImageFormat) -> tuple[float, float]:
    """What pixels are multiplied with, and what is added, so that the range of their
    type becomes the wanted one.

    >>> scaling_of([-1, 1], RGB)
    (0.00784313725490196, -1.0)
    """
    if not wanted:
        return 1, 0
    low, high = wanted
    first, last = images.limits
    if images.type == "float32":
        raise UserError("--input-range is of whole numbers; float32 is given as it is.")
    if not -math.inf < low < high < math.inf:
        raise UserError(f"--input-range expects LOW below HIGH, got {low} {high}.")
    scale = (high - low) / (last - first)
    return scale, low - first * scale


def lines(
    found: Foreign, taxonomy: Taxonomy, images: ImageFormat, asked: argparse.Namespace
) -> list[str]:
    """What the file does not say, what is taken, and the flag to change it."""
    from kerasseg.inference.foreign import segmenter

    said = []
    if not asked.input_range and not found.scales and images.type != "float32":
        low, high = (f"{limit:.0f}" for limit in images.limits)
        said.append(
            f"pixels are given as {low} to {high}, as it has no first layer that "
            "scales them; if it was trained on others: --input-range 0 1, or -1 1"
        )
    if images.channels not in (1, 3) and not asked.input_type:
        said.append(f"images are taken for {images}; other types: --input-type")
    if not found.size and not asked.tiles and not asked.overlap:
        unit = found.multiple
        filled = f", filled up to multiples of {unit}" if unit > 1 else ""
        said.append(
            f"it takes any size: pictures keep theirs{filled}, and above "
            f"{segmenter.MOST_PIXELS:,} pixels are shrunk to as many; --tiles keeps "
            "every pixel, --size HEIGHT WIDTH sets the size"
        )
    if taxonomy == Taxonomy.numbered(found.num_classes):
        said.append(
            f"classes are called class_0 to class_{found.num_classes - 1}; --classes "
            "FILE names them"
        )
    if found.binary:
        kind = "a probability" if found.activation == "sigmoid" else "a logit"
        least = "0.5" if found.activation == "sigmoid" else "0"
        said.append(f"its one channel is {kind}: class 1 where it is above {least}")
    if not taxonomy.exclusive:
        said.append(
            "it ends with a sigmoid: classes overlap, and each is there above 0.5; for "
            "the likeliest class of each pixel: --activation softmax"
        )
    if found.activation == "unknown":
        said.append(
            "its end does not tell whether it gives probabilities; it is taken for "
            "logits, which counts for --flip, --tiles, --crf and --probabilities: "
            "--activation softmax, sigmoid or none"
        )
    return said
