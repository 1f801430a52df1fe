"""Pictures as one data set or network takes them: the same bands and type for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from kerasseg import UserError
from kerasseg.console import counted
from kerasseg.data.reading.pictures.image import DEFAULT, check_pages, header, read
from kerasseg.data.reading.pictures.number_types import both, valid_pixels
from kerasseg.data.reading.pictures.picture import Header, Picture, ReadOptions, Source
from kerasseg.data.sample import Decoded
from kerasseg.image_format import GRAY, GRAY_BANDS, RGB, RGB_BANDS, ImageFormat


def fitted(picture: Picture, image_format: ImageFormat, file: object) -> np.ndarray:
    """(H, W, C) of the format's type: what records hold and a network is given.

    Gray of 8 bits becomes RGB by copying. Pixels that are invalid (see `valid_of`) are
    0 in all bands. The array may be that of `picture`, and is read-only then.

    Raises UserError that names `file` where its bands or type are others.
    """
    pixels, valid = picture.pixels, valid_of(picture, image_format)
    if valid is not None:
        pixels = np.where(valid[..., None], pixels, pixels.dtype.type(0))
    own = ImageFormat.of(picture.bands, pixels.dtype.name)
    if image_format.is_rgb8 and own.same_kind(GRAY):
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    if own.type == image_format.type:
        if agree(own.bands, image_format.bands):
            return pixels
        if set(own.bands) == set(image_format.bands):
            order = [own.bands.index(name) for name in image_format.bands]
            return np.ascontiguousarray(pixels[..., order])
    raise UserError(
        f"{file} has {own}; the network takes {image_format}. "
        f"{_cure(own, image_format)}"
    )


def valid_of(picture: Picture, image_format: ImageFormat) -> np.ndarray | None:
    """(H, W) bool, False where nothing was measured; None where all was.

    The format's nodata value counts for files that state none themselves.
    """
    valid = picture.valid
    if picture.nodata is None and image_format.nodata is not None:
        valid = both(valid, valid_pixels(picture.pixels, image_format.nodata))
    return valid


class SampleImage(NamedTuple):
    """What a `Sample` holds of an image file: its fields of these names."""

    image: np.ndarray
    valid: np.ndarray | None
    encoded: bytes


def sample_image(
    file: Source, image_format: ImageFormat, options: ReadOptions = DEFAULT
) -> SampleImage:
    """An image file for a data set of a format, with the file's bytes where these can
    be kept: where all of it is valid, so that nothing was set to 0.

    Raises UserError for a file that cannot be read, and for other bands or types.
    """
    picture = read(file, options)
    pixels, valid = fitted(picture, image_format, file), valid_of(picture, image_format)
    kept = picture.encoded and valid is None
    encoded = Decoded.to(pixels, picture.encoded) if kept else b""
    return SampleImage(pixels, valid, encoded)


def format_of(
    files: Iterable[Any],
    options: ReadOptions = DEFAULT,
    header: Callable[[Any, ReadOptions], Header] = header,
) -> tuple[ImageFormat, tuple[str, ...]]:
    """The format of a set of files from a look at all headers, and what to tell.

    files: sources; or anything of which `header` gives the header.

    Pictures of 8 bits that are all gray are `GRAY`; RGB, or RGB and gray mixed, `RGB`.

    Raises UserError that names two files whose bands or types differ, or a file whose
    pages need a word.
    """
    first: dict[tuple, tuple[Any, int]] = {}
    nodata: set[float | None] = set()
    said: Counter[str] = Counter()
    with_alpha = 0
    for file in files:
        found = header(file, options)
        check_pages(found, file, options)
        key = _merged(tuple(first), (found.bands, found.type))
        where, count = first.get(key, (file, 0))
        first[key] = where, count + 1
        nodata.add(found.nodata)
        with_alpha += found.alpha
        said.update(found.notes)
    if not first:
        raise UserError("There is no image. Check where the images lie.")
    notes = [f"{counted(count)}: {note}" for note, count in said.items()]
    kinds = {(RGB_BANDS, "uint8"), (GRAY_BANDS, "uint8")}
    if set(first) == kinds:
        _, count = first[GRAY_BANDS, "uint8"]
        become = "becomes" if count == 1 else "become"
        gray = counted(count, "gray image")
        notes.append(f"{gray} {become} RGB, as the others are")
        del first[GRAY_BANDS, "uint8"]
    if len(first) > 1:
        (one, (file, _)), (two, (other, _)) = list(first.items())[:2]
        raise UserError(
            f"{file} has {ImageFormat.of(*one)}, but {other} has "
            f"{ImageFormat.of(*two)}. Images of one data set have the same bands and "
            "type: convert some, or prepare them apart."
        )
    if with_alpha and options.alpha == "drop":
        notes.append(
            f"{counted(with_alpha)} with an alpha channel, which is left out "
            "(--image-alpha band or valid uses it)"
        )
    values = nodata - {None}
    value = values.pop() if len(values) == 1 else None
    if values:
        notes.append("nodata differs from image to image: each is read with its own")
    ((bands, kind),) = first
    if value is None and (bands, kind) in kinds:
        return (RGB if bands == RGB_BANDS else GRAY), tuple(notes)
    return ImageFormat.of(bands, kind, value), tuple(notes)


def agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether bands are the same: where both sides name one, by the same name."""
    return len(one) == len(other) and all(
        a == b or _is_number(a) or _is_number(b)
        for a, b in zip(one, other, strict=True)
    )


def _merged(known: tuple[tuple, ...], found: tuple) -> tuple:
    """The known kind that a file's bands agree with, else its own."""
    for bands, kind in known:
        if kind == found[1] and agree(bands, found[0]):
            return bands, kind
    return found


def _is_number(name: str) -> bool:
    return name.startswith("band_") and name[5:].isdecimal()


def _cure(own: ImageFormat, wanted: ImageFormat) -> str:
    if own.type != wanted.type:
        bands = "" if agree(own.bands, wanted.bands) else "with these bands and "
        return (
            f"Save it {bands}as {wanted.type} in the units of the training images, or "
            "train on images like it."
        )
    if own.bands == RGB_BANDS and wanted.bands == GRAY_BANDS:
        return "Save it as gray, or train on RGB."
    return "Save it with these bands, or train on images like it."
