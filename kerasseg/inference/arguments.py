"""The command line of `python -m kerasseg.predict`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TypeVar

Number = TypeVar("Number", int, float)
MOST_THREADS = 256
"""A process that asks for many more ends without a word."""


def parser() -> argparse.ArgumentParser:
    """argparse, not tyro as in the other commands: devices need no package more."""
    made = argparse.ArgumentParser(
        prog="python -m kerasseg.predict",
        description="Draw label maps and overlays of pictures, folders of pictures, "
        "videos, or what a camera sees.",
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
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look into subfolders of folders too; results keep them",
    )
    add = made.add_argument_group("network").add_argument
    add(
        "--run",
        default="",
        help="run folder or .keras file; default: the road-scene network that comes "
        "with kerasseg",
    )
    add("--litert", default="", metavar="FILE", help="a .tflite file of an export")
    add(
        "--threads",
        type=_threads,
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
        type=_side,
        metavar=("HEIGHT", "WIDTH"),
        help="what it is given, of one that takes any; default: the picture's own",
    )
    add(
        "--input-range",
        nargs=2,
        type=float,
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
        action="store_true",
        help="cut pictures larger than the network into tiles, do not shrink them",
    )
    add(
        "--overlap",
        type=int,
        default=0,
        help="pixels that tiles share, even; default: a quarter of the network's side",
    )
    add("--flip", action="store_true", help="average with the mirror image")
    add(
        "--scales",
        nargs="+",
        type=float,
        default=(),
        metavar="SCALE",
        help="average over these sizes of the network, such as 0.75 1 1.25",
    )
    add("--crf", action="store_true", help="sharpen with a dense CRF; slow")
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
        action="store_true",
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
    add("--alpha", type=_opacity, default=0.5, help="opacity of the colours, 0 to 1")
    add(
        "--bands",
        default="",
        metavar="R,G,B",
        help="the bands that overlays show as red, green and blue, by name or number "
        "from 1, or a single one as gray",
    )
    add = made.add_argument_group("videos and cameras").add_argument
    add("--frames", type=_count, default=0, help="frames of a video or camera; 0: all")
    add(
        "--labels",
        action="store_true",
        help="write the class map of each frame too, as NAME_labels/000001.png",
    )
    add("--show", action="store_true", help="show frames in a window too; q ends it")
    add = made.add_argument_group("volumes (NIfTI, DICOM series, ...)").add_argument
    add(
        "--slices",
        action="store_true",
        help="run a network of pictures on each slice of volumes",
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
        action="store_true",
        help="keep the largest piece of each class but the first",
    )
    add(
        "--fill-holes",
        action="store_true",
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
        type=_count,
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


def _opacity(word: str) -> float:
    return _number(float, word, 0, 1)


def _side(word: str) -> int:
    return _number(int, word, 1, 1 << 15)


def _threads(word: str) -> int:
    return _number(int, word, 0, MOST_THREADS)


def _count(word: str) -> int:
    return _number(int, word, 0, sys.maxsize)


def _number(kind: type[Number], word: str, least: int, most: int) -> Number:
    limits = "0 or more" if most == sys.maxsize else f"{least} to {most}"
    try:
        value = kind(word)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        told = f"must be {what}, {limits}, is {word!r}"
        raise argparse.ArgumentTypeError(told) from None
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"must be {limits}, is {word}")
    return value
