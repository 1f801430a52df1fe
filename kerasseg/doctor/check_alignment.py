"""Finds masks that are shifted against their image, or belong to another image."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from kerasseg.data.datasets.folder_files import fit
from kerasseg.doctor import edge_agreement
from kerasseg.doctor.facts import Facts, decode
from kerasseg.doctor.finding import Finding, error, images, warning
from kerasseg.doctor.images import planes
from kerasseg.doctor.mask_ids import ids_of, one_number
from kerasseg.doctor.survey import Survey

SHIFT = 3
"""Pixels that borders of a whole split must be off. CamVid's, drawn by hand, fit best
at 1 pixel, ISBI's at (1, 1), DSB's at 0."""

FEW = 3
"""Images below which a split proves nothing: one real picture of ADE20K, alone in its
split, fitted best 3 pixels away; with two more it did not."""

SUSPECTS = 12
"""Images tried against each other's labels: 144 comparisons of about 10 ms."""


Kind = Callable[[str, str, str, Iterable[Facts]], Finding]
"""`error` or `warning`."""


def alignment(survey: Survey) -> list[Finding]:
    """Labels that are shifted or turned, exchanged, or of other images."""
    found = []
    for split, facts in survey.splits.items():
        judged = [f for f in facts if np.isfinite(f.margin)]
        # Below 0 was never seen in 606 right pairs, see `edge_agreement.margin`.
        bad = [f for f in judged if f.margin < 0]
        turned = [f for f in bad if f.turn]
        if not judged:
            continue
        kind = error if len(judged) >= FEW else warning
        down, right = edge_agreement.shift(survey.agreement[split] / len(judged))
        if 2 * len(turned) > len(bad) > 0:
            found.append(_turned(kind, turned, len(judged)))
        elif max(abs(down), abs(right)) >= SHIFT:
            found.append(_shifted(kind, split, down, right, bad or judged))
        elif 2 * len(bad) > len(judged):
            found.append(_strangers(kind, split, bad, len(judged)))
        elif bad:
            found += _single(bad, len(judged), survey)
    return found


def _shifted(
    kind: Kind, split: str, down: int, right: int, bad: list[Facts]
) -> Finding:
    says = f"The labels of split '{split}' fit best when moved {_way(down, right)}."
    fix = "Look for a crop, a border or a resize done to images or masks alone, and "
    fix += "do it to both."
    return kind("alignment", says, fix, bad)


def _way(down: int, right: int) -> str:
    words = [f"{abs(down)} pixels {'down' if down > 0 else 'up'}"] if down else []
    if right:
        words.append(f"{abs(right)} pixels to the {'right' if right > 0 else 'left'}")
    return " and ".join(words)


def _turned(kind: Kind, turned: list[Facts], total: int) -> Finding:
    ways = sorted({f.turn for f in turned})
    says = f"{images(turned, total)}: the label fits its image when "
    says += f"{' or '.join(ways)}."
    fix = "Turn the masks so, or find what turned the images (EXIF, augmentation)."
    return kind("alignment", says, fix, turned)


def _strangers(kind: Kind, split: str, bad: list[Facts], total: int) -> Finding:
    says = f"{len(bad)} of {total} labels of split '{split}' follow no edges of their "
    says += "images, less than they would elsewhere: they belong to other images, or "
    says += "are far from exact."
    fix = "Check how images and masks are paired (sorting, numbering from 0 or 1). "
    fix += "If the labels are meant to be so coarse, say --skip alignment."
    return kind("alignment", says, fix, bad)


def _single(bad: list[Facts], total: int, survey: Survey) -> list[Finding]:
    found, mates = [], _mates(bad[:SUSPECTS], survey)
    if mates:
        pairs = "; ".join(f"{a.entry.id} and {b.entry.id}" for a, b in mates[:3])
        says = f"Labels were exchanged: the label of one fits the other image ({pairs})"
        fix = "Exchange the masks."
        found.append(error("alignment", f"{says}.", fix, mates))
    known = {id(f) for pair in mates for f in pair}
    rest = [f for f in bad if id(f) not in known]
    if rest:
        says = f"{images(rest, total)}: the label follows no edges of its image."
        fix = "Look at them: a label of another image, or a rough one?"
        found.append(warning("alignment", says, fix, rest))
    return found


def _mates(bad: list[Facts], survey: Survey) -> list[tuple[Facts, Facts]]:
    """Pairs of images of which each fits the label of the other."""
    arrays = [_arrays(f, survey) for f in bad]
    fits = np.zeros((len(bad), len(bad)), bool)
    for i, (image, _) in enumerate(arrays):
        for j, (_, label) in enumerate(arrays):
            if i != j and image.shape[:2] == label.shape:
                sums = edge_agreement.agreement(image, label)
                fits[i, j] = sums is not None and edge_agreement.margin(sums) > 0
    both = np.argwhere(np.triu(fits & fits.T))
    return [(bad[i], bad[j]) for i, j in both]


def _arrays(facts: Facts, survey: Survey) -> tuple[np.ndarray, np.ndarray]:
    shot, mask = decode(facts.entry, facts.entry.read(), survey.images)
    ids, _ = ids_of(mask, survey.masks)
    image = planes(shot, survey.images.format)
    ids = fit(ids, image.shape[:2], survey.images.mask_fit, survey.masks.ignore)
    return image, one_number(ids, survey.masks.ignore)
