"""Reads image files of any kind: the one reader of all commands.

The first bytes tell the kind, never the name. Pixels keep their bands and the type of
their numbers; JPEG and PNG are exactly what the training pipeline will decode.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.formats import at_hand, header_of, stored_of
from kerasseg.data.reading.pictures.number_types import both, in_kept_type, valid_pixels
from kerasseg.data.reading.pictures.picture import (
    READ_AGAIN,
    Header,
    Page,
    Picture,
    ReadOptions,
    Source,
    Stored,
    file_of,
)
from kerasseg.data.reading.pictures.picture_formats import opened_image
from kerasseg.data.reading.pictures.signatures import SUFFIXES
from kerasseg.data.sample import Decoded
from kerasseg.files import exif
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS, ImageFormat, listed_bands

__all__ = [
    "READ_AGAIN",
    "SUFFIXES",
    "Header",
    "Page",
    "Picture",
    "ReadOptions",
    "Source",
    "check_pages",
    "chosen_names",
    "finished",
    "header",
    "opened_image",
    "pages_of",
    "read",
    "read_image",
    "read_upright",
    "size_of",
]
DEFAULT = ReadOptions()


def read(file: Source, options: ReadOptions = DEFAULT) -> Picture:
    """The picture in a file, or in one page of it.

    Raises UserError that names the file where it cannot be read, or can be understood
    in several ways of which `options` chooses none.
    """
    whole = at_hand(file_of(file))
    head = header_of(whole)
    if isinstance(file, Page):
        return finished(stored_of(whole, file.number, head), file, options)
    if head.pages == 1:
        return finished(stored_of(whole, 0, head), file, options)
    check_pages(head, file, options)
    each = replace(options, bands=())
    pages = [
        finished(stored_of(whole, number, head), file, each)
        for number in range(head.pages)
    ]
    first, valid = pages[0], None
    for page in pages:
        valid = both(valid, page.valid)
    joined = Picture(
        np.concatenate([page.pixels for page in pages], -1),
        _bands_of_pages(first.bands, head.pages),
        first.nodata,
        valid,
        first.place,
        turn=first.turn,
        notes=tuple(dict.fromkeys(n for page in pages for n in page.notes)),
    )
    return _chosen(joined, file, options)


def header(file: Source, options: ReadOptions = DEFAULT) -> Header:
    """What `read` would give with these options, from the file's header alone.

    `pages` is their number where `options.pages` is not "bands", and no error.

    Raises UserError that names the file where the header cannot be read.
    """
    found = header_of(file_of(file))
    if options.alpha == "band" and found.alpha:
        found = replace(found, bands=(*found.bands, "alpha"), alpha=False)
    if isinstance(file, Page):
        found = replace(found, pages=1)
    elif options.pages == "bands" and found.pages > 1:
        bands = _bands_of_pages(found.bands, found.pages)
        found = replace(found, bands=bands, pages=1)
    if options.bands:
        found = replace(found, bands=chosen_names(found.bands, file, options))
    return found


def pages_of(file: Path | EmbeddedFile) -> tuple[Page, ...]:
    """The pages of a file, each to be read as an image of its own."""
    return tuple(Page(file, number) for number in range(header_of(file).pages))


def check_pages(head: Header, file: Source, options: ReadOptions) -> None:
    """Raises UserError for a file of several pages of which nothing was said."""
    if head.pages > 1 and options.pages != "bands":
        asked = "read them one by one (pages_of)."
        if options.pages == "ask":
            asked = (
                "say what they are: --pages samples (images of their own) or --pages "
                "bands (bands of one image)."
            )
        raise UserError(f"{file} has {head.pages} pages: {asked}")


def read_image(file: Source) -> tuple[np.ndarray, bytes]:
    """uint8 (H, W, 3) RGB pixels, upright, and the bytes to keep of the file.

    For sets of ordinary pictures: gray ones become RGB, alpha is left out. The bytes
    are empty where `tf.io.decode_jpeg` would not give these pixels: for other formats
    than JPEG and PNG, and turned images.

    Raises UserError that names the file where it cannot be decoded, and where it holds
    other bands or another type.
    """
    picture = read(file)
    pixels = _rgb8(picture, file)
    return pixels, Decoded.to(pixels, picture.encoded) if picture.encoded else b""


def read_upright(file: Source) -> tuple[np.ndarray, int]:
    """The pixels of `read_image`, and the EXIF orientation (1..8) that turned them.

    Raises UserError as `read_image`.
    """
    picture = read(file)
    return _rgb8(picture, file), picture.turn


def size_of(file: Source, upright: bool = True) -> tuple[int, int]:
    """Height and width in pixels, from the file's header alone.

    upright: as EXIF turns the image; False: as its pixels are stored.

    Raises UserError for a file that is not an image, FileNotFoundError for none.
    """
    found = header(file)
    turned = found.turn >= 5 and not upright
    return (found.width, found.height) if turned else (found.height, found.width)


def finished(stored: Stored, file: Source, options: ReadOptions) -> Picture:
    """The picture of what a format's reader gave: types, alpha, validity, turning."""
    valid = both(stored.valid, valid_pixels(stored.pixels, None))
    pixels, notes = in_kept_type(stored.pixels, valid, file)
    bands, encoded = stored.bands, stored.encoded
    if stored.alpha is not None:
        alpha, _ = in_kept_type(stored.alpha[..., None], None, file)
        if options.alpha == "band":
            pixels, bands = np.concatenate([pixels, alpha], -1), (*bands, "alpha")
            encoded = b""
        elif options.alpha == "valid":
            valid = both(valid, alpha[..., 0] != 0)
        elif not _opaque(alpha):
            notes = (*notes, "alpha is left out (--image-alpha uses it)")
    if stored.turn != 1:
        pixels = exif.turned(pixels, stored.turn)
        encoded = b""
        if valid is not None:
            valid = exif.turned(valid[..., None], stored.turn)[..., 0]
    picture = Picture(
        np.ascontiguousarray(pixels),
        bands,
        stored.nodata,
        valid,
        stored.place,
        encoded if valid is None else b"",
        stored.turn,
        (*stored.notes, *notes),
    )
    return _chosen(picture, file, options)


