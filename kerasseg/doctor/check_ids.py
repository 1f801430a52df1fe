"""Finds masks whose values are not class ids, or were interpolated."""

from __future__ import annotations

from kerasseg.data.reading.masks.unknown_value import UnknownValueError
from kerasseg.doctor.check_labels import NOT_IGNORED
from kerasseg.doctor.facts import Facts
from kerasseg.doctor.finding import Finding, error, images, said_and_cure, warning
from kerasseg.doctor.mask_ids import UNKNOWN
from kerasseg.doctor.survey import Survey
from kerasseg.taxonomy import IGNORE

SMOOTH = 0.1
"""Share of in-between pixels above which a mask was interpolated. CamVid's 468 masks:
0.021 at most, 0.062 after shrinking by 4 with nearest neighbour. Resized bilinearly
or by area: 0.14 at least, 0.17 to 0.5 mostly; blurred 3x3: 0.7."""

FEW = 0.1
"""Share of the masks below which that is no error: who interpolates does it to all, and
a street between two pavements of a drawing may look like it."""

LABEL_IDS = {7: "road", 8: "sidewalk", 11: "building", 21: "vegetation", 23: "sky"}
LABEL_IDS |= {26: "car", 24: "person", 20: "traffic sign", 17: "pole", 22: "terrain"}
"""The ten most frequent of the 19 classes in gtFine_labelIds.png (labels.py of
cityscapesScripts). In trainIds nothing lies between 18 and 255."""


def encoding(survey: Survey) -> list[Finding]:
    """Gray levels or colours where ids belong: then nothing else can be said of ids."""
    good = survey.good
    coloured = [f for f in good if f.unknown]
    known = survey.masks.by_colour
    refusal = survey.masks.refusal
    if coloured and not known:
        return [_colours(coloured, len(good), str(refusal))]
    if refusal is not None and not isinstance(refusal, UnknownValueError):
        return [_refused(str(refusal), good)]
    if survey.masks.planes:
        return []
    used = survey.totals(good)
    ids = survey.known(good)
    if IGNORE in used and ids <= {0}:
        says = "The masks hold only 0 and 255, and 255 means ignore: nothing is left "
        says += "but class 0."
        fix = "If 255 is the object, say --binary (here and to prepare folder)."
        if survey.masks.prepared:
            fix = f"Prepare again. {NOT_IGNORED}"
        return [error("encoding", says, fix, good)]
    if survey.masks.classes or survey.masks.rule or not ids or coloured:
        return []
    # Gaps: CamVid's 12 ids, the 19 trainIds and the 34 labelIds use every id or almost.
    if len(ids) < (max(ids) + 1) / 2:
        some = ", ".join(map(str, sorted(ids)[:8]))
        says = f"The masks hold {len(ids)} values, {some}{', ...' * (len(ids) > 8)}: "
        says += "gray levels rather than class ids 0, 1, 2, ..."
        if refusal is not None:
            return [error("encoding", says, _refused(str(refusal), good).fix, good)]
        fix = (
            "Renumber them: --compact of prepare folder does, --ignore leaves out void."
        )
        return [error("encoding", says, fix, good)]
    return []


def label_ids(survey: Survey) -> list[Finding]:
    """Cityscapes' labelIds (0 to 33, road is 7) where trainIds (0 to 18) belong."""
    names = survey.masks.classes.names if survey.masks.classes else ()
    if "ego vehicle" in names or survey.masks.planes:  # somebody means all 34
        return []
    totals = survey.totals(survey.good)
    ids = {i for i in totals if i not in (survey.masks.ignore, UNKNOWN)}
    pixels = sum(totals[i] for i in ids)
    theirs = ids & set(LABEL_IDS)
    share = sum(totals[i] for i in theirs) / max(1, pixels)
    named = [f for f in survey.good if "labelIds" in f.entry.mask]
    fits = ids and 18 < max(ids) <= 33 and len(theirs) >= 6 and share > 0.5
    if not (fits or named):
        return []
    says = "The masks hold Cityscapes' labelIds (road 7, building 11, sky 23), not its "
    says += f"trainIds (road 0, ... 18): ids up to {max(ids, default=0)}, "
    says += f"{share:.0%} of the pixels on labelIds that are frequent there."
    fix = "Use *_labelTrainIds.png, or let python -m kerasseg.prepare cityscapes map "
    fix += "the ids."
    return [error("labelIds", says, fix, named or survey.good)]


