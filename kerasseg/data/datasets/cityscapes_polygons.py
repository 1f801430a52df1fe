"""Polygons of Cityscapes drawn to label ids, as its own createTrainIdLabelImgs does.

Rules of cityscapesscripts (json2labelImg.py): PIL polygons without outline, in the
order of the file, so that later ones cover earlier ones; "cargroup" is "car" where it
is not a label itself; deleted polygons and those of negative ids are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from kerasseg import UserError
from kerasseg.data.datasets.cityscapes_labels import NAMES

IDS = {name: i for i, name in enumerate(NAMES)} | {"license plate": -1}

FARTHEST = 1e5
"""Polygons may leave the frame, but not by so many pixels that drawing them hangs."""


def label_ids(
    file: Path, ids: Mapping[str, int] = IDS, skip_short: bool = False
) -> np.ndarray:
    """(H, W) uint8 label ids drawn from a *_polygons.json file.

    ids: label id of each name; that of "unlabeled" stands where no polygon is.
    skip_short: polygons of fewer than three points are left out, as IDD's tool does.

    Raises UserError that names the file where it is damaged or has a wrong polygon.
    """
    try:
        drawing = json.loads(file.read_bytes())
        size = int(drawing["imgWidth"]), int(drawing["imgHeight"])
        polygons = [
            (str(shape["label"]), [(float(x), float(y)) for x, y in shape["polygon"]])
            for shape in drawing["objects"]
            if not shape.get("deleted")
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{file} is not a polygon file of Cityscapes ({type(error).__name__}: "
            f"{error}). Copy it again."
        ) from error
    if not (0 < min(size) and max(size) < FARTHEST):
        raise UserError(f"{file} has a frame of {size} pixels. Copy it again.")
    canvas = Image.new("L", size, ids["unlabeled"])
    draw = ImageDraw.Draw(canvas)
    for label, points in polygons:
        label_id = _id(label, ids, file)
        if skip_short and len(points) < 3:
            continue
        if len(points) < 3 or not (np.abs(points) < FARTHEST).all():
            raise UserError(
                f"{file} holds a polygon of '{label}' of {len(points)} points, or far "
                "outside the frame. Correct or delete it."
            )
        if label_id >= 0:
            draw.polygon(points, fill=label_id)
    return np.asarray(canvas)


def _id(label: str, ids: Mapping[str, int], file: Path) -> int:
    name = label if label in ids else label.removesuffix("group")
    if name not in ids:
        raise UserError(
            f"{file} holds a polygon of '{label}', which is not a label of this data "
            "set. Correct or delete the polygon."
        )
    return ids[name]
