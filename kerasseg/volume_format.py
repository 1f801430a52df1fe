"""What a volume of a data set is: its voxels in millimetres, and what is done to its
values before a network sees them.

A volume is an array (D, H, W, C) whose axes D, H and W are z, y and x: x grows to the
patient's right, y to the front, z to the head (RAS+, as NIfTI has it; the array of a
NIfTI file is transposed). Stacks without an orientation are taken as they are.

The records say it (`dataset.json`), a run and each exported file repeat it. Needs NumPy
only, so devices read it too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np

from kerasseg import UserError

Spacing: TypeAlias = tuple[float, float, float]
"""Millimetres between neighbouring voxels along z, y, x."""
NORMALISATIONS = ("none", "zscore", "ct")
CODES = ("LR", "PA", "IS")
"""Of each axis of the world the letters of its lower and its upper end."""


@dataclass(frozen=True)
class VolumeFormat:
    """What all volumes of a data set have in common, and `predict` must repeat.

    normalise: "zscore": of each volume and channel mean 0 and deviation 1, made while
        a file is read, so images are float32 (`standardised`). "ct": Hounsfield units;
        the first layers clip them and scale them by what the training split holds where
        it is labelled. "none": as they are.
    spacing: millimetres (z, y, x) that the volumes were resampled to; None: each has
        its own.
    median_spacing: of the set, (z, y, x) in millimetres, after resampling.

    Names of the channels are `ImageFormat.bands`. Raises UserError when these do not
    fit together.
    """

    normalise: str = "zscore"
    spacing: Spacing | None = None
    median_spacing: Spacing = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.normalise not in NORMALISATIONS:
            raise UserError(
                f"Volumes are normalised by {', '.join(NORMALISATIONS)}, not by "
                f"{self.normalise!r}."
            )
        for spacing in (self.spacing or self.median_spacing, self.median_spacing):
            if len(spacing) != 3 or not all(0 < one < np.inf for one in spacing):
                raise UserError(
                    "The spacing of voxels is three numbers of millimetres above 0 "
                    f"(z, y, x), got {spacing}."
                )

    def same_kind(self, other: VolumeFormat) -> bool:
        """Whether volumes of both fit one network."""
        return (self.normalise, self.spacing) == (other.normalise, other.spacing)

    def __str__(self) -> str:
        """For messages: "voxels of 3 x 0.8 x 0.8 mm, normalised by zscore"."""
        sides = " x ".join(f"{one:.3g}" for one in self.median_spacing)
        which = "all resampled" if self.spacing else "median"
        return (
            f"voxels of {sides} mm (z, y, x; {which}), normalised by {self.normalise}"
        )

    def to_json(self) -> dict[str, Any]:
        """Lists, numbers and words, as they stand in `dataset.json`."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> VolumeFormat | None:
        """The format that `to_json` wrote; None, as in records of pictures, is None.

        Raises KeyError or TypeError for values of another form, UserError for values
        that do not fit together.
        """
        if values is None:
            return None
        spacing = values["spacing"]
        return cls(
            values["normalise"],
            None if spacing is None else _triple(spacing),
            _triple(values["median_spacing"]),
        )


