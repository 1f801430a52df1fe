"""Reads every pair of a source once, and keeps facts in place of pixels."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from kerasseg.console import hidden_bar
from kerasseg.doctor.facts import Facts, facts_of
from kerasseg.doctor.images import ImageSet
from kerasseg.doctor.mask_ids import UNKNOWN, MaskFormat
from kerasseg.doctor.pair_source import Source
from kerasseg.taxonomy import IGNORE, Taxonomy


@dataclass
class Survey:
    """What was seen of a source.

    masks: how its masks are to be understood. images: how its images are to be read.
    facts: of all pairs, in their order.
    agreement: for each split the sum of `edge_agreement.agreement` of its pairs.
    """

    masks: MaskFormat
    images: ImageSet = field(default_factory=ImageSet)
    facts: list[Facts] = field(default_factory=list)
    agreement: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def good(self) -> list[Facts]:
        """Those that could be read."""
        return [facts for facts in self.facts if not facts.error]

    @property
    def splits(self) -> dict[str, list[Facts]]:
        """Of each split, those that could be read."""
        found: dict[str, list[Facts]] = {}
        for facts in self.good:
            found.setdefault(facts.entry.split, []).append(facts)
        return found

    @property
    def classes(self) -> Taxonomy:
        """The classes that are named, or as many as the ids need."""
        if self.masks.classes:
            return self.masks.classes
        highest = max((i for i in self.totals(self.good) if 0 <= i < IGNORE), default=0)
        return Taxonomy.numbered(min(highest + 1, IGNORE))

    def totals(self, facts: list[Facts]) -> dict[int, int]:
        """Pixels of each id that occurs, `UNKNOWN` (-1) for colours of no class."""
        total: dict[int, int] = {}
        for one in facts:
            for i, count in zip(one.ids.tolist(), one.counts.tolist(), strict=True):
                total[i] = total.get(i, 0) + count
        return dict(sorted(total.items()))

    def known(self, facts: list[Facts]) -> set[int]:
        """The ids that occur and count: neither ignored nor `UNKNOWN`."""
        return set(self.totals(facts)) - {self.masks.ignore, UNKNOWN}


def survey(source: Source, progress: bool = True) -> Survey:
    """Reads in threads, a few pairs ahead, so that memory holds only those."""
    out = Survey(source.masks, source.images)
    threads = os.cpu_count() or 1
    bar = {"unit": "image", "disable": hidden_bar() if progress else True}
    waiting: deque = deque()
    with ThreadPoolExecutor(threads) as pool, tqdm(total=source.count, **bar) as shown:

        def keep(future: Future) -> None:
            facts, sums = future.result()
            out.facts.append(facts)
            split = facts.entry.split
            if sums is not None:
                out.agreement[split] = out.agreement.get(split, 0) + sums
            shown.update()

        for entry, read in source.pairs:
            waiting.append(
                pool.submit(facts_of, entry, read, source.masks, source.images)
            )
            if len(waiting) > 2 * threads:
                keep(waiting.popleft())
        while waiting:
            keep(waiting.popleft())
    return out
