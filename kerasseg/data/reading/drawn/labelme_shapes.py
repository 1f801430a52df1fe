"""Shapes drawn with labelme (polygons, circles, ...) as masks, as labelme fills them.

Rules of labelme's utils/shape.py (K. Wada): shapes are drawn by PIL with their outline.
X-AnyLabeling saves the same files, with further shapes and boxes of four corners.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from kerasseg import UserError

LINE_WIDTH = 10
POINT_RADIUS = 5
"""Pixels."""
POINTS: dict[str, Sequence[int]] = {
    "polygon": range(3, 1 << 30),
    "rectangle": (2, 4),
    "oriented_rectangle": range(4, 5),
    "rotation": range(4, 5),
    "quadrilateral": range(4, 5),
    "circle": range(2, 3),
    "line": range(2, 3),
    "linestrip": range(2, 1 << 30),
    "point": range(1, 2),
    "mask": range(2, 3),
}
"""How many points a shape of each type may have."""
CORNERS = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")


def rasterise(shape: dict, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool pixels of a shape; `size` is (H, W).

    polygon, oriented_rectangle, and X-AnyLabeling's rotation and quadrilateral: filled,
    with outline. rectangle: the box of two or four corners. circle: centre and a point
    on it. line, linestrip: 10 pixels wide. point: a disc of radius
    5. mask: a PNG in base64 between two corners. No type means polygon.

    Raises UserError for unknown types, and points or masks that do not fit.
    """
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape, kind)
    if kind == "mask":
        return _bitmap(shape, points, size)
    canvas = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    if kind in CORNERS:
        draw.polygon(points, outline=1, fill=1)
    elif kind == "rectangle":
        xs, ys = zip(*points, strict=True)
        draw.rectangle((min(xs), min(ys), max(xs), max(ys)), outline=1, fill=1)
    elif kind in ("line", "linestrip"):
        draw.line(points, fill=1, width=LINE_WIDTH)
    else:
        x, y = points[0]
        radius = POINT_RADIUS if kind == "point" else math.dist(*points)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=1, outline=1
        )
    return np.asarray(canvas).astype(bool)


def _points(shape: dict, kind: str) -> list[tuple[float, float]]:
    if kind not in POINTS:
        raise UserError(
            f"shape_type '{kind}' is unknown. Known: {', '.join(POINTS)}. Draw the "
            "shape as a polygon."
        )
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            "points must be a list of [x, y]. Draw the shape again."
        ) from error
    if len(points) not in POINTS[kind]:
        raise UserError(
            f"a {kind} has {POINTS[kind][0]} points"
            f"{_or_more(POINTS[kind])}, this one {len(points)}. "
            "Draw the shape again."
        )
    return points


def _or_more(allowed: Sequence[int]) -> str:
    if len(allowed) > 2:
        return " or more"
    return f" or {allowed[1]}" if len(allowed) == 2 else ""


def _bitmap(
    shape: dict, points: list[tuple[float, float]], size: tuple[int, int]
) -> np.ndarray:
    (left, top), (right, bottom) = ((int(x), int(y)) for x, y in points)
    try:
        content = base64.b64decode(shape["mask"])
        bitmap = np.asarray(Image.open(io.BytesIO(content))).astype(bool)
    except (KeyError, TypeError, binascii.Error, OSError) as error:
        raise UserError(
            "a mask must be a PNG in base64. Draw the shape again."
        ) from error
    mask = np.zeros(size, bool)
    inside = left >= 0 and top >= 0 and right < size[1] and bottom < size[0]
    if not inside or bitmap.shape != (bottom - top + 1, right - left + 1):
        raise UserError(
            f"a mask of {bitmap.shape} pixels does not fit between its corners "
            f"{(left, top)} and {(right, bottom)} in an image of {size}. Draw it again."
        )
    mask[top : bottom + 1, left : right + 1] = bitmap
    return mask
