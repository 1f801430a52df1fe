"""The facts of records that a plan rests on, seen in one pass over some samples."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kerasseg.data.format.description import Description
from kerasseg.drawing.bands import shown
from kerasseg.files import atomic
from kerasseg.fit import same_records
from kerasseg.labels.borders import borders

MOST = 200
"""Samples that are looked at, spread over the split."""
FILE = "fingerprint.json"
VERSION = 1
"""Of what is measured: another number measures anew."""
SEEN = 5e-4
"""Share of the pixels below which a class says nothing of the size of the images:
strays at the edge of others are thin as well."""


@dataclass(frozen=True)
class Fingerprint:
    """What was seen. Lists have one entry for each class.

    digest: of what `same_records` notes of the records. train, val: samples. height,
    width: medians, pixels. one_size: whether all images have that size. gray: share of
    images whose red, green and blue are equal. shares: of the labelled pixels.
    thickness: pixels, 2 x area / border of the class: a strip's width; 0 where it was
    not seen. asymmetry: 0..1, how differently the classes lie in the upper and in the
    lower half of the images: high where up has a meaning. instances: whether the
    records know single objects. touching: share of the objects' borders at which two of
    them meet. depth: of volumes, voxels, 0 of images. spacing: of volumes, (z, y, x),
    median. Of volumes thickness, asymmetry and touching are not looked at.
    """

    digest: str
    train: int
    val: int
    height: int
    width: int
    one_size: bool
    channels: int
    rgb8: bool
    exclusive: bool
    gray: float
    names: list[str]
    shares: list[float]
    thickness: list[float]
    asymmetry: float
    instances: bool
    touching: float
    depth: int = 0
    spacing: list[float] = dataclasses.field(default_factory=list)
    version: int = VERSION

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height and width of volumes, medians."""
        return self.depth, self.height, self.width

    @property
    def thinnest(self) -> float:
        """Width of the thinnest class that was seen, pixels; classes of fewer pixels
        than SEEN do not count."""
        pairs = zip(self.thickness, self.shares, strict=False)
        widths = [width for width, share in pairs if width and share >= SEEN]
        return min(widths, default=float(self.height))

    @property
    def rarest(self) -> float:
        """Share of the rarest class that has pixels."""
        return min((share for share in self.shares if share), default=1.0)


def of_records(path: Path, train: str = "train", val: str = "val") -> Fingerprint:
    """The facts of records: those of an earlier look, kept beside the shards, where
    the shards are the same; else seen now, and kept if the folder can be written.

    Raises UserError as reading records does.
    """
    from kerasseg.data import records as shards

    described = shards.describe(path)
    known = described.split(train)
    digest = same_records.checksum(same_records.noted(described, (train, val)))
    kept = _kept(Path(path) / FILE, digest)
    if kept:
        return kept
    every = max(1, known.samples // MOST)
    look = _look_at_volumes if described.volume else _look
    seen = look(shards.read(path, train, every), described)
    found = Fingerprint(
        digest=digest,
        train=known.samples,
        val=described.split(val).samples,
        channels=described.image_format.channels,
        rgb8=described.image_format.is_rgb8,
        exclusive=described.taxonomy.exclusive,
        names=list(described.taxonomy.names),
        shares=[n / max(1, sum(known.pixels)) for n in known.pixels],
        instances=known.instances,
        **seen,
    )
    try:
        atomic.write_json(Path(path) / FILE, dataclasses.asdict(found))
    except OSError:  # records that may only be read: looked at again next time
        pass
    return found


def _kept(file: Path, digest: str) -> Fingerprint | None:
    try:
        found = Fingerprint(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if (found.digest, found.version) == (digest, VERSION) else None


def _look(samples: Iterator, described: Description) -> dict[str, Any]:
    classes = described.taxonomy.num_classes
    area, edge = np.zeros(classes), np.zeros(classes)
    halves = np.zeros((2, classes))
    sizes, gray = [], []
    inner = outer = 0
    for sample in samples:
        height, width = sample.label.shape[:2]
        sizes.append((height, width))
        gray.append(_is_gray(shown(sample.image, described.image_format)))
        for c, plane in _planes(sample.label, described):
            area[c] += plane.sum()
            edge[c] += _edge(plane)
            halves[0, c] += plane[: height // 2].mean()
            halves[1, c] += plane[height // 2 :].mean()
        if sample.instance is not None:
            met, all_borders = _meeting(sample.instance)
            inner, outer = inner + met, outer + all_borders
    heights, widths = zip(*sizes, strict=True)
    both = halves.sum(0)
    uneven = np.abs(halves[0] - halves[1]) / np.maximum(both, 1e-9)
    there = both > 0
    return {
        "height": int(np.median(heights)),
        "width": int(np.median(widths)),
        "one_size": len(set(sizes)) == 1,
        "gray": round(float(np.mean(gray)), 4),
        "thickness": [
            round(float(2 * a / e), 2) if e else 0.0
            for a, e in zip(area, edge, strict=True)
        ],
        "asymmetry": round(float(uneven[there].mean()) if there.any() else 0.0, 4),
        "touching": round(inner / max(1, outer), 4),
    }


def _look_at_volumes(samples: Iterator, described: Description) -> dict[str, Any]:
    shapes = [sample.label.shape[:3] for sample in samples]
    depth, height, width = (int(np.median(side)) for side in zip(*shapes, strict=True))
    spacing = described.volume.median_spacing if described.volume else ()
    return {
        "depth": depth,
        "height": height,
        "width": width,
        "spacing": list(spacing),
        "one_size": len(set(shapes)) == 1,
        "gray": float(described.image_format.channels == 1),
        "thickness": [0.0] * described.taxonomy.num_classes,
        "asymmetry": 1.0,
        "touching": 0.0,
    }


def _planes(
    label: np.ndarray, described: Description
) -> Iterator[tuple[int, np.ndarray]]:
    """The classes that are there, and where: bool (H, W)."""
    if not described.taxonomy.exclusive:
        for c in range(label.shape[-1]):
            if (label[..., c] == 1).any():
                yield c, label[..., c] == 1
        return
    for c in np.unique(label):
        if c < described.taxonomy.num_classes:
            yield int(c), label == c


def _edge(plane: np.ndarray) -> int:
    """Pixels of a class that have a neighbour of another one."""
    inside = plane.astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return int(inside.sum()) - int(cv2.erode(inside, cross).sum())


def _meeting(instance: np.ndarray) -> tuple[int, int]:
    """Border pixels at which two objects meet, and all borders of objects."""
    every = borders(instance, both_sides=True) & (instance > 0)
    between = borders(instance, both_sides=True, valid=instance > 0)
    return int(between.sum()), int(every.sum())


def _is_gray(shown: np.ndarray) -> bool:
    small = shown[::4, ::4].astype(np.int32)
    return bool(np.abs(small - small.mean(-1, keepdims=True)).max(initial=0) < 2)
