"""Sets whose names of files are those of many: recognised by a look into a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from kerasseg.data.datasets.recognition.marks import VOC
from kerasseg.data.datasets.recognition.tool_marks import Candidate, words
from kerasseg.data.reading.pairing.listing import Listing
from kerasseg.data.reading.pairing.splits import split_of

STUFF = "#" * 12
"""Names of COCO's images."""
CITYSCAPES = {7: (128, 64, 128), 11: (70, 70, 70), 23: (70, 130, 180), 26: (0, 0, 142)}
"""Colours of road, building, sky and car, by label id."""
MAPS = "{gpkg,geojson,shp,fgb}"
"""Endings of polygons on a map."""


def by_pictures(found: Listing) -> Iterator[Candidate]:
    """Sets whose names are those of many: told by what is in a picture or a shard."""
    mask = found.first(f"{VOC}SegmentationClass{{,Aug}}/####_######.png")
    mask = mask or found.first("{,VOCdevkit/}VOC####/SegmentationClass/######.png")
    lists = found.first(f"{VOC}ImageSets/Segmentation/*.txt")
    if mask and lists:  # in RGB they are of a tool that uses VOC's names and colours
        kind = "voc_masks" if _mode(found.root / mask) == "RGB" else "pascal_voc"
        yield Candidate(kind, f"{lists}, {mask}")
    label = found.first("labels/#####.png")
    if label and found.first("images/#####.png"):
        why = _of_gta5(found.root / label)
        if why:
            yield Candidate("gta5", f"{label} with {why}")
    label = found.first(f"annotations/{{train,val}}2017/{STUFF}.png")
    if label and found.first(f"{{,images/}}{{train,val}}2017/{STUFF}.jpg"):
        if _is_stuff(found.root / label):
            yield Candidate("coco_stuff", f"{label} with ids of stuff")
    slices = found.all("image/{#,##}.png")
    if len(slices) == len(found.all("{image,label}/*")) / 2 == 30:
        if size_of(found.root / slices[0]) == (512, 512):
            yield Candidate("isbi2012", "30 slices of 512 x 512, image/ and label/")
    shard = found.first("*-#####-of-#####*")
    if shard and b"image/segmentation/class/" in words(found.root / shard):
        yield Candidate("deeplab_records", f"{shard} with image/segmentation/class")


def maps(found: Listing) -> Iterator[Candidate]:
    """GeoTIFFs of one folder, or of its splits, with files of polygons in one."""
    images, drawings = found.all("**/*.{tif,tiff}"), found.all(f"**/*.{MAPS}")
    places = [{_without_split(f) for f in files} for files in (images, drawings)]
    if all(len(folders) == 1 for folders in places):
        sources = _place(found.root, images), _place(found.root, drawings)
        yield Candidate("raster", f"{images[0]}, {drawings[0]}", sources=sources)


def _without_split(file: str) -> str:
    folders = file.split("/")[:-1]
    return "/".join(folders[:-1] if folders and split_of(folders[-1]) else folders)


def _place(root: Path, files: list[str]) -> Path:
    """The one file, else the folder that all of them lie in."""
    if len(files) == 1:
        return root / files[0]
    return Path(os.path.commonpath([(root / file).parent for file in files]))


def size_of(file: Path) -> tuple[int, int]:
    """Width and height of a picture, pixels."""
    with _opened(file) as picture:
        return picture.size


def _of_gta5(label: Path) -> str:
    """What tells a label of GTA5; "" for gray ones, whose ids may be others."""
    with _opened(label) as picture:
        palette, size, mode = picture.getpalette() or [], picture.size, picture.mode
    colours = {i: tuple(palette[3 * i : 3 * i + 3]) for i in CITYSCAPES}
    if colours == CITYSCAPES:
        return "a palette of Cityscapes"
    return "1914 x 1052 pixels" if size == (1914, 1052) and mode != "L" else ""


def _is_stuff(label: Path) -> bool:
    """Whether a map has ids of stuff (id - 1 is 91 to 181), and none above."""
    with _opened(label) as picture:
        try:
            used = {value for _, value in picture.getcolors(256) or []}
        except (OSError, ValueError, SyntaxError):
            return False
    numbers = {v for v in used if isinstance(v, int) and v != 255}
    return bool(numbers) and 91 <= max(numbers) <= 181


def _opened(file: Path) -> Image.Image:
    """A picture, of which the header is read; one of 1 x 1 for what is none."""
    try:
        return Image.open(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Image.new("1", (1, 1))


def _mode(file: Path) -> str:
    with _opened(file) as picture:
        return picture.mode