@dataclass(frozen=True, eq=False)
class VolumeGeometry:
    """Where the voxels of one volume lie, and where those of its file did.

    spacing: millimetres (z, y, x) between the voxels of the volume at hand.
    affine: float64 (4, 4): index (i, j, k) of the file's array -> millimetres (x, y, z)
        of RAS+, as nibabel gives it. The spacing of a stack without one is in it.
    shape: (i, j, k) of the file's array.
    place: (z, y, x) of the first voxel, where this is a block of a larger volume.
    whole: (D, H, W) of the volume that a block was cut from; () where this is all.
    """

    spacing: Spacing
    affine: np.ndarray
    shape: tuple[int, int, int]
    place: tuple[int, int, int] = (0, 0, 0)
    whole: tuple[int, ...] = ()

    @property
    def orientation(self) -> str:
        """Where the axes i, j, k of the file's array point to: "RAS", "LPS"."""
        axes, flips = orientation(self.affine)
        letters = {axes[world]: CODES[world][not flips[world]] for world in range(3)}
        return "".join(letters[axis] for axis in range(3))

    @property
    def source_shape(self) -> tuple[int, int, int]:
        """(D, H, W) of the file's voxels, before they were resampled."""
        (x, y, z), _ = orientation(self.affine)
        return self.shape[z], self.shape[y], self.shape[x]

    @property
    def source_spacing(self) -> Spacing:
        """Millimetres (z, y, x) between the file's voxels."""
        return spacing_of(self.affine)

    def to_json(self) -> dict[str, Any]:
        """Lists and numbers, without loss."""
        return {
            "spacing": list(self.spacing),
            "affine": self.affine.tolist(),
            "shape": list(self.shape),
            "place": list(self.place),
            "whole": list(self.whole),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> VolumeGeometry:
        """What `to_json` wrote."""
        (i, j, k), (z, y, x) = values["shape"], values["place"]
        affine = np.array(values["affine"], np.float64).reshape(4, 4)
        whole = tuple(values["whole"])
        return cls(_triple(values["spacing"]), affine, (i, j, k), (z, y, x), whole)


def plain_geometry(
    shape: tuple[int, int, int], spacing: Spacing = (1.0, 1.0, 1.0)
) -> VolumeGeometry:
    """Of a stack (D, H, W) that has no orientation: its first voxel is the origin."""
    depth, height, width = shape
    z, y, x = spacing
    return VolumeGeometry(spacing, np.diag([x, y, z, 1.0]), (width, height, depth))


def orientation(
    affine: np.ndarray,
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """For x, y and z the axis of the array that runs along it most, and whether it runs
    the other way.

    affine: (4, 4), see `VolumeGeometry`. A volume that lies obliquely keeps its grid;
    its axes are named by what they are nearest to.

    Raises UserError for an affine that folds the volume flat.
    """
    turn = np.asarray(affine, np.float64)[:3, :3]
    lengths = np.linalg.norm(turn, axis=0)
    if not np.isfinite(turn).all() or not lengths.all():
        raise UserError(
            "The affine of a volume must give each axis a length, got "
            f"{turn.tolist()}. Correct the header of the file."
        )
    cosines = turn / lengths
    if abs(np.linalg.det(cosines)) < 1e-3:
        raise UserError(
            f"The affine of a volume has two axes in one direction: {turn.tolist()}. "
            "Correct the header of the file."
        )

    def along(axes: tuple[int, ...]) -> float:
        return sum(abs(cosines[world, axis]) for world, axis in enumerate(axes))

    x, y, z = max(permutations(range(3)), key=along)
    flips = bool(cosines[0, x] < 0), bool(cosines[1, y] < 0), bool(cosines[2, z] < 0)
    return (x, y, z), flips


def spacing_of(affine: np.ndarray) -> Spacing:
    """Millimetres (z, y, x) between voxels, of the affine of a file's array."""
    x, y, z = orientation(affine)[0]
    lengths = np.linalg.norm(np.asarray(affine, np.float64)[:3, :3], axis=0)
    return float(lengths[z]), float(lengths[y]), float(lengths[x])


def to_volume(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A file's array (I, J, K, ...) as a volume (D, H, W, ...); a view, no copy."""
    (x, y, z), flips = orientation(affine)
    volume = array.transpose(z, y, x, *range(3, array.ndim))
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips[::-1])
    return volume[steps]


def to_source(volume: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A volume (D, H, W, ...) on the file's voxels as the file's array (I, J, K, ...):
    what `to_volume` did, undone; a view, no copy."""
    (x, y, z), flips = orientation(affine)
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips[::-1])
    back = np.argsort((z, y, x))
    return volume[steps].transpose(*back, *range(3, volume.ndim))


def mean_and_deviation(
    image: np.ndarray, valid: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """float64 (C,) each, of the channels of a volume (D, H, W, C).

    valid: bool (D, H, W), the voxels that count; None: all. A slice is widened at a
    time, so a large volume needs little memory besides. Where no voxel counts they are
    0 and 0.
    """
    count = image[..., 0].size if valid is None else int(np.count_nonzero(valid))
    if not count:
        return np.zeros((2, image.shape[-1]))[0], np.zeros(image.shape[-1])

    def total(of: Any) -> np.ndarray:
        sums = np.zeros(image.shape[-1])
        for number, plane in enumerate(image):
            kept = plane.reshape(-1, plane.shape[-1]) if valid is None else None
            kept = plane[valid[number]] if kept is None else kept  # type: ignore[index]
            sums += of(kept.astype(np.float64)).sum(axis=0)
        return sums

    mean = total(lambda values: values) / count
    return mean, np.sqrt(total(lambda values: (values - mean) ** 2) / count)


def standardised(
    image: np.ndarray,
    valid: np.ndarray | None = None,
    statistics: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """A volume (D, H, W, C) with mean 0 and deviation 1 in each channel, float32.

    valid: see `mean_and_deviation`; other voxels become 0, the mean.
    statistics: mean and deviation of the whole, where this is a block of it.

    A channel of one value everywhere says nothing and becomes 0.
    """
    mean, deviation = statistics or mean_and_deviation(image, valid)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    done = np.empty(image.shape, np.float32)
    for plane, target in zip(image, done, strict=True):
        target[:] = (plane.astype(np.float64) - mean) * scale
    if valid is not None:
        done[~valid] = 0
    return done


def _triple(values: Any) -> Spacing:
    z, y, x = map(float, values)
    return z, y, x
