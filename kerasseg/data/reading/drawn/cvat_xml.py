"""XML files of CVAT, "for images 1.1" and "for video 1.1": what is on each image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from kerasseg import UserError
from kerasseg.data.reading.drawn.json_errors import read_as

AREAS = ("polygon", "box", "ellipse", "mask", "cuboid")
"""Shapes that have an inside; a cuboid only to count and leave out."""
OTHERS = ("polyline", "points", "skeleton", "tag", "cuboid")
"""What is left out, and counted."""
NO_AREA = {"polyline", "points", "skeleton", "tag"}
"""Types of labels that no area can have."""


@dataclass
class CvatImage:
    """An image as CVAT names it. frame: its number in a video, else -1.

    subset: "" for none. size: (H, W). shapes: JSON texts of attributes and "kind", the
    lowest first.
    """

    name: str
    subset: str
    size: tuple[int, int]
    frame: int = -1
    shapes: list[tuple[int, str]] = field(default_factory=list)

    @property
    def painted(self) -> tuple[str, ...]:
        """The shapes from the lowest z_order up; of one, in the order of the file."""
        return tuple(text for _, text in sorted(self.shapes, key=lambda s: s[0]))


@dataclass
class CvatFile:
    """labels: name of each and its colour ("" for none), in the order of the file.
    counts: of shapes by kind, "rotated" boxes and those that are "outside" included."""

    labels: dict[str, str] = field(default_factory=dict)
    images: list[CvatImage] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    video: bool = False


def read_cvat(file: Path) -> CvatFile:
    """The content of an XML file of CVAT, read piece by piece.

    Raises UserError that names the file where it is damaged or not CVAT's.
    """
    found, frames, size, subset = CvatFile(), {}, (0, 0), ""
    try:
        with read_as("CVAT's XML", file):
            for element in _elements(file):
                if element.tag == "label" and element.find("name") is not None:
                    _label(element, found)
                elif element.tag == "subset":
                    subset = (element.text or "").strip()
                elif element.tag == "original_size":
                    size = _whole(element, "height"), _whole(element, "width")
                elif element.tag == "image":
                    found.images.append(_image(element, found.counts))
                elif element.tag == "track":
                    found.video = True
                    _track(element, frames, found.counts)
    except ElementTree.ParseError as error:
        raise UserError(
            f"{file} is not XML that can be read ({error}). Export it again."
        ) from error
    if found.video and found.images:
        raise UserError(f"{file} has images and tracks. Export it as one of them.")
    for number in sorted(frames):
        image = CvatImage("", "", size, number, frames[number])
        found.images.append(image)
    for image in found.images:
        image.subset = image.subset or subset
    return found


def _elements(file: Path) -> Iterator[ElementTree.Element]:
    """The ends of elements; images and tracks are forgotten after use."""
    root = None
    for event, element in ElementTree.iterparse(file, ("start", "end")):
        if root is None:
            root = element
            if root.tag != "annotations":
                raise UserError(
                    f"{file} is not XML of CVAT (<{root.tag}>). Export 'CVAT for "
                    "images 1.1'."
                )
        if event == "end":
            yield element
            if element.tag in ("image", "track"):
                element.clear()
                root.clear()


def _label(element: ElementTree.Element, found: CvatFile) -> None:
    if element.findtext("type", "any") in NO_AREA or element.find("parent") is not None:
        return
    name = element.findtext("name", "").strip()
    colour = element.findtext("color", "").strip()
    if found.labels.setdefault(name, colour) != colour:
        found.labels[name] = ""  # projects of several tasks


def _whole(element: ElementTree.Element, key: str) -> int:
    return int(element.findtext(key, "0"))


def _image(element: ElementTree.Element, counts: Counter[str]) -> CvatImage:
    of = element.attrib
    size = int(of.get("height", 0)), int(of.get("width", 0))
    image = CvatImage(of["name"], of.get("subset", ""), size)
    for shape in element:
        _add(shape, dict(shape.attrib), image.shapes, counts)
    return image


def _track(
    element: ElementTree.Element, frames: dict[int, list], counts: Counter[str]
) -> None:
    """Shapes of a track, to their frames; those outside are not in the picture."""
    for shape in element:
        of = {**shape.attrib, "label": element.attrib["label"]}
        shapes = frames.setdefault(int(of["frame"]), [])
        if of.get("outside") != "1":
            _add(shape, of, shapes, counts)


def _add(
    shape: ElementTree.Element,
    of: dict[str, Any],
    shapes: list[tuple[int, str]],
    counts: Counter[str],
) -> None:
    counts[shape.tag] += 1
    if shape.tag in OTHERS:
        return
    if shape.tag not in AREAS:
        raise UserError(f"the shape <{shape.tag}> is unknown. Export it as polygons.")
    of.pop("attributes", None)
    text = json.dumps({**of, "kind": shape.tag}, separators=(",", ":"))
    shapes.append((int(of.get("z_order", 0)), text))
