"""A picture file as a network of some image format takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from kerasseg.data.reading.pictures import image
from kerasseg.data.reading.pictures.fitted import fitted
from kerasseg.image_format import RGB, ImageFormat

Pages = Literal["ask", "samples", "bands"]
"""What the pages of a file are, see `image.ReadOptions`."""


def network_input(
    source: Path | image.Page, image_format: ImageFormat = RGB, pages: Pages = "ask"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, C) of the format's bands and type, and what of the file was left out.

    Bit for bit what records hold of the same file.

    Raises UserError for a file that cannot be read, or has other bands or another type.
    """
    picture = image.read(source, options_for(source, image_format, pages))
    return fitted(picture, image_format, source), picture.notes


def options_for(
    source: Path | image.Page, image_format: ImageFormat, pages: Pages = "ask"
) -> image.ReadOptions:
    """How a picture is read for a network of this format.

    As the training read its files: alpha is a band where the network's last band has
    that name, or tells valid pixels; of a file with more bands than the network, the
    same are chosen. Pages are bands where that alone gives the network's number.
    """
    head = image.header(source)
    fit = head.pages > 1 and head.pages * len(head.bands) == image_format.channels
    bands = pages == "bands" or (pages == "ask" and fit)
    alpha = alpha_of(image_format)
    whole = image.ReadOptions(alpha=alpha, pages="bands" if bands else "ask")
    return with_chosen(whole, image.header(source, whole).bands, image_format)


def alpha_of(image_format: ImageFormat) -> Literal["drop", "band", "valid"]:
    """What the training did with the alpha channel of its files."""
    if image_format.bands[-1] == "alpha":
        return "band"
    return "valid" if image_format.alpha == "valid" else "drop"


def with_chosen(
    options: image.ReadOptions, stored: tuple[str, ...], image_format: ImageFormat
) -> image.ReadOptions:
    """The options with the bands that the training chose, where a file has more.

    stored: its bands when it is read with `options`.
    """
    more = len(stored) > image_format.channels
    return replace(options, bands=image_format.chosen) if more else options
