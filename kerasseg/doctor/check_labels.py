"""Finds labels that teach nothing, and splits that are missing."""

from __future__ import annotations

from kerasseg.doctor.facts import Facts
from kerasseg.doctor.finding import Finding, error, images, warning
from kerasseg.doctor.survey import Survey

MOST = 0.5
"""Share of ignored pixels from which it is a question what they were. Void of CamVid:
0.04."""


def unlabelled(survey: Survey) -> list[Finding]:
    """Labels that are ignored as a whole, or mostly, and splits of one class."""
    found, ignore = [], survey.masks.ignore
    for split, facts in survey.splits.items():
        ignored = [f for f in facts if f.area and f.pixels(ignore) == f.area]
        if ignored:
            says = f"Split '{split}': {images(ignored, len(facts))} are ignored as a "
            says += f"whole (all {ignore})."
            fix = "They teach and test nothing: label or remove them."
            if len(ignored) == len(facts):
                fix += f" {NOT_IGNORED}"
            kind = error if len(ignored) == len(facts) else warning
            found.append(kind("ignored", says, fix, ignored))
        found += _mostly(split, [f for f in facts if f not in ignored], ignore)
        if survey.classes.exclusive:
            found += _one_class(survey, split, facts)
        else:
            found += _no_class(survey, split, facts)
    return found


NOT_IGNORED = (
    "If these pixels are background, name it: --map FILE with a line '255,background', "
    "or its colour in the legend ('background 0 0 0'). If they are objects: --binary "
    "of prepare folder, --crowd object of prepare coco."
)


def _mostly(split: str, facts: list[Facts], ignore: int) -> list[Finding]:
    """Most pixels ignored: background that has no name, or objects that are crowds."""
    total = sum(f.area for f in facts)
    ignored = sum(f.pixels(ignore) for f in facts)
    unmeasured = sum(f.bands.invalid * f.area for f in facts if f.bands is not None)
    if not total or (ignored - unmeasured) / total <= MOST:
        return []
    says = f"{ignored / total:.0%} of the pixels of split '{split}' are ignored "
    says += f"({ignore}): nothing is learned there, background neither."
    most = sorted(facts, key=lambda f: -f.pixels(ignore) / max(1, f.area))
    return [warning("ignored", says, NOT_IGNORED, most)]


def _one_class(survey: Survey, split: str, facts: list[Facts]) -> list[Finding]:
    names = survey.classes.names
    used = {i for f in facts for i in f.ids.tolist()} - {survey.masks.ignore}
    if len(used) != 1 or used == {-1}:
        return []
    (only,) = used
    name = f" ('{names[only]}')" if only < len(names) else ""
    says = f"All masks of split '{split}' hold nothing but {only}{name}: there is "
    says += "nothing to tell it from, and training refuses it."
    fix = (
        "The objects were lost on the way: check how the masks were written, or lie in "
    )
    fix += "other images: divide anew (--split-by name, --folds 5 of prepare)."
    kind = error if split in ("train", "val") else warning
    return [kind("ignored", says, fix, facts)]


def _no_class(survey: Survey, split: str, facts: list[Facts]) -> list[Finding]:
    """Where classes overlap: a split in which none of them occurs."""
    if survey.known(facts):
        return []
    says = f"No pixel of split '{split}' is of a class: there is nothing to find, and "
    says += "training refuses it."
    fix = "The objects were lost on the way: check how the masks were written, or lie "
    fix += "in other images: divide anew (--split-by name, --folds 5 of prepare)."
    kind = error if split in ("train", "val") else warning
    return [kind("ignored", says, fix, facts)]


def splits(survey: Survey) -> list[Finding]:
    """No train, or no val."""
    there = survey.splits
    if not there:
        return []
    if "train" not in there:
        says = f"There is no split 'train', only {', '.join(there)}."
        fix = "Call it train, or divide anew: --split-by name of prepare."
        return [warning("splits", says, fix)]
    if "val" not in there:
        says = "There is no split 'val', and training needs one."
        fix = "Prepare with --val-share 0.2, which divides train; for that there must "
        fix += "be two images at least."
        return [warning("splits", says, fix)]
    return []
