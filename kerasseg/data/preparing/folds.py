"""Divides groups of samples into folds that are alike in size and in classes.

The rule is that of scikit-learn's StratifiedGroupKFold, for images that hold several
classes: groups are taken one after the other, those first that are most uneven, and
each goes to the fold with which the folds differ least. What is compared is the number
of images, and of each class the number of images that have it. Groups that are equally
uneven come in the order of the SHA-256 of their names and the seed, so every machine
divides alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from kerasseg import UserError
from kerasseg.console import hidden_bar
from kerasseg.data.reading.pairing.divide import in_order_of_hash
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import ignore_in


def folds_of(content: Mapping[str, Counter], folds: int, seed: int) -> list[set[str]]:
    """The groups of each fold, none of which is empty.

    content: of each group, the number of its images under "", and under each class the
    number of those that have it; as many groups as folds at least.
    """
    kinds = sorted({kind for counts in content.values() for kind in counts}, key=str)
    names = in_order_of_hash(content, f"{seed}/" if seed else "")
    counts = np.array([[content[name][kind] for kind in kinds] for name in names])
    shares = counts / np.maximum(counts.sum(0), 1)
    sums, parts = np.zeros((folds, len(kinds))), [set() for _ in range(folds)]
    for place in np.argsort(-counts.std(1), kind="stable"):
        added = shares[place]
        # Of each kind the variance over the folds, were the group added to each; the
        # mean over them is the same wherever it goes.
        squares = (sums**2).sum(0) + 2 * sums * added + added**2
        mean = (sums.sum(0) + added) / folds
        uneven = np.sqrt(np.maximum(squares / folds - mean**2, 0)).mean(1)
        fold = int(np.lexsort((sums[:, kinds.index("")], uneven.round(12)))[0])
        sums[fold] += added
        parts[fold].add(names[place])
    return parts


def content_of(
    entries: Iterable[tuple[str, Any]],
    groups: Iterable[str],
    reads: Mapping[str, Callable[[Any], Sample]],
) -> dict[str, Counter]:
    """What `folds_of` needs: each sample is read once for its classes.

    entries: (split, entry); groups: of each; reads: how each split is read. A sample
    that cannot be read counts as an image without classes: what becomes of it is said
    when it is written.
    """
    found: dict[str, Counter] = {}
    pairs = list(zip(entries, groups, strict=True))
    for (split, entry), group in tqdm(
        pairs, "classes for --folds", unit="image", disable=hidden_bar()
    ):
        counts = found.setdefault(group, Counter())
        counts[""] += 1
        try:
            counts.update(classes_in(reads[split](entry)))
        except (UserError, OSError):
            continue
    return found


def classes_in(sample: Sample) -> list[str]:
    """The classes of a sample's label, by their ids."""
    label = sample.label
    if label.ndim == sample.image.ndim:  # a plane for each class: they may overlap
        planes = (label == 1).reshape(-1, label.shape[-1])
        return [str(i) for i in np.flatnonzero(planes.any(0))]
    return [str(i) for i in np.unique(label) if i != ignore_in(label)]
