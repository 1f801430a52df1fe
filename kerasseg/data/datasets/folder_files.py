"""The files behind a pair of the folder adapter: pages, layers of masks, sizes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.console.flags import COUNT
from kerasseg.data.reading.masks.mask_flags import MaskFlags, PerClass
from kerasseg.data.reading.masks.mask_layers import Layers, MaskFile, Page
from kerasseg.data.reading.pairing.folders import stem_of
from kerasseg.data.reading.pairing.pair_flags import FilePair
from kerasseg.data.reading.pictures import picture
from kerasseg.data.reading.pictures.fitted import agree, format_of
from kerasseg.data.reading.pictures.image import header, pages_of
from kerasseg.image_format import GRAY, ImageFormat
from kerasseg.taxonomy import IGNORE

Pages = Literal["ask", "bands", "samples"]


@dataclass(frozen=True)
class ImageFlags:
    """How the files of images are read, where that needs a word."""

    image_bands: Annotated[tuple[int, ...], COUNT] = ()
    """Numbers of the bands to keep, from 1 and in this order: --image-bands 4 3 2."""
    image_alpha: Literal["drop", "band", "valid"] = "drop"
    """Alpha channel of images. band: keep it as the last one. valid: ignore pixels
    where it is 0."""
    pages: Pages = "ask"
    """Pages of a TIFF. samples: images of their own, each with that page of its mask.
    bands: bands of one image."""
    mask_fit: Literal["exact", "stretch", "crop"] = "exact"
    """Masks of another size than their image. stretch: resize them (nearest). crop: cut
    them at the right and below, or add ignored pixels there."""

    @property
    def options(self) -> picture.ReadOptions:
        """As the reader of images takes them: bands counted from 0."""
        if any(band < 1 for band in self.image_bands):
            raise UserError("--image-bands are counted from 1.")
        bands = tuple(band - 1 for band in self.image_bands)
        return picture.ReadOptions(self.image_alpha, self.pages, bands)


def image_of(pair: FilePair) -> picture.Source:
    """The image of a pair: a file, or a page of it."""
    return pair.image if pair.page < 0 else picture.Page(pair.image, pair.page)


def mask_of(pair: FilePair, per_class: PerClass) -> MaskFile:
    """The mask of a pair, which has one: a file, a page of it, or a file a class."""
    if per_class in ("suffix", "folders"):
        return Layers(tuple((_class_of(pair, m, per_class), m) for m in pair.masks))
    (mask,) = pair.masks
    return mask if pair.page < 0 else Page(mask, pair.page)


def _class_of(pair: FilePair, mask: Path, per_class: PerClass) -> str:
    if per_class == "folders":
        return mask.parent.name
    stem, image = (
        unicodedata.normalize("NFC", stem_of(file.name)) for file in (mask, pair.image)
    )
    return stem[len(image) :].strip(" _.-")


def paged(pairs: Iterable[FilePair], skip: bool) -> list[FilePair]:
    """A pair for each page of the images: x-00, x-01, ... of the group x.

    Raises UserError for a file that cannot be read; with `skip` it stays one pair.
    """
    found = []
    for pair in pairs:
        try:
            count = len(pages_of(pair.image))
        except (UserError, OSError):
            if not skip:
                raise
            count = 1
        digits = max(2, len(str(count - 1)))
        found += [
            FilePair(
                pair.image, pair.masks, f"{pair.id}-{page:0{digits}}", pair.id, page
            )
            for page in range(count)
        ]
    return found


def size_text(size: tuple[int, int]) -> str:
    """ "4 x 6 pixels (height x width)" """
    return f"{size[0]} x {size[1]} pixels (height x width)"


def refuse_other_size(
    mask: object, size: tuple[int, int], image: object, expected: tuple[int, int]
) -> None:
    """Raises UserError, with what would help, where the sizes differ."""
    if size != expected:
        raise UserError(
            f"Mask {mask} has {size_text(size)}, its image {image} has "
            f"{size_text(expected)}. Masks must be as large as their images: say "
            "--mask-fit stretch for masks of another resolution, --mask-fit crop for a "
            "border of a few pixels."
        )


def check_size(pair: FilePair, options: picture.ReadOptions) -> None:
    """Raises UserError where a mask has another size than its image, by the headers."""
    found = header(image_of(pair), options)
    for mask in pair.masks:
        size = header(mask)
        refuse_other_size(
            mask, (size.height, size.width), pair.image, (found.height, found.width)
        )


def fit(
    label: np.ndarray,
    size: tuple[int, int],
    way: Literal["exact", "stretch", "crop"],
    ignore: int = IGNORE,
) -> np.ndarray:
    """(H, W) label of this size: stretched to it by nearest neighbour (half-pixel
    centres), or cut at the right and below and filled up there with `ignore`; so
    (H, W, K)."""
    if label.shape[:2] == size or way == "exact":
        return label
    if way == "crop":
        out = np.full((*size, *label.shape[2:]), ignore, label.dtype)
        height, width = np.minimum(size, label.shape[:2])
        out[:height, :width] = label[:height, :width]
        return out
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, label.shape[:2], strict=True)
    )
    return label[rows[:, None], columns]


def kind_of_most(
    pairs: list[FilePair], options: picture.ReadOptions
) -> tuple[ImageFormat, tuple[str, ...]]:
    """The format of the images, for sets in which those that do not fit are left out:
    that of most of the files that can be read.

    Raises UserError where none can be read.
    """
    kinds: list[tuple[tuple[str, ...], str]] = []
    files: list[list[picture.Source]] = []
    for pair in pairs:
        source = image_of(pair)
        try:
            found = header(source, options)
        except (UserError, OSError):
            continue
        if found.pages > 1 and options.pages == "ask":
            continue
        kind = (found.bands, found.type)
        if kind == (GRAY.bands, GRAY.type):
            kind = (ImageFormat().bands, GRAY.type)  # may be mixed
        for place, known in enumerate(kinds):
            if known[1] == kind[1] and agree(known[0], kind[0]):
                files[place].append(source)
                break
        else:
            kinds.append(kind)
            files.append([source])
    if not files:
        raise UserError(f"No image can be read. The first is {pairs[0].image}.")
    most = max(range(len(files)), key=lambda i: len(files[i]))
    return format_of(files[most], options)


def names(files: Iterable[object], most: int = 20) -> str:
    """The names of files, in their order; of many the first."""
    listed = [str(file) for file in files]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def several(flags: MaskFlags) -> str:
    """How the masks of one image are told, where there is one for each class."""
    return flags.per_class if flags.per_class in ("suffix", "folders") else ""
