"""The layers between the image and the first convolution: clip, scale, nothing more.

They are part of the network, so that nothing outside an artefact decides what its
numbers mean. Which images a network is for holds for all that is built inside
`images`, as Keras' own scopes do: the functions of networks and encoders have no
argument for it.

Stock layers only (Rescaling with lists, ReLU with a maximum): they are saved without
code of ours, and LiteRT has them built in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from keras import layers

from kerasseg import UserError
from kerasseg.image_format import GRAY_BANDS, RGB_BANDS, InputRange
from kerasseg.taxonomy import Tensor

IMAGENET = (255 * 0.449, 255 * 0.226)
"""Mean and standard deviation of ImageNet's pixels 0..255, over its three channels."""
SMALLEST_SPAN = 1e-30
"""A band whose range is no wider than this is taken to be constant."""
FAR_FROM_ZERO = 64
"""From this ratio of a limit to the width of the range on, the lower limit is taken
away before the scaling: v / width - low / width would lose digits of float32."""


@dataclass(frozen=True)
class Images:
    """What the images are that a network is built for.

    input_range: None for pictures of 0..255.
    bands: names; () for red, green, blue, for gray, or for bands without names, by
        their number.
    """

    input_range: InputRange | None = None
    bands: tuple[str, ...] = ()


_PICTURES = Images()
_IMAGES: ContextVar[Images] = ContextVar("images", default=_PICTURES)


@contextmanager
def images(
    channels: int, input_range: InputRange | None, bands: Sequence[str] = ()
) -> Iterator[None]:
    """Networks that are built inside are for such images.

    Args:
        channels: how many bands the image has.
        input_range: their range; None: 0..255.
        bands: their names; (): RGB, gray or nothing, by their number.

    Raises:
        UserError: where range or names are not those of `channels` bands.
    """
    for what, given in (
        ("a range", input_range.low if input_range else ()),
        ("names", bands),
    ):
        if given and len(given) != channels:
            raise UserError(
                f"Expected {what} of {channels} bands, as the image has, got "
                f"{len(given)}."
            )
    token = _IMAGES.set(Images(input_range, tuple(bands)))
    try:
        yield
    finally:
        _IMAGES.reset(token)


def names_of(bands: Sequence[str], shape: Sequence[int]) -> tuple[str, ...]:
    """The names of the bands of an image (..., bands), also where none are given.

    >>> names_of((), (64, 64, 1)), names_of((), (64, 64, 2))
    (('gray',), ('band_1', 'band_2'))
    """
    if bands:
        return tuple(bands)
    known = {3: RGB_BANDS, 1: GRAY_BANDS}
    return known.get(shape[-1], tuple(f"band_{n + 1}" for n in range(shape[-1])))


def scaled(
    image: Tensor,
    scale: float | Sequence[float],
    offset: float | Sequence[float] = 0.0,
    *,
    imagenet: bool = False,
    name: str | None = None,
) -> Tensor:
    """What the first convolution sees of an image.

    Of pictures, 0..255, and of a range that is to be seen as one: value * scale +
    offset. Of other ranges the standard score z of each band: z itself, or with
    `imagenet` z with the mean and deviation that ImageNet's pictures have after that
    scaling.

    Args:
        image: (B, ..., C), numbers as the data has them.
        scale: one number, or one for each of red, green, blue.
        offset: likewise. Where numbers differ by colour, the bands of these names get
            them and others get their mean; where no band has a colour's name, and
            there are not three, each band comes three times (`stem_kernel`).
        imagenet: whether the weights behind are, or may be, trained on ImageNet.
        name: of the last Rescaling.

    Returns:
        (B, ..., C) or (B, ..., 3 C) float32.
    """
    source, channels = _IMAGES.get(), image.shape[-1]
    found = source.input_range
    if found and not found.picture:
        mean, deviation = 0.0, 1.0
        if imagenet:
            mean = float(np.mean(IMAGENET[0] * np.asarray(scale) + offset))
            deviation = float(np.mean(IMAGENET[1] * np.asarray(scale)))
        x, lowest, width = _clipped(image, found)
        slopes = [deviation / d if d else 0.0 for d in found.deviation]
        starts = [
            mean + (low - m) * slope
            for low, m, slope in zip(lowest, found.mean, slopes, strict=True)
        ]
        slopes = [slope * w for slope, w in zip(slopes, width, strict=True)]
        return _rescaling(slopes, starts, name)(x)
    if found:
        image, *_ = _clipped(image, found)
        scale = (255 * np.asarray(scale)).tolist()
    if np.ndim(scale) or np.ndim(offset):
        names = names_of(source.bands, image.shape)
        scale, offset = (
            numbers if isinstance(numbers, int | float) else _by_colour(numbers, names)
            for numbers in (scale, offset)
        )
        if max(np.size(scale), np.size(offset)) > channels:
            image = layers.Concatenate(dtype="float32")([image] * 3)
    return _rescaling(scale, offset, name)(image)


