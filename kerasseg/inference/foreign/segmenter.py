"""Runs a network from elsewhere on pictures of any size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.image_format import ImageFormat
from kerasseg.inference import class_maps, scales
from kerasseg.inference.foreign.network import Foreign, adapted

MOST_PIXELS = 1 << 20
"""Pixels of a picture that a network of any size is given whole."""
TILE = 512
"""About the side of its tiles, pixels."""
SIZES_AT_HAND = 4
"""Of how many sizes the network is kept, ready to run."""


def tile_size(foreign: Foreign) -> tuple[int, int]:
    """Height and width of the tiles that large pictures are cut into."""
    side = -(-TILE // foreign.multiple) * foreign.multiple
    return foreign.size or (side, side)


def segmenter(
    foreign: Foreign,
    image_format: ImageFormat,
    scaling: tuple[float, float],
    exclusive: bool,
    overlap: int = 0,
    flip: bool = False,
    crf: bool = False,
    wanted: Sequence[float] = (),
) -> Any:
    """As `class_maps.segmenter`, of a network of one size, or of any.

    wanted: scales, for a network of any size: the mean over so many sizes.

    A network of any size is given a picture of up to `MOST_PIXELS` as it is, enlarged
    by its mirror image to a size that the network takes. A larger one is shrunk to
    about as many; with an overlap one that is larger than a tile is cut into tiles.

    Raises UserError for scales of a network that takes one size alone.
    """
    scales.check(wanted)
    if wanted and None not in foreign.network.inputs[0].shape[1:3]:
        height, width = foreign.size or (0, 0)
        raise UserError(
            f"{foreign.name} takes images of {height} x {width} alone, and --scales "
            "needs several sizes. Leave it out, or save the network with an input of "
            "any size."
        )

    @functools.lru_cache(SIZES_AT_HAND)
    def of_size(size: tuple[int, int], overlap: int = 0) -> Any:
        network = adapted(foreign, size, scaling)
        # Of a size that the user chose the multiple is not known.
        unit = scales.units(size)[-1] if foreign.size else foreign.multiple
        sizes = [
            scales.fitting([scale * side for side in size], unit) for scale in wanted
        ]
        passes = [scales.Sized.of(adapted(foreign, s, scaling)) for s in sizes]
        options = overlap, flip, crf, image_format, exclusive, passes
        return _in_one_line(class_maps.segmenter(network, *options), foreign.name)

    tile = tile_size(foreign)
    if foreign.size:
        return of_size(tile, overlap)
    own = _of_any_size(of_size, foreign.multiple)
    if not overlap:
        return own

    def segment(image: np.ndarray, each: Any = None) -> np.ndarray:
        tiled = image.shape[0] > tile[0] or image.shape[1] > tile[1]
        return (of_size(tile, overlap) if tiled else own)(image, each)

    return segment


def _of_any_size(of_size: Callable[[tuple[int, int]], Any], multiple: int) -> Any:
    def segment(image: np.ndarray, each: Any = None) -> np.ndarray:
        height, width = image.shape[:2]
        if height * width > MOST_PIXELS:
            return of_size(shrunk_size(height, width, multiple))(image, each)
        size = _up(height, multiple), _up(width, multiple)
        if size == (height, width):
            return of_size(size)(image, each)
        padding = (0, size[0] - height), (0, size[1] - width), (0, 0)
        whole = np.pad(image, padding, "symmetric")
        inside = None if each is None else _Inside(each, height, width)
        return of_size(size)(whole, inside)[:height, :width]

    return segment


def _in_one_line(segment: Any, name: str) -> Any:
    """The same function, with errors of layers and of TensorFlow as UserError."""

    def guarded(image: np.ndarray, each: Any = None) -> np.ndarray:
        try:
            return segment(image, each)
        except (UserError, OSError):
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[-300:]
            raise UserError(
                f"{name} cannot be run on {image.shape[0]} x {image.shape[1]} pixels "
                f"({type(error).__name__}: ...{reason}). Try another --size."
            ) from error

    return guarded


class _Inside:
    """Passes on what of strips, from top to bottom, lies inside the picture."""

    def __init__(self, each: Any, height: int, width: int) -> None:
        self.each, self.left, self.width = each, height, width

    def __call__(self, strip: np.ndarray) -> None:
        inside = strip[: self.left, : self.width]
        self.left -= len(inside)
        if len(inside):
            self.each(inside)


def shrunk_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The size of about `MOST_PIXELS` that a larger picture is brought to.

    >>> shrunk_size(3000, 4000, 32)
    (896, 1184)
    """
    factor = (MOST_PIXELS / (height * width)) ** 0.5
    return tuple(  # type: ignore[return-value]
        max(round(factor * length / multiple), 1) * multiple
        for length in (height, width)
    )


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
