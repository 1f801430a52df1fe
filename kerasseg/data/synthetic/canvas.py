"""The canvas: picture and label painted by the same call, at twice the output size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.taxonomy import IGNORE

CLASSES = 11
VOID_CODE = CLASSES
"""Codes 0..10 are the classes as stuff, 11 is void, above it one code per object."""

Colour = Sequence[int]
"""Red, green and blue, 0..255."""

SUPERSAMPLING = 2
"""Canvas pixels along one pixel of the result."""
FRACTION_BITS = 4
"""OpenCV takes coordinates as fixed-point numbers with so many binary digits."""


class Canvas:
    """RGB and object code in one 4-channel array: what shows the object is labelled so.

    pixels: uint8 (2 H, 2 W, 4); the last channel is the code.
    """

    def __init__(self, height: int, width: int) -> None:
        self.size = (height, width)
        shape = (height * SUPERSAMPLING, width * SUPERSAMPLING, 4)
        self.pixels = np.zeros(shape, np.uint8)
        self._class_of = [*range(CLASSES), IGNORE]
        self._instance_of = [0] * (CLASSES + 1)

    def new_object(self, class_id: int) -> int:
        """The code of one more object of the class.

        Raises UserError above 244 objects in a scene.
        """
        code = len(self._class_of)
        if code > 255:
            raise UserError("A synthetic scene holds at most 244 objects.")
        self._class_of.append(class_id)
        self._instance_of.append(code - CLASSES)
        return code

    def polygon(self, points: ArrayLike, colour: Colour, code: int) -> None:
        """Fill a convex polygon; points: float (N, 2) x, y in canvas pixels."""
        cv2.fillConvexPoly(
            self.pixels, _fixed(points), (*colour, code), 8, FRACTION_BITS
        )

    def outline(self, points: ArrayLike, colour: Colour, code: int) -> None:
        """Fill any simple polygon; points: float (N, 2) x, y in canvas pixels."""
        cv2.fillPoly(self.pixels, [_fixed(points)], (*colour, code), 8, FRACTION_BITS)

    def stroke(
        self, points: ArrayLike, width: float, colour: Colour, code: int
    ) -> None:
        """A line through the points, `width` canvas pixels wide, with round ends."""
        cv2.polylines(
            self.pixels,
            [_fixed(points)],
            False,
            (*colour, code),
            max(1, round(width)),
            8,
            FRACTION_BITS,
        )

    def disc(self, centre: ArrayLike, radius: float, colour: Colour, code: int) -> None:
        """Fill a circle; centre x, y and radius in canvas pixels."""
        x, y = _fixed(centre)
        cv2.circle(
            self.pixels,
            (int(x), int(y)),
            max(1, round(radius * (1 << FRACTION_BITS))),
            (*colour, code),
            -1,
            8,
            FRACTION_BITS,
        )

    def paste(
        self,
        texture: np.ndarray,
        quad: np.ndarray,
        code: int,
        opacity: np.ndarray | None = None,
    ) -> None:
        """Texture in perspective on a quadrilateral.

        texture: uint8 (h, w, 3), row 0 is the top.
        quad: float (4, 2): bottom left, bottom right, top right, top left.
        opacity: float32 (h, w) 0..1, how much it covers what is behind; or None.
        """
        box = self._clip(quad.min(0), quad.max(0) + 2)
        if box is None:
            return
        left, top, right, bottom = box
        target = (quad - (left, top)).astype(np.float32)
        h, w = texture.shape[:2]
        source = np.array([[0, h], [w, h], [w, 0], [0, 0]], np.float32) - 0.5
        matrix = cv2.getPerspectiveTransform(source, target)
        size = (right - left, bottom - top)

        def warp(picture):
            return cv2.warpPerspective(
                picture, matrix, size, None, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
            )

        mask = np.zeros(size[::-1], np.uint8)
        cv2.fillConvexPoly(mask, _fixed(target), 1, 8, FRACTION_BITS)
        patch = np.empty((*size[::-1], 4), np.uint8)
        patch[..., :3] = warp(texture)
        patch[..., 3] = code
        view = self.pixels[top:bottom, left:right]
        if opacity is not None:
            share = warp(opacity)[..., None]
            mixed = view[..., :3] * (1 - share) + patch[..., :3] * share
            patch[..., :3] = mixed.astype(np.uint8)
        cv2.copyTo(patch, mask, view)

    def stamp(
        self, colours: np.ndarray, mask: np.ndarray, left: int, top: int, code: int
    ) -> None:
        """Upright picture uint8 (h, w, 3) where mask (h, w) is true."""
        h, w = mask.shape
        box = self._clip((left, top), (left + w, top + h))
        if box is None:
            return
        x0, y0, x1, y1 = box
        part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        patch = np.empty((y1 - y0, x1 - x0, 4), np.uint8)
        patch[..., :3] = colours[part]
        patch[..., 3] = code
        cv2.copyTo(
            patch,
            np.ascontiguousarray(mask[part]).view(np.uint8),
            self.pixels[y0:y1, x0:x1],
        )

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """image uint8 (H, W, 3): area mean; label uint8, instance uint16: vote."""
        height, width = self.size
        image = cv2.resize(self.pixels, (width, height), interpolation=cv2.INTER_AREA)
        codes = _vote(cv2.extractChannel(self.pixels, 3))
        label = np.array(self._class_of, np.uint8)[codes]
        instance = np.array(self._instance_of, np.uint16)[codes]
        return cv2.cvtColor(image, cv2.COLOR_RGBA2RGB), label, instance

    def _clip(self, low, high):
        rows, columns = self.pixels.shape[:2]
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(columns, int(high[0])), min(rows, int(high[1]))
        return (left, top, right, bottom) if left < right and top < bottom else None


def _fixed(points):
    return np.rint(np.asarray(points) * (1 << FRACTION_BITS)).astype(np.int32)


def _vote(codes):
    """Most frequent of each 2 x 2 block; the first one where there is a tie."""
    a, b, c, d = (
        np.ascontiguousarray(codes[y::2, x::2]) for y in (0, 1) for x in (0, 1)
    )
    rest = np.where((b == c) | (b == d), b, np.where(c == d, c, a))
    return np.where((a == b) | (a == c) | (a == d), a, rest)


@cache
def white_noise() -> np.ndarray:
    """A fixed float32 (256, 256) tile in -1..1; scenes take random parts of it."""
    rng = np.random.Generator(np.random.Philox(7))
    return rng.uniform(-1, 1, (256, 256)).astype(np.float32)


def noise(
    rng: np.random.Generator, height: int, width: int, cells: float
) -> np.ndarray:
    """Smooth noise float32 (height, width) in -1..1, `cells` bumps along its height."""
    rows = int(np.clip(cells, 3, 128))
    columns = int(np.clip(cells * width / height, 3, 128))
    y, x = rng.integers(0, 128, 2)
    part = white_noise()[y : y + rows, x : x + columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
