"""Augmentation policies: which transforms act, how often and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from kerasseg import UserError

NUMBERS = 128
"""Uniform numbers in [0, 1) drawn for one sample; some are kept free."""


@dataclass(frozen=True)
class Policy:
    """Ranges and probabilities of every transform; the defaults change nothing.

    Change single values with `dataclasses.replace(POLICIES["road"], hue=0.0)`.
    A transform at its default costs no time.

    Grey levels are those of pictures, 0..255. In images of other bands and types level
    114 is a band's mean, and 57 levels are its standard deviation. What needs RGB of 8
    bits says so.

    Raises:
        UserError: when `scale` or `gamma` is not a range of positive factors.
    """

    crop: bool = False
    """Random position of the crop in the source; else it is centred. In training on
    volumes always centred: the region around it was drawn."""
    flip: float = 0.0
    """Probability of mirroring left and right."""
    vertical_flip: float = 0.0
    """Probability of mirroring top and bottom."""
    depth_flip: float = 0.0
    """Probability of mirroring the slices of a volume. Volumes only."""
    quarter_turns: bool = False
    """Turn counter-clockwise by 0, 90, 180 or 270 degrees, equally often; of volumes in
    the plane of their slices."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Magnification, log-uniform from the first to the second factor."""
    aspect: float = 0.0
    """Width over height changes log-uniformly by up to this share (0.1 = 10 %)."""
    rotation: float = 0.0
    """Turn by up to this many degrees either way; of volumes about each axis, of thick
    slices (spacing over three times coarser) in their plane alone."""
    shear: float = 0.0
    """Slant rows and columns by up to this slope either way (0.1 = 5.7 degrees)."""
    translation: float = 0.0
    """Move by up to this share of the crop's height and width, even off the source."""
    perspective: float = 0.0
    """Change of magnification at the crop's edges, up to this share either way."""
    elastic: float = 0.0
    """Standard deviation, crop pixels, of the displacements of 3 x 3 nodes (U-Net), of
    volumes 3 x 3 x 3."""
    elastic_fine: float = 0.0
    """Standard deviation, crop pixels, of the displacements of the fine nodes."""
    elastic_spacing: int = 32
    """Distance of the fine nodes, crop pixels."""
    fill: int = 114
    """Grey level outside the source (the label there is 255)."""

    brightness: float = 0.0
    """Gain by up to this share either way (0.3 = 0.7 to 1.3 times)."""
    contrast: float = 0.0
    """Stretch around the image's mean grey by up to this share either way."""
    saturation: float = 0.0
    """Stretch of the colours around grey by up to this share either way. RGB only."""
    hue: float = 0.0
    """Turn of all colours by up to this many degrees (YIQ plane) either way.
    RGB only."""
    cast: float = 0.0
    """Gain of each single channel by up to this share either way (colour of light).
    RGB only."""
    gamma: tuple[float, float] = (1.0, 1.0)
    """Exponent of the tone curve, log-uniform; above 1 darkens. The curve's ends are 0
    and 255, in other bands the percentiles 0.5 and 99.5."""
    blur: float = 0.0
    """Probability of a blur, up to a Gaussian of about 1 pixel."""
    low_resolution: float = 0.0
    """Probability of the look of half to all of the pixels along each axis."""
    noise: float = 0.0
    """Probability of noise."""
    noise_std: float = 8.0
    """Largest standard deviation of the noise, levels; what differs between the bands
    has half of it."""
    jpeg: float = 0.0
    """Probability of JPEG-like coding losses in blocks of 8 x 8. RGB only."""
    jpeg_quality: float = 25.0
    """Lowest JPEG quality (libjpeg's 1..100 scale); the best is 90."""
    shadow: float = 0.0
    """Probability of a shadow: a wedge darkened to as little as 0.35. RGB only."""
    rain: float = 0.0
    """Probability of rain streaks. RGB only."""
    fog: float = 0.0
    """Probability of haze that is thickest at a horizon. RGB only."""
    erasing: float = 0.0
    """Probability that a rectangle of up to 1/3 x 1/3 becomes grey and ignored."""
    band_dropout: float = 0.0
    """Probability that one band, any of them, becomes its mean (level 114)."""

    cutmix: float = 0.0
    """Probability that a rectangle comes from another sample of the batch."""
    classmix: float = 0.0
    """Probability that about half of another sample's classes are pasted in."""
    mosaic: float = 0.0
    """Probability that the quadrants come from four samples of the batch."""

    def __post_init__(self) -> None:
        for name in ("scale", "gamma"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise UserError(
                    f"Policy.{name} expects 0 < lowest <= highest factor, got "
                    f"({low}, {high})."
                )

    @property
    def moves(self) -> bool:
        """Whether pixels change places at all."""
        return (
            self.crop
            or self.flip > 0
            or self.vertical_flip > 0
            or self.depth_flip > 0
            or self.quarter_turns
            or self.resamples
        )

    @property
    def resamples(self) -> bool:
        """Whether source positions fall between pixels, so that colours are mixed."""
        return self.scale != (1, 1) or any(
            value > 0
            for value in (
                self.aspect,
                self.rotation,
                self.shear,
                self.translation,
                self.perspective,
                self.elastic,
                self.elastic_fine,
            )
        )


POLICIES = {
    "none": Policy(),
    "flip": Policy(crop=True, flip=0.5),
    "general": Policy(
        crop=True,
        flip=0.5,
        scale=(0.7, 1.4),
        aspect=0.1,
        rotation=10.0,
        brightness=0.25,
        contrast=0.25,
        saturation=0.3,
        hue=8.0,
        cast=0.05,
        gamma=(0.7, 1.4),
        blur=0.1,
        noise=0.2,
    ),
    "road": Policy(
        crop=True,
        flip=0.5,
        scale=(0.6, 1.8),
        aspect=0.1,
        rotation=3.0,
        brightness=0.25,
        contrast=0.25,
        saturation=0.4,
        hue=12.0,
        cast=0.08,
        gamma=(0.6, 1.6),
        noise=0.3,
    ),
    "cells": Policy(
        crop=True,
        flip=0.5,
        vertical_flip=0.5,
        quarter_turns=True,
        scale=(0.8, 1.25),
        rotation=15.0,
        shear=0.05,
        elastic=10.0,
        brightness=0.2,
        contrast=0.25,
        gamma=(0.7, 1.4),
        blur=0.2,
        noise=0.3,
    ),
    "volume": Policy(
        flip=0.5,
        scale=(0.8, 1.25),
        rotation=15.0,
        brightness=0.2,
        contrast=0.25,
        gamma=(0.7, 1.5),
        blur=0.1,
        low_resolution=0.15,
        noise=0.15,
        noise_std=12.0,
    ),
}
"""Policies by name. "general": pictures of any kind that stand upright; "road": a
camera in a car; "cells": a microscope (U-Net's elastic deformation); "volume": CT and
MRI. The vertical axis has a meaning on a road, so "road" never turns far, and front and
back, feet and head have one in a patient, so "volume" mirrors left and right alone."""

USES = {
    "none": "the images as they are, the whole of them or their middle",
    "flip": "crops, mirrored left to right",
    "general": "flip, scale, light and colours: pictures that stand upright",
    "road": "scale and light of a camera in a car; it hardly turns",
    "cells": "any way round, elastic, in other light: a microscope",
    "volume": "mirrored left to right, turns, light: CT and MRI",
}
"""What each of `POLICIES` does, for lists of them."""
