"""Which parts of a policy mean something for images of a kind."""

from __future__ import annotations

import dataclasses

from kerasseg import UserError
from kerasseg.augment.levels import Levels
from kerasseg.augment.policies import POLICIES, Policy
from kerasseg.image_format import ImageFormat

COLOURS = ("saturation", "hue", "cast", "jpeg", "shadow", "rain", "fog")
"""Settings that are about light as eyes and cameras see it: RGB of 8 bits only."""
LEVELS = (
    *("brightness", "contrast", "gamma", "blur", "low_resolution", "noise"),
    "band_dropout",
)
"""Settings in grey levels or of whole bands: any images, by the bands' statistics."""
FLAT = (
    *("aspect", "shear", "perspective", "erasing", "cutmix", "classmix", "mosaic"),
    *COLOURS,
)
"""Settings for images, not for volumes."""
DEEP = ("depth_flip",)
"""Settings for volumes, not for images."""


def applicable(
    policy: Policy, image_format: ImageFormat, volumes: bool = False
) -> tuple[Policy, str]:
    """The policy for images of a kind, and one line about what was left out, or "".

    A named policy is used without the parts that need RGB of 8 bits, for volumes
    without those that need images. It is known by these parts: all of them are as in
    `POLICIES`. The place of a crop in a volume is drawn by the pipeline already: here
    it is the middle.

    Raises UserError as `refuse`, so when somebody has set such a part by hand.
    """
    parts: tuple[str, ...] = COLOURS
    need = "need RGB of 8 bits"
    if volumes:
        parts, need = FLAT, "mean something for images alone"
        policy = dataclasses.replace(policy, crop=False)
    asked = _asked(policy, parts)
    if not asked or (image_format.is_rgb8 and not volumes):
        refuse(policy, image_format, volumes)
        return policy, ""
    for name, named in POLICIES.items():
        if all(getattr(policy, part) == getattr(named, part) for part in parts):
            plain = {part: getattr(Policy(), part) for part in asked}
            rest = dataclasses.replace(policy, **plain)
            refuse(rest, image_format, volumes)
            what = "volumes of" if volumes else "the images have"
            return rest, (
                f"Policy '{name}' without {_listed(asked)}, which {need}; "
                f"{what} {image_format}."
            )
    refuse(policy, image_format, volumes)
    raise AssertionError("refuse knows these parts")


def refuse(policy: Policy, image_format: ImageFormat, volumes: bool = False) -> None:
    """Raises UserError when a part of the policy means nothing for such images."""
    if wrong := _asked(policy, FLAT if volumes else DEEP):
        flags = _listed([f"--augment.{part}" for part in wrong])
        kinds = ("images", "volumes") if volumes else ("volumes", "images")
        raise UserError(
            f"{flags}: only for {kinds[0]}, and these are {kinds[1]}. Set it to 0."
        )
    asked = _asked(policy, COLOURS)
    if asked and not image_format.is_rgb8:
        flags = _listed([f"--augment.{part}" for part in asked])
        need, them = ("needs", "it") if len(asked) == 1 else ("need", "them")
        raise UserError(
            f"{flags} {need} RGB of 8 bits; the images have {image_format}. Set {them} "
            f"to 0; all that moves pixels works, and {_listed(LEVELS)}."
        )
    if policy.band_dropout and image_format.channels == 1:
        raise UserError(
            "--augment.band_dropout needs images of two bands or more; they have "
            f"{image_format}. Set it to 0."
        )
    asked = _asked(policy, LEVELS)
    if asked and Levels.of(image_format) is None:
        raise UserError(
            f"--augment.{asked[0]} is in units of each band's deviation, but the "
            f"records hold no statistics of their {image_format}. Prepare them again."
        )


def _asked(policy: Policy, names: tuple[str, ...]) -> list[str]:
    return [n for n in names if getattr(policy, n) != getattr(Policy(), n)]


def _listed(words: list[str] | tuple[str, ...]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
