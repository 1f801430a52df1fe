"""The command line of `python -m kerasseg.predict`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from kerasseg import UserError
from kerasseg.console import IN_HELP
from kerasseg.console.flags import (
    ANY,
    COUNT_OR_0,
    PIXELS,
    SHARE,
    SIDE,
    Number,
    argument,
    refuse_empty,
    with_pairs,
)
from kerasseg.inference.scales import SCALE

YES_OR_NO: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
MOST_THREADS = 256
"""A process that asks for many more ends without a word."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all commands do."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The flags in `argv`; raises and leaves as `kerasseg.flags.parse`."""
    made = parser()
    usual = vars(made.parse_args(["-"]))
    switches = [
        f"--{name.replace('_', '-')}"
        for name, value in usual.items()
        if isinstance(value, bool)
    ]
    words = with_pairs(argv, switches)
    refuse_empty(words, ["--out"])
    return made.parse_args(words)


def parser() -> argparse.ArgumentParser:
    """argparse, not tyro as in the other commands: devices need no package more."""
    made = OneLineParser(
        usage="%(prog)s [options] INPUT [INPUT ...]",
        prog="python -m kerasseg.predict",
        description="Draw label maps and overlays of pictures, folders of pictures, "
        "videos, or what a camera sees.",
        epilog=IN_HELP,
    )
    add = made.add_argument
    add(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="picture, map (GeoTIFF) or video file, folder of them, the address of a "
        "stream (rtsp://..., http://...), or a camera's number",
    )
    add("--out", type=Path, default=Path("predictions"), help="folder to write to")
    add(
        "--recursive",
        **YES_OR_NO,
        default=True,
        help="look into subfolders of folders too; results keep them",
    )
    add = made.add_argument_group("network").add_argument
    add(
        "--run",
        default="",
        help="run folder or .keras file, or the name of a network that comes with "
        "kerasseg: road_scene (the default), road_scene_fast",
    )
    add(
        "--litert",
        default="",
        metavar="FILE",
        help="a .tflite file of an export, or such a name, for its int8 file",
    )
    add(
        "--threads",
        type=argument(int, Number(0, MOST_THREADS)),
        default=0,
        help="threads of --litert; 0: as many as there are cores, up to 4",
    )
    add = made.add_argument_group(
        "a network from elsewhere (a .keras file alone)"
    ).add_argument
    add("--classes", default="", metavar="FILE", help="the names of its classes")
    add(
        "--size",
        nargs=2,
        type=argument(int, Number(1, SIDE)),
        metavar=("HEIGHT", "WIDTH"),
        help="what it is given, of one that takes any; default: the picture's own",
    )
    add(
        "--input-range",
        nargs=2,
        type=argument(float, ANY),
        metavar=("LOW", "HIGH"),
        help="the range of pixels it was trained on; default: as they are stored, 0 to "
        "255",
    )
    add(
        "--input-type",
        choices=("uint8", "uint16", "int16", "float32"),
        default="",
        help="the type of its images; default: uint8",
    )
    add(
        "--activation",
        choices=("softmax", "sigmoid", "none"),
        default="",
        help="what its last layer does; default: what is found there",
    )
    add = made.add_argument_group("how pictures are read").add_argument
    add(
        "--pages",
        choices=("ask", "samples", "bands"),
        default="ask",
        help="what the pages of a TIFF, GIF or DICOM file are: pictures of their own "
        "(samples), or bands of one picture",
    )
    add = made.add_argument_group("how they are predicted").add_argument
    add(
        "--tiles",
        default=False,
        **YES_OR_NO,
        help="cut pictures larger than the network into tiles, do not shrink them",
    )
    add(
        "--overlap",
        type=argument(int, PIXELS),
        default=0,
        help="pixels that tiles share, even; default: a quarter of the network's side",
    )
    add("--flip", default=False, **YES_OR_NO, help="average with the mirror image")
    add(
        "--scales",
        nargs="+",
        type=argument(float, SCALE),
        default=(),
        metavar="SCALE",
        help="average over these sizes of the network, such as 0.75 1 1.25",
    )
    add("--crf", default=False, **YES_OR_NO, help="sharpen with a dense CRF; slow")
    add = made.add_argument_group("what is written").add_argument
    add(
        "--format",
        choices=("png", "tiff"),
        default="png",
        help="of class maps; where classes overlap a PNG of 0 and 1 for each, or one "
        "TIFF with a page for each",
    )
    add(
        "--palette",
        default=False,
        **YES_OR_NO,
        help="PNGs show the colours of the classes; OpenCV and matplotlib then read "
        "colours, not ids",
    )
    add(
        "--probabilities",
        choices=("npz", "tiff"),
        default="",
        help="write those of all classes too, float16, as NAME_probabilities",
    )
    add = made.add_argument_group("what is drawn").add_argument
    add(
        "--alpha",
        type=argument(float, SHARE),
        default=0.5,
        help="opacity of the colours, 0 to 1",
    )
    add(
        "--bands",
        default="",
        metavar="R,G,B",
        help="the bands that overlays show as red, green and blue, by name or number "
        "from 1, or a single one as gray",
    )
    add = made.add_argument_group("videos and cameras").add_argument
    add(
        "--frames",
        type=argument(int, COUNT_OR_0),
        default=0,
        help="frames of a video or camera; 0: all",
    )
    add(
        "--labels",
        default=False,
        **YES_OR_NO,
        help="write the class map of each frame too, as NAME_labels/000001.png",
    )
    add(
        "--show",
        default=False,
        **YES_OR_NO,
        help="show frames in a window too; q ends it",
    )
    add = made.add_argument_group("volumes (NIfTI, DICOM series, ...)").add_argument
    add(
        "--slices",
        default=False,
        **YES_OR_NO,
        help="run a network of pictures on each slice of volumes; one that was trained "
        "on slices (prepare volumes --slices) does so by itself",
    )
    add(
        "--mirror",
        type=_axes,
        default="",
        metavar="AXES",
        help="average with the mirror images along these axes too: x (left to right, "
        "as --flip), xy, xyz, ...",
    )
    add(
        "--largest",
        default=False,
        **YES_OR_NO,
        help="keep the largest piece of each class but the first",
    )
    add(
        "--fill-holes",
        default=False,
        **YES_OR_NO,
        help="fill background that a class encloses",
    )
    add = made.add_argument_group("maps (GeoTIFF)").add_argument
    add(
        "--vectors",
        default="",
        metavar="FILE",
        help="polygons of each class of a map: OUT.gpkg, OUT.geojson or OUT.shp; gpkg, "
        "geojson or shp alone writes one beside each class map",
    )
    add(
        "--sieve",
        type=argument(int, COUNT_OR_0),
        default=16,
        metavar="PIXELS",
        help="areas of fewer pixels join their largest neighbour in --vectors; 0: none",
    )
    return made


def _axes(word: str) -> str:
    if set(word) - set("xyz") or len(set(word)) < len(word):
        told = f"must be of the letters x, y and z, each once, is {word!r}"
        raise argparse.ArgumentTypeError(told)
    return word
