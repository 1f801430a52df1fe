"""What a record holds of a volume besides its voxels: its depth, where it lies, and
where its classes are.
"""

from __future__ import annotations

import json
import zlib

import imagecodecs
import numpy as np

from kerasseg.data.sample import Sample
from kerasseg.taxonomy import ignore_in
from kerasseg.volume_format import VolumeGeometry

DEPTH = "volume/depth"
GEOMETRY = "volume/geometry"
"""`VolumeGeometry` as JSON."""
FOREGROUND = "volume/foreground"
"""int32 (n, 4): class, z, y and x of some voxels of each class, under ZSTD; a patch
that is to hold some foreground is centred on one of them."""
VOXELS_OF_A_CLASS = 1000
"""Most positions that are kept of a class."""


def features(sample: Sample) -> dict[str, bytes | int]:
    """The features of a volume that pictures do not have."""
    if sample.volume is None:
        return {}
    positions = foreground(sample.label, sample.id, planes=_planes(sample))
    packed = np.ascontiguousarray(positions, "<i4").tobytes()
    return {
        DEPTH: sample.label.shape[0],
        GEOMETRY: json.dumps(sample.volume.to_json()).encode(),
        FOREGROUND: bytes(imagecodecs.zstd_encode(packed, 3)),
    }


def geometry(text: bytes) -> VolumeGeometry:
    """Of the feature `GEOMETRY`. Raises ValueError, KeyError or TypeError where it is
    damaged."""
    return VolumeGeometry.from_json(json.loads(text))


def foreground(label: np.ndarray, name: str, planes: bool = False) -> np.ndarray:
    """int32 (n, 4): class, z, y, x of up to `VOXELS_OF_A_CLASS` voxels of each class.

    label: (D, H, W); with `planes`, of classes that overlap, (D, H, W, K).
    name: id of the sample, from which the draw follows.

    Where classes exclude each other class 0 is left out: it is what surrounds all.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if planes:
        maps = ((number, label[..., number] == 1) for number in range(label.shape[-1]))
    else:
        ignore = ignore_in(label)
        present = np.flatnonzero(np.bincount(label.ravel(), minlength=1)).tolist()
        maps = ((one, label == one) for one in present if one not in (0, ignore))
    found: list[np.ndarray] = []
    for number, here in maps:
        places = np.flatnonzero(here)
        if len(places) > VOXELS_OF_A_CLASS:
            places = np.sort(rng.choice(places, VOXELS_OF_A_CLASS, replace=False))
        voxels = np.stack(np.unravel_index(places, here.shape), axis=1)
        found.append(np.insert(voxels, 0, number, axis=1))
    return np.concatenate(found or [np.zeros((0, 4), int)]).astype(np.int32)


def _planes(sample: Sample) -> bool:
    return sample.label.ndim == sample.image.ndim
