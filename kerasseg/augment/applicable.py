"""Which parts of a policy mean something for images of a kind."""

from __future__ import annotations

import dataclasses

from kerasseg import UserError
from kerasseg.augment.levels import Levels
from kerasseg.augment.policies import POLICIES, Policy
from kerasseg.image_format import ImageFormat

COLOURS = ("saturation", "hue", "cast", "jpeg", "shadow", "rain", "fog")
"""Settings that are about light as eyes and cameras see it: RGB of 8 bits only."""
LEVELS = ("brightness", "contrast", "gamma", "blur", "noise", "band_dropout")
"""Settings in grey levels or of whole bands: any images, by the bands' statistics."""


def applicable(policy: Policy, image_format: ImageFormat) -> tuple[Policy, str]:
    """The policy for images of a kind, and one line about what was left out, or "".

    A named policy is used without the parts that need RGB of 8 bits. It is known by
    these parts: all of them are as in `POLICIES`.

    Raises UserError as `refuse`, so when somebody has set such a part by hand.
    """
    asked = _asked(policy, COLOURS)
    if not asked or image_format.is_rgb8:
        refuse(policy, image_format)
        return policy, ""
    for name, named in POLICIES.items():
        if all(getattr(policy, part) == getattr(named, part) for part in COLOURS):
            plain = {part: getattr(Policy(), part) for part in asked}
            rest = dataclasses.replace(policy, **plain)
            refuse(rest, image_format)
            return rest, (
                f"Policy '{name}' without {_listed(asked)}, which need RGB of 8 bits; "
                f"the images have {image_format}."
            )
    refuse(policy, image_format)
    raise AssertionError("refuse knows the parts that need RGB")


def refuse(policy: Policy, image_format: ImageFormat) -> None:
    """Raises UserError when a part of the policy means nothing for such images."""
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
