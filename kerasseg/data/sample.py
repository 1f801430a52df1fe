"""Sample: one labelled image, as every dataset adapter yields it. Samples: a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import ignore_in
from kerasseg.volume_format import VolumeFormat, VolumeGeometry


class Decoded(bytes):
    """Encoded bytes that know the array (read-only) that was decoded from them."""

    pixels: np.ndarray

    @classmethod
    def to(cls, pixels: np.ndarray, encoded: bytes) -> Decoded:
        """`encoded`, with `pixels` (H, W, C), which becomes read-only."""
        decoded = cls(encoded)
        decoded.pixels = pixels
        pixels.flags.writeable = False
        return decoded


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and its labels.

    id: unique within its split; for messages and for names of files made from it.
    image: (H, W, C) of the bands and type of its set, `Samples.image_format`: uint8
        (H, W, 3) RGB, if nothing else is said.
    label: uint8 (H, W) class ids, 255 = ignore; of more than 255 classes uint16, 65535
        = ignore (`kerasseg.taxonomy.label_type`). Where classes overlap uint8
        (H, W, K): 1 = the class is there, 0 = not, 255 = ignored for this class.
    instance: uint16 (H, W) object ids, 0 = none; or None.
    encoded: the source file's own JPEG or PNG bytes of `image`, kept as they are in
        records; empty where there is no such file.
    sequence: the drive, video or patient it comes from; "" where unknown.
    valid: bool (H, W), False where nothing was measured (nodata, NaN, masked); None:
        all of it is valid. What that does to image and label, `masked` says.
    volume: of a volume, where its voxels lie. Its image is (D, H, W, C), its label
        (D, H, W) or (D, H, W, K), `valid` (D, H, W); it has no `encoded`, and no
        `instance`. None: a picture.
    """

    id: str
    image: np.ndarray
    label: np.ndarray
    instance: np.ndarray | None = None
    encoded: bytes = b""
    sequence: str = ""
    valid: np.ndarray | None = None
    volume: VolumeGeometry | None = None


def masked(sample: Sample) -> Sample:
    """The sample with 0 in all bands, ignore and no object where it is not valid."""
    valid = sample.valid
    if valid is None or valid.all():
        return sample
    instance = sample.instance
    ignore = sample.label.dtype.type(ignore_in(sample.label))
    return replace(
        sample,
        image=np.where(valid[..., None], sample.image, sample.image.dtype.type(0)),
        label=np.where(_beside(valid, sample.label), sample.label, ignore),
        instance=None if instance is None else np.where(valid, instance, np.uint16(0)),
        encoded=b"",
    )


def _beside(mask: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(H, W) with an axis for classes where the label has one."""
    return mask[..., None] if label.ndim > mask.ndim else mask


@dataclass(frozen=True)
class Samples:
    """A split still in its source: `read(entry)` gives the Sample of an entry.

    sequence: the drive or video of an entry, known without reading it; None where the
        source does not tell.
    id: the id of an entry's sample, likewise.
    image_format: bands and type of all images.
    source: how the source was understood (rule of the masks, legend, pairs), as JSON
        values; it goes to `dataset.json`. A text "line" in one of them is printed.
    volume: what all have in common, where they are volumes; None: pictures.
    """

    entries: Sequence[Any]
    read: Callable[[Any], Sample]
    sequence: Callable[[Any], str] | None = None
    id: Callable[[Any], str] | None = None
    image_format: ImageFormat = RGB
    source: Mapping[str, Any] = field(default_factory=dict)
    volume: VolumeFormat | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return map(self.read, self.entries)


def refuse_other_volumes(formats: Mapping[str, VolumeFormat | None]) -> None:
    """Raises UserError where volumes, or volumes and pictures, do not fit one network;
    formats: by whose they are, as messages name them."""
    (first, expected), *others = formats.items()
    for name, found in others:
        same = found and expected and expected.same_kind(found)
        if not (same or found is expected):
            raise UserError(
                f"{first} has {expected or 'pictures'}, {name} has "
                f"{found or 'pictures'}. Prepare both with the same --spacing and "
                "--normalise, or write two folders."
            )


def refuse_mixed(formats: Mapping[str, ImageFormat]) -> None:
    """Raises UserError where images do not fit one network; formats: by whose they are,
    as messages name them."""
    (first, expected), *others = formats.items()
    for name, found in others:
        if not expected.same_kind(found):
            raise UserError(
                f"All images of a data set need the same bands and type: {first} has "
                f"{expected}, {name} has {found}. Convert one of them, or write two "
                "folders."
            )
