"""Finds files that are broken, turned, of the wrong size, or in the wrong folder."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kerasseg.doctor.finding import Finding, error, images, warning
from kerasseg.doctor.survey import Survey


def corrupt(survey: Survey) -> list[Finding]:
    """Files that `prepare` cannot read."""
    broken = [facts for facts in survey.facts if facts.error]
    if not broken:
        return []
    says = f"{len(broken)} of {len(survey.facts)} pairs cannot be read: "
    says += "; ".join(facts.error.rstrip(".") for facts in broken[:3])
    says += "; ..." if len(broken) > 3 else "."
    return [error("corrupt", says, "Copy these files again, or remove the pairs.")]


def swapped(survey: Survey) -> list[Finding]:
    """Pictures have many colours, masks few.

    Medians over the set, of every fourth row and column: images 88 (DSB nuclei, of
    which many are dark and gray), 230 (ISBI), 5400 (CamVid), single ones 25 at least;
    masks 2 to 12. Medians a factor of 4 apart the wrong way, and more than 32 colours
    in the masks, are far from all of these.
    """
    good = survey.good
    if not good:
        return []
    image = np.median([facts.image_colours for facts in good])
    mask = np.median([facts.mask_colours for facts in good])
    if mask <= max(32, 4 * image):
        return []
    says = f"The masks hold {mask:.0f} colours, the images {image:.0f} (medians): "
    says += "images and masks have changed places."
    fix = "Swap the two folders, or name them with --images and --masks."
    return [error("swapped", says, fix, good)]


def sizes(survey: Survey) -> list[Finding]:
    """Masks of another size than their image; images of several sizes."""
    found, good = [], survey.good
    unequal = [f for f in good if f.mask_size not in (f.size, f.stored)]
    if unequal:
        first = unequal[0]
        says = f"{images(unequal, len(good))}: the mask has another size than its "
        says += f"image, such as {_text(first.mask_size)} and {_text(first.size)}."
        fix = "Export the masks at the images' size, or resize them by nearest "
        fix += "neighbour if they show the same view."
        found.append(error("size", says, fix, unequal))
    several = Counter(f.size for f in good)
    if len(several) > 1:
        common = ", ".join(_text(size) for size, _ in several.most_common(3))
        says = f"The images have {len(several)} sizes: {common}"
        says += ", ..." if len(several) > 3 else ""
        fix = "Train with --data.size HEIGHT WIDTH, or prepare with --size."
        found.append(warning("size", f"{says} (height x width).", fix))
    return found


def exif(survey: Survey) -> list[Finding]:
    """Images that an EXIF tag turns, away from their masks or with them."""
    turned = [f for f in survey.good if f.orientation != 1]
    wrong = [f for f in turned if f.mask_size == f.stored != f.size]
    found = []
    if wrong:
        says = f"{images(wrong, len(survey.good))}: the EXIF tag turns the image, but "
        says += "the mask was drawn on the image as it is stored."
        fix = "Turn the masks too, or remove the tag without turning the pixels "
        fix += "(exiftool -Orientation=1 -n FILE)."
        found.append(error("exif", says, fix, wrong))
    right = [f for f in turned if f not in wrong]
    if right:
        says = f"{images(right, len(survey.good))}: an EXIF tag turns the image. "
        says += "prepare turns the pixels; tools that ignore the tag see another image."
        fix = "See below whether image and mask fit; best store the pixels upright "
        fix += "(exiftran -ai FILE)."
        found.append(warning("exif", says, fix, right))
    return found


def blank(survey: Survey) -> list[Finding]:
    """Images of one colour."""
    empty = [f for f in survey.good if f.blank]
    if not empty:
        return []
    says = f"{images(empty, len(survey.good))}: the image is of one colour."
    return [warning("blank", says, "Remove them, unless they are meant.", empty)]


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
