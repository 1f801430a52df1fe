"""Finds classes that are missing or rare, and masks that teach nothing."""

from __future__ import annotations

import numpy as np

from kerasseg.doctor.finding import Finding, error, images, warning
from kerasseg.doctor.survey import Survey
from kerasseg.taxonomy import IGNORE

RARE = 5e-4
"""Share of the labelled pixels. CamVid's rarest class in train, bicyclist, has 0.0026
and is learned (IoU 0.8 of the recipe in pipelines/camvid)."""

FEW = 3
"""Images with a class, below which it is learned by heart."""


def classes(survey: Survey) -> list[Finding]:
    """Classes that never occur, only outside train, or too rarely to be learned."""
    found, splits, named = [], survey.splits, survey.classes.names
    present = {split: survey.known(facts) for split, facts in splits.items()}
    anywhere = set().union(*present.values()) if present else set()
    never = [name for i, name in enumerate(named) if i not in anywhere]
    if never:
        says = f"{len(never)} of {len(named)} classes never occur: {_list(never)}."
        fix = "Check the legend and the masks; if it is right, leave the class out."
        found.append(warning("classes", says, fix))
    for sentence in survey.classes.alike():
        fix = "If one class is meant, bring them together: --merge of prepare."
        found.append(warning("classes", sentence, fix))
    train = present.get("train")
    if not train:
        return found
    for split, ids in present.items():
        unseen = sorted(i for i in ids - train if i < len(named))
        if unseen:
            says = f"Classes of split '{split}' never occur in train: "
            says += f"{_list([named[i] for i in unseen])}."
            fix = "They cannot be learned: move images with them to train."
            shown = [f for f in splits[split] if set(unseen) & set(f.ids.tolist())]
            found.append(error("classes", says, fix, shown))
    totals = survey.totals(splits["train"])
    labelled = sum(totals[i] for i in train)
    for i in sorted(train):
        having = [f for f in splits["train"] if i in f.ids]
        share = totals[i] / labelled
        few = len(having) < min(FEW, len(splits["train"]))
        if i < len(named) and (share < RARE or few):
            says = f"Class '{named[i]}' is rare in train: {share:.3%} of the labelled "
            says += f"pixels, in {len(having)} of {len(splits['train'])} images."
            fix = "Weigh it (class_weights, below), collect more, or merge it."
            found.append(warning("classes", says, fix, having))
    return found


def unlabelled(survey: Survey) -> list[Finding]:
    """Labels that are ignored as a whole, and splits whose labels are all of one id."""
    found = []
    for split, facts in survey.splits.items():
        ignored = [f for f in facts if f.ids.tolist() == [IGNORE]]
        if ignored:
            says = f"Split '{split}': {images(ignored, len(facts))} are ignored as a "
            says += "whole (all 255)."
            fix = "They teach and test nothing: label or remove them."
            kind = error if len(ignored) == len(facts) else warning
            found.append(kind("ignored", says, fix, ignored))
        used = np.unique(np.concatenate([f.ids for f in facts]))
        if len(facts) > 1 and len(used) == 1 and used[0] not in (IGNORE, -1):
            says = f"All masks of split '{split}' hold nothing but {used[0]}."
            fix = "The objects were lost on the way: check how the masks were written."
            found.append(error("ignored", says, fix, facts))
    return found


def _list(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