def _opaque(alpha: np.ndarray) -> bool:
    most = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    return bool((alpha == most).all())


def _chosen(picture: Picture, file: Source, options: ReadOptions) -> Picture:
    """The picture with the bands that `options` names."""
    if not options.bands:
        return picture
    bands = chosen_names(picture.bands, file, options)
    pixels = np.ascontiguousarray(picture.pixels[..., list(options.bands)])
    return replace(picture, pixels=pixels, bands=bands, encoded=b"")


def chosen_names(
    bands: tuple[str, ...], file: Source, options: ReadOptions
) -> tuple[str, ...]:
    """The names of the bands that `options` keeps.

    Raises UserError for numbers of bands that are not there.
    """
    if not all(0 <= band < len(bands) for band in options.bands):
        asked = ", ".join(str(band + 1) for band in options.bands)
        raise UserError(
            f"{file} has {len(bands)} bands ({listed_bands(bands)}), counted from 1, "
            f"and --image-bands asks for {asked}. Choose others."
        )
    return tuple(bands[band] for band in options.bands)


def _bands_of_pages(bands: tuple[str, ...], pages: int) -> tuple[str, ...]:
    numbers = range(1, pages + 1)
    if bands == GRAY_BANDS:
        return tuple(f"band_{number}" for number in numbers)
    return tuple(f"{name}_{number}" for number in numbers for name in bands)


def _rgb8(picture: Picture, file: Source) -> np.ndarray:
    """uint8 (H, W, 3) of a picture of 8 bits, RGB or gray."""
    pixels = picture.pixels
    if pixels.dtype == np.uint8 and picture.bands == RGB_BANDS:
        return pixels
    if pixels.dtype == np.uint8 and picture.bands == GRAY_BANDS:
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    held = ImageFormat.of(picture.bands, pixels.dtype.name)
    raise UserError(
        f"{file} has {held}; expected is an ordinary picture, RGB or gray of 8 bits. "
        "python -m kerasseg.prepare folder reads other kinds as they are."
    )
