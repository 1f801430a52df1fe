"""Finds images that occur twice, and validation images that resemble training ones."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations

import numpy as np

from kerasseg.doctor import fingerprint
from kerasseg.doctor.facts import Facts
from kerasseg.doctor.finding import Finding, error, warning
from kerasseg.doctor.survey import Survey

BITS = 48
LIKENESS = 0.85
"""Near duplicates: at most so many of 256 hash bits differ, and the thumbnails
correlate so much. The same image as JPEG of quality 50, at half the size, brighter, or
cut by 4 pixels: 45 bits at most and 0.895 at least. CamVid's own train against val: 79
bits at least. Images of DSB nuclei differ by 22 (dark ground: noise) but correlate to
0.44 at most; neighbouring ISBI slices: 60 bits and 0.80."""

SEQUENCE = 0.8
"""Share of images more like their neighbour by number than like the median image of
their split: frames of CamVid (1 s apart) 0.96 to 0.99, ISBI slices 1.0, unrelated
nuclei 0.51."""

ELSEWHERE = 0.2
"""Share of a split with a neighbour in another. CamVid's own val: 0.02; CamVid's train
images divided by the hash of their names, with a share of 0.2: 0.95."""

BLOCK = 2048


def duplicates(survey: Survey) -> list[Finding]:
    """Equal pixels: an error across splits, a warning within one."""
    equal = defaultdict(list)
    for facts in survey.good:
        if facts.bands is None or facts.bands.invalid < 1:  # nothing equals nothing
            equal[facts.digest].append(facts)
    within, across = [], []
    for group in equal.values():
        splits = {f.entry.split for f in group}
        first = group[0]
        if len(splits) > 1:
            others = (f for f in group if f.entry.split != first.entry.split)
            across.append((first, next(others)))
        elif len(group) > 1:
            within.append((first, group[1]))
    found = []
    if across:
        says = f"{_pairs(across)} equal, in two splits: the score on one "
        fix = "Remove them from one of the splits."
        says += "measures memory of the other."
        found.append(error("duplicates", says, fix, across))
    if within:
        says = f"{_pairs(within)} equal, within one split."
        fix = "Remove the copies, unless they are meant."
        found.append(warning("duplicates", says, fix, within))
    return found


def near(survey: Survey) -> list[Finding]:
    """Images of two splits that are all but equal: re-encoded, resized, next frame."""
    pairs = []
    for one, other in combinations(survey.splits.values(), 2):
        pairs += _alike(one, other)
    if not pairs:
        return []
    says = f"{_pairs(pairs)} almost equal, in two splits: copies, or frames of a video"
    fix = "Remove copies from one of the splits. Divide frames by video, drive or "
    fix += (
        "patient, not one by one: --group-by REGEX of prepare keeps together what has "
    )
    fix += "one name."
    return [error("leakage", f"{says}.", fix, pairs)]


def sequence(survey: Survey) -> list[Finding]:
    """Frames of one video dealt to several splits, by the numbers in their names."""
    found = []
    splits = survey.splits
    for smaller in sorted(splits, key=lambda s: len(splits[s])):
        elsewhere = _neighbours_elsewhere(survey, smaller)
        if len(elsewhere) < 5 or len(elsewhere) < ELSEWHERE * len(splits[smaller]):
            continue
        alike = _likeness([(a, b) for a, b in elsewhere])
        others = _median_likeness([a for a, _ in elsewhere], splits[smaller])
        share = float((alike > others).mean())
        if share >= SEQUENCE:
            says = f"{len(elsewhere)} of {len(splits[smaller])} images of split "
            says += f"'{smaller}' are neighbours by number of images in other splits, "
            says += f"and {share:.0%} of them resemble that neighbour more than their "
            says += "own split: frames of one video, or slices of one volume, were "
            says += "dealt at random."
            fix = "Put whole videos, or long stretches of them, into one split: "
            fix += "--group-by REGEX of prepare, for names that tell the video."
            found.append(error("sequence", says, fix, elsewhere))
            break  # the other splits only mirror it
    return found


def _alike(one: list[Facts], other: list[Facts]) -> list[tuple[Facts, Facts]]:
    """For each image of `one` its closest in `other`, if that is a near duplicate."""
    left, right = _thumbnails(one), _thumbnails(other)
    right_hashes, right_standard = (
        fingerprint.hashes(right),
        fingerprint.standard(right),
    )
    found = []
    for start in range(0, len(one), BLOCK):
        block = left[start : start + BLOCK]
        bits = (256 - fingerprint.hashes(block) @ right_hashes.T) / 2
        likeness = fingerprint.standard(block) @ right_standard.T
        likeness[bits > BITS] = -1
        best = likeness.argmax(1)
        for row, column in enumerate(best):
            if likeness[row, column] >= LIKENESS:
                pair = one[start + row], other[column]
                if pair[0].digest != pair[1].digest:  # equal ones are told already
                    found.append(pair)
    return found


def _neighbours_elsewhere(survey: Survey, split: str) -> list[tuple[Facts, Facts]]:
    """Images of a split, each with a neighbour by number that is in another split."""
    series = defaultdict(list)
    for facts in survey.good:
        stem, number = _number(facts.entry.id)
        if number is not None:
            series[stem].append((number, facts))
    pairs = []
    for frames in series.values():
        frames.sort(key=lambda pair: pair[0])
        for i, (_, facts) in enumerate(frames):
            if facts.entry.split != split:
                continue
            beside = [frames[j][1] for j in (i - 1, i + 1) if 0 <= j < len(frames)]
            away = [f for f in beside if f.entry.split != split]
            if away:
                pairs.append((facts, away[0]))
    return pairs


def _number(name: str) -> tuple[str, int | None]:
    """Name without its last number, and that number."""
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.DOTALL)
    if not match:
        return name, None
    return match[1] + match[3], int(match[2])


def _likeness(pairs: list[tuple[Facts, Facts]]) -> np.ndarray:
    left, right = (
        fingerprint.standard(_thumbnails([pair[i] for pair in pairs])) for i in (0, 1)
    )
    return (left * right).sum(1)


def _median_likeness(images: list[Facts], others: list[Facts]) -> np.ndarray:
    step = max(1, len(others) // 200)
    right = fingerprint.standard(_thumbnails(others[::step]))
    return np.median(fingerprint.standard(_thumbnails(images)) @ right.T, 1)


def _thumbnails(facts: list[Facts]) -> np.ndarray:
    return np.stack([f.thumbnail for f in facts if f.thumbnail is not None])


def _pairs(pairs: list[tuple[Facts, Facts]]) -> str:
    some = "; ".join(f"{a.entry.image} and {b.entry.image}" for a, b in pairs[:2])
    what = "pairs of images are" if len(pairs) > 1 else "pair of images is"
    return f"{len(pairs)} {what} ({some}{'; ...' if len(pairs) > 2 else ''})"