def stem_kernel(kernel: np.ndarray, channels: int, bands: int) -> np.ndarray:
    """A first kernel for red, green and blue as one for the images of this scope.

    Bands called red, green and blue get their colour's kernel and the others zeros, so
    that what they add is learnt from nothing. Without these names each band gets the
    mean over the bands: equal bands, or one alone, give what their picture in gray
    gave.

    Args:
        kernel: (rows, columns, 3, filters); one for another number of channels is
            returned as it is.
        channels: that the layer takes: the bands, or three times as many.
        bands: of the image.

    Returns:
        (rows, columns, channels, filters).
    """
    if kernel.shape[2] != 3:
        return kernel
    names = names_of(_IMAGES.get().bands, (bands,))
    if set(RGB_BANDS) <= set(names):
        made = np.zeros((*kernel.shape[:2], channels, kernel.shape[3]), kernel.dtype)
        for colour, name in enumerate(RGB_BANDS):
            made[:, :, names.index(name)] = kernel[:, :, colour]
        return made
    if channels == 3:
        return kernel
    if channels == 3 * bands:
        return np.repeat(kernel, bands, axis=2) / bands
    total = kernel.sum(axis=2, keepdims=True) / channels
    return np.repeat(total, channels, axis=2)


def _clipped(
    image: Tensor, found: InputRange
) -> tuple[Tensor, Sequence[float], Sequence[float]]:
    """The image clipped to the range, as share * width + lowest: (share, lowest, width)
    with the numbers of each band. Without limits the share is the image itself."""
    channels = len(found.low)
    if not np.all(np.isfinite([found.low, found.high])):
        means = [-mean for mean in found.mean]
        return _rescaling(1.0, means)(image), found.mean, [1.0] * channels
    width = [high - low for low, high in zip(found.low, found.high, strict=True)]
    ends = [max(map(abs, pair)) for pair in zip(found.low, found.high, strict=True)]
    parts = [
        1 / w if w > max(SMALLEST_SPAN, 1e-6 * end) else 0.0
        for w, end in zip(width, ends, strict=True)
    ]
    offset = [-low * part for low, part in zip(found.low, parts, strict=True)]
    if max(map(abs, offset)) > FAR_FROM_ZERO:
        image = _rescaling(1.0, [-low for low in found.low])(image)
        offset = [0.0] * channels
    share = layers.ReLU(max_value=1.0, dtype="float32")(
        _rescaling(parts, offset)(image)
    )
    return share, found.low, width


def _by_colour(colours: Sequence[float], names: tuple[str, ...]) -> list[float]:
    """One number for each channel behind `scaled`, from one for each colour."""
    if set(RGB_BANDS) <= set(names):
        known = dict(zip(RGB_BANDS, colours, strict=True))
        return [known.get(name, float(np.mean(colours))) for name in names]
    if len(names) == 3:
        return list(colours)
    return np.repeat(colours, len(names)).tolist()


def _rescaling(
    scale: float | Sequence[float],
    offset: float | Sequence[float],
    name: str | None = None,
) -> layers.Layer:
    return layers.Rescaling(scale, offset=offset, dtype="float32", name=name)
