"""Shapes that annotation tools draw, as masks; names and boxes that are no classes.

One rule for polygons, that of Ultralytics and of most scripts around these tools: each
corner is in the pixel that holds it, and the pixels of the outline belong to the
object (OpenCV's fillPoly on whole numbers; labelme draws so too, with PIL). COCO has
its own rule, `coco_masks`. Boxes and ellipses are the pixels whose centres are inside;
pixel (x, y) covers [x, x+1) x [y, y+1).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.taxonomy import Taxonomy

Boxes = Literal["ask", "object", "ignore", "background"]
"""What an object that has only a box becomes: its box filled, ignored, or nothing."""

BACKGROUND = ("background", "_background_")
"""Names of classes, in any case, that mean class 0."""
IGNORED = ("__ignore__", "_ignore_")
"""Those that mean ignore."""
VOID = -1
"""As the class id of a shape: its pixels are ignored, whatever id that is on disk."""
OUTSIDE = 4096
"""Pixels by which a polygon may leave the image: farther is a mistake."""


def polygon(points: ArrayLike, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a polygon; points: x, y pairs in pixels.

    Raises UserError for fewer than 3 points, NaN, and points more than `OUTSIDE` pixels
    outside the image.
    """
    corners = np.asarray(points, float)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise UserError("a polygon has at least 3 points x, y")
    limits = np.array(size[::-1]) + OUTSIDE
    if not ((corners > -OUTSIDE) & (corners < limits)).all():
        raise UserError("it has NaN in it, or leaves the image too far")
    whole = np.floor(corners).astype(np.int32)
    # OpenCV draws what is outside on the edge of the image: room for it all around.
    before = np.maximum(-whole.min(0), 0)
    after = np.maximum(whole.max(0) + 1 - size[::-1], 0)
    canvas = np.zeros((before + size[::-1] + after)[::-1], np.uint8)
    cv2.fillPoly(canvas, [whole + before], (1,))
    left, top = before
    return canvas[top : top + size[0], left : left + size[1]].astype(bool)


def box(
    left: float, top: float, width: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """(H, W) bool of an upright rectangle, in pixels.

    Raises UserError for numbers that are not finite.
    """
    edges = np.array([left, top, left + width, top + height], float)
    if not np.isfinite(edges).all():
        raise UserError("a box has NaN or Inf in it")
    limits = [size[1], size[0], size[1], size[0]]
    x0, y0, x1, y1 = np.clip(np.ceil(edges - 0.5), 0, limits).astype(int)
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    degrees: float,
    size: tuple[int, int],
) -> np.ndarray:
    """(H, W) bool of the pixels whose centres lie inside; degrees: turned clockwise.

    Raises UserError for radii that are not above 0, and for NaN.
    """
    if not np.isfinite([*centre, *radii, degrees]).all() or min(radii) <= 0:
        raise UserError(f"an ellipse at {centre} cannot have the radii {radii}")
    y, x = np.ogrid[: size[0], : size[1]]
    x, y = x + 0.5 - centre[0], y + 0.5 - centre[1]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    along, across = x * cosine + y * sine, y * cosine - x * sine
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def class_ids(names: Iterable[str]) -> tuple[Taxonomy, dict[str, int]]:
    """Background and the names as classes, in their order; and the id of each name.

    A name that means the background or ignore (`BACKGROUND`, `IGNORED`) is no class;
    the id of the latter is `VOID`.

    Raises UserError for more classes than there are ids.
    """
    ids: dict[str, int] = {}
    classes: list[str] = []
    for name in names:
        if name.casefold() in BACKGROUND:
            ids[name] = 0
        elif name.casefold() in IGNORED:
            ids[name] = VOID
        elif name not in ids:
            classes.append(name)
            ids[name] = len(classes)
    colours = Taxonomy.named(classes).colours if classes else ()
    return Taxonomy(("background", *classes), ((0, 0, 0), *colours)), ids


def asked_alone(taxonomy: Taxonomy) -> Taxonomy:
    """The classes but the background, class 0, as questions of their own.

    Raises UserError where there is no other.
    """
    if taxonomy.num_classes < 2:
        raise UserError("There is no class but the background: nothing was drawn.")
    return Taxonomy(taxonomy.names[1:], taxonomy.colours[1:], exclusive=False)


def box_rule(
    boxes: Boxes, alone: int, objects: int, usual: Boxes, source: Path
) -> tuple[Boxes, str]:
    """What to do with boxes, and the words that say so ("" without any).

    boxes: as asked for; "ask" is `usual`. alone: objects that are only boxes, of
    `objects` in all.

    Raises UserError where all are boxes and nothing was asked for.
    """
    if not alone:
        return usual, ""
    if boxes == "ask" and alone == objects:
        raise UserError(
            f"{source} has {alone} objects, all of them boxes: they do not say which "
            "pixels are the object. Draw outlines, or say --boxes object to take each "
            "box as the object."
        )
    rule = usual if boxes == "ask" else boxes
    become = {
        "object": "are filled as objects",
        "ignore": "are ignored",
        "background": "are left out: background",
    }[rule]
    return rule, (
        f"{alone} of {objects} objects have only a box: their boxes {become} (--boxes "
        "object|ignore|background)"
    )


def class_of_box(class_id: int, boxes: Boxes) -> int:
    """The id of an object that is only a box, which is not left out: its own, or
    `VOID`."""
    return class_id if boxes == "object" else VOID
