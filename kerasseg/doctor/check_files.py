"""Finds files that are broken, of another kind, turned, of the wrong size or place."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile

import numpy as np

from kerasseg.data.reading.pictures.picture import READ_AGAIN
from kerasseg.doctor.facts import Facts
from kerasseg.doctor.finding import (
    Finding,
    error,
    images,
    said_and_cure,
    shots,
    warning,
)
from kerasseg.doctor.survey import Survey
from kerasseg.image_format import ImageFormat


def corrupt(survey: Survey) -> list[Finding]:
    """Files that cannot be read: damaged ones, and those that need a word first."""
    broken = [facts for facts in survey.facts if facts.error and not facts.other]
    damaged = [f for f in broken if f.error.endswith(READ_AGAIN)]
    rest = [f for f in broken if not f.error.endswith(READ_AGAIN)]
    found = []
    if damaged:
        says = f"{len(damaged)} of {len(survey.facts)} pairs cannot be read: "
        says += "; ".join(f.error.removesuffix(READ_AGAIN)[:-1] for f in damaged[:3])
        says += "; ..." if len(damaged) > 3 else "."
        fix = "Copy these files again, or remove the pairs; --on-error skip of prepare "
        fix += "leaves them out."
        found.append(error("corrupt", says, fix))
    cures: dict[str, list[str]] = {}
    for one in rest:
        message, cure = said_and_cure(one.error, SKIP)
        cures.setdefault(cure[:1].upper() + cure[1:], []).append(message)
    for cure, messages in cures.items():
        says = f"{len(messages)} of {len(survey.facts)} pairs cannot be read: "
        says += "; ".join(message.rstrip(".") for message in messages[:3])
        says += "; ..." if len(messages) > 3 else "."
        found.append(error("corrupt", says, cure))
    return found


SKIP = "Remove the pairs; --on-error skip of prepare leaves them out."


def formats(survey: Survey) -> list[Finding]:
    """Images of other bands or another type than most."""
    other = [facts for facts in survey.facts if facts.other]
    if not other:
        refusal = survey.images.refusal
        if refusal is None or any(facts.error for facts in survey.facts):
            return []
        return [error("format", *said_and_cure(str(refusal), SKIP))]
    kinds = Counter(str(facts.other) for facts in other)
    examples = {str(facts.other): facts.entry.image for facts in reversed(other)}
    listed = "; ".join(
        f"{count} have {kind} ({examples[kind]}{', ...' * (count > 1)})"
        for kind, count in kinds.most_common(3)
    )
    says = f"The images have not the same bands and type: {len(survey.good)} have "
    says += f"{survey.images.format}; {listed}{'; ...' if len(kinds) > 3 else ''}."
    fix = "Convert these, or prepare them apart; --on-error skip of prepare leaves "
    fix += "them out."
    common = _common_bands(survey, [facts.other for facts in other if facts.other])
    if common:
        numbers = " ".join(str(number + 1) for number in range(common))
        fix += (
            f" All begin with the same {common} bands: --image-bands {numbers} (here "
        )
        fix += "and to prepare folder) keeps these alone."
    return [error("format", says, fix)]


def _common_bands(survey: Survey, others: list[ImageFormat]) -> int:
    """How many bands all formats have in common at their start; 0 where their types
    differ."""
    first = survey.images.format
    if any(other.type != first.type for other in others):
        return 0
    same = takewhile(
        lambda names: len(set(names)) == 1,
        zip(first.bands, *(other.bands for other in others), strict=False),
    )
    return len(list(same))


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
    single = [f for f in good if f.mask_colours > max(32, 4 * f.image_colours)]
    image = np.median([facts.image_colours for facts in good])
    mask = np.median([facts.mask_colours for facts in good])
    if mask <= max(32, 4 * image):
        return _single(single, len(good))
    says = f"The masks hold {mask:.0f} colours, the images {image:.0f} (medians): "
    says += "images and masks have changed places."
    fix = "Swap the two folders, or name them with --images and --masks."
    return [error("swapped", says, fix, good)]


def _single(found: list[Facts], total: int) -> list[Finding]:
    if not found:
        return []
    says = f"{images(found, total)}: the mask holds many more colours than the image, "
    says += "as if the two had changed places."
    fix = "Look at them: exchange the two files where they are exchanged."
    return [warning("pairs", says, fix, found)]


def sizes(survey: Survey) -> list[Finding]:
    """Masks of another size than their image; images of several sizes."""
    found, good = [], survey.good
    unequal = [f for f in good if f.mask_size not in (f.size, f.stored)]
    if unequal:
        first = unequal[0]
        says = f"{images(unequal, len(good))}: the mask has another size than its "
        says += f"image, such as {_text(first.mask_size)} and {_text(first.size)}."
        fix = "Export the masks at the images' size. If they show the same view in "
        fix += "another resolution, say --mask-fit stretch; for a border of a few "
        fix += "pixels --mask-fit crop (here and to prepare folder)."
        found.append(error("size", says, fix, unequal))
    several = Counter(f.size for f in good if not f.entry.volume)
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
        says = f"{shots(wrong, len(survey.good))}: the EXIF tag turns the image, but "
        says += "the mask was drawn on the image as it is stored."
        fix = "Turn the masks too, or remove the tag without turning the pixels "
        fix += "(exiftool -Orientation=1 -n FILE)."
        found.append(error("exif", says, fix, wrong))
    right = [f for f in turned if f not in wrong]
    if right:
        says = f"{shots(right, len(survey.good))}: an EXIF tag turns the image. "
        says += "prepare turns the pixels; tools that ignore the tag see another image."
        fix = "See below whether image and mask fit; best store the pixels upright "
        fix += "(exiftran -ai FILE)."
        found.append(warning("exif", says, fix, right))
    return found


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