def outside(survey: Survey) -> list[Finding]:
    """Ids or colours that are not in the legend, and masks that `prepare` refuses."""
    classes, good = survey.masks.classes, survey.good
    ignore = survey.masks.ignore
    highest = classes.num_classes if classes else ignore
    found = []
    wrong = [f for f in good if ((f.ids >= highest) & (f.ids != ignore)).any()]
    if wrong:
        totals = survey.totals(wrong)
        ids = [i for i in totals if i >= highest and i != ignore]
        share = sum(totals[i] for i in ids) / sum(totals.values())
        some = ", ".join(map(str, ids[:8])) + ", ..." * (len(ids) > 8)
        says = f"{images(wrong, len(good))} hold ids {some}; "
        says += (
            f"ids are 0 to {highest - 1}, and {ignore} = ignore. These are {share:.2%} "
        )
        says += "of their pixels."
        fix = "Correct the masks or the list of classes."
        if max(ids) > ignore:
            fix += " Ids above 255 are most often instance ids: convert to class ids."
        elif len(ids) <= 3:
            void = " ".join(map(str, ids))
            fix += f" If {some} is void, say --ignore {void} (here and to prepare "
            fix += "folder)."
        found.append(error("range", says, fix, wrong))
    coloured = [f for f in good if f.unknown and survey.masks.by_colour]
    if coloured:
        worst = max(coloured, key=lambda f: f.unknown)
        some = ", ".join(str(c) for c in worst.colours[:3])
        says = f"{images(coloured, len(good))} hold colours that the legend does not "
        says += f"name, up to {worst.unknown} in one mask, such as {some}."
        fix = "Add the colours to the legend; those that are void: --ignore-colour "
        fix += f"{' '.join(map(str, worst.colours[0]))} (here and to prepare folder)."
        if worst.unknown > highest + 8:
            fix = "So many colours come of smoothing or JPEG: export the masks again, "
            fix += "resized by nearest neighbour, as PNG."
        found.append(error("range", says, fix, coloured))
    explained = {id(f) for f in wrong} | {id(f) for f in good if f.unknown}
    refused = [f for f in good if f.refused and id(f) not in explained]
    if refused:
        says = f"{images(refused, len(good))}: prepare would not read the mask. "
        says += refused[0].refused
        fix = "Correct these masks: export them again as PNG of class ids."
        found.append(error("range", says, fix, refused))
    refusal = survey.masks.refusal
    if refusal is not None and not found:
        found.append(_refused(str(refusal), good))
    return found


def interpolated(survey: Survey) -> list[Finding]:
    """Masks that were resized or blurred as if they were pictures."""
    good, found = survey.good, []
    smooth = [f for f in good if f.between > SMOOTH]
    # One id alone between others may be a class of its own: the rim of a nucleus.
    several = [f for f in smooth if f.between_kinds > 1]
    single = [f for f in smooth if f.between_kinds <= 1]
    fix = "Resize and turn masks by nearest neighbour; export them again."
    if several:
        says = f"{images(several, len(good))}: along borders there are ids between "
        says += f"those of the two sides (up to {max(f.between for f in several):.0%} "
        says += "of the borders): the mask was interpolated or blurred."
        few = len(several) < FEW * len(good)
        found.append((warning if few else error)("interpolated", says, fix, several))
    if single:
        says = f"{images(single, len(good))}: borders carry the id between their two "
        says += "sides. That is a class for rims, or the mask was interpolated."
        found.append(warning("interpolated", says, fix, single))
    gray = [f for f in good if f.grays]
    if gray:
        says = f"{images(gray, len(good))}: binary masks hold other values than 0 and "
        says += f"255 (up to {max(f.grays for f in gray):.1%} of the pixels); more "
        says += "than 127 counts as object."
        found.append(warning("interpolated", says, fix, gray))
    return found


def _refused(message: str, good: list[Facts]) -> Finding:
    """What `prepare` says of the masks, and what to do about it."""
    says, fix = said_and_cure(message, "See docs/labels.md, what a mask may be.")
    return error("encoding", f"prepare would not read the masks: {says}", fix, good)


def _colours(coloured: list[Facts], total: int, refusal: str) -> Finding:
    kinds = max(f.unknown for f in coloured)
    says = f"{images(coloured, total)} hold RGB colours where class ids belong, up to "
    says += f"{kinds} in one mask."
    colours = list(dict.fromkeys(c for f in coloured[:50] for c in f.colours))[:12]
    if kinds > 256:  # more than there are ids
        fix = "So many colours are a photograph, or come of smoothing or JPEG: export "
        fix += "the masks again, resized by nearest neighbour, as PNG."
    else:
        lines = "; ".join(f"name {r} {g} {b}" for r, g, b in colours)
        fix = "Write one line for each colour, in the order of the ids, into "
        fix += f"classes.txt: {lines}{'; ...' if kinds > 12 else ''}."
        if "--per-class channels" in refusal:
            fix += " If each channel is a class of its own, say --per-class channels."
    return error("encoding", says, fix, coloured)
