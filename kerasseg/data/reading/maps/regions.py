"""Division of pieces of maps into train and val by region, so that neighbours do not
leak: whole blocks of pieces go to val, and train knows no label near them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.divide import in_order_of_hash

Box = tuple[float, float, float, float]
"""West, south, east and north."""
BLOCKS = 4
"""About so many blocks are val, so that it is not one kind of land alone."""


@dataclass(frozen=True)
class Place:
    """Where a piece lies. system: rasters of one system may lie over one another.
    box: in its coordinates. pixel: width and height of a pixel there."""

    system: str
    box: Box
    pixel: tuple[float, float]


def blocks(places: Sequence[Place], cut: tuple[int, int], share: float) -> list[str]:
    """The name of the block that each piece belongs to: that of its middle.

    Blocks are squares of b x b pieces, from the north-west corner of all rasters of a
    system on; b such that val, of this share, is about `BLOCKS` of them.
    """
    side = max(1, floor(sqrt(len(places) * share / BLOCKS)))
    names = []
    corner: dict[str, tuple[float, float]] = {}
    largest: dict[str, tuple[float, float]] = {}
    for place in places:
        west, _, _, north = place.box
        x, y = corner.get(place.system, (west, north))
        corner[place.system] = min(x, west), max(y, north)
        wide, high = largest.get(place.system, place.pixel)
        largest[place.system] = max(wide, place.pixel[0]), max(high, place.pixel[1])
    numbers = {system: i for i, system in enumerate(corner)}
    for place in places:
        (x, y), (wide, high) = corner[place.system], largest[place.system]
        west, south, east, north = place.box
        column = floor(((west + east) / 2 - x) / (wide * cut[1] * side))
        row = floor((y - (south + north) / 2) / (high * cut[0] * side))
        names.append(f"{numbers[place.system]}_{row}_{column}")
    return names


def val_blocks(names: Sequence[str], share: float) -> set[str]:
    """The blocks of val: in the order of their hash, each that brings val nearer to its
    share of the pieces.

    Raises UserError for one piece, which cannot be divided.
    """
    lengths = Counter(names)
    if not share:
        return set()
    if len(lengths) < 2:
        raise UserError(
            f"{len(names)} pieces in one block cannot be divided into train and val. "
            "Add a raster, use a smaller --cut, or say --val-share 0."
        )
    chosen: set[str] = set()
    count, wanted = 0, share * len(names)
    for name in in_order_of_hash(lengths):
        if abs(count + lengths[name] - wanted) < abs(count - wanted):
            chosen.add(name)
            count += lengths[name]
    if len(chosen) == len(lengths):
        chosen.remove(min(chosen))
    return chosen or {min(lengths, key=lambda name: (lengths[name], name))}


def near(
    places: Sequence[Place], others: Sequence[Place], gap: int
) -> list[tuple[Box, ...]]:
    """For each place the boxes of `others` that reach within `gap` pixels of it, each
    larger by so many pixels all around."""
    shapely = require("shapely", "prepare raster")
    found: list[tuple[Box, ...]] = [()] * len(places)
    for system in {place.system for place in others}:
        own = [i for i, place in enumerate(places) if place.system == system]
        wide = np.array([_grown(o, gap) for o in others if o.system == system])
        if not own:
            continue
        tree = shapely.STRtree(shapely.box(*wide.T))
        boxes = shapely.box(*np.array([places[i].box for i in own]).T)
        hits: dict[int, list[Box]] = {}
        for mine, other in tree.query(boxes).T:
            west, south, east, north = wide[other].tolist()
            hits.setdefault(own[mine], []).append((west, south, east, north))
        for i, some in hits.items():
            found[i] = tuple(sorted(some))
    return found


def _grown(place: Place, gap: int) -> Box:
    west, south, east, north = place.box
    x, y = gap * place.pixel[0], gap * place.pixel[1]
    return west - x, south - y, east + x, north + y
