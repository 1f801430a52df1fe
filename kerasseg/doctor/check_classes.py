"""Finds classes that are missing or rare."""

from __future__ import annotations

from kerasseg.doctor.finding import Finding, error, warning
from kerasseg.doctor.survey import Survey

RARE = 5e-4
"""Share of the labelled pixels. CamVid's rarest class in train, bicyclist, has 0.0026
and is learned (IoU 0.8 of the recipe in pipelines/camvid)."""

FEW = 3
"""Images with a class, below which it is learned by heart."""


def classes(survey: Survey) -> list[Finding]:
    """Classes that never occur, only outside train, or too rarely to be learned."""
    found: list[Finding] = []
    splits, named = survey.splits, survey.classes.names
    if not survey.good:
        return []
    present = {split: survey.known(facts) for split, facts in splits.items()}
    anywhere = set().union(*present.values()) if present else set()
    never = [name for i, name in enumerate(named) if i not in anywhere]
    if never:
        says = f"{len(never)} of {len(named)} classes never occur: {_list(never)}."
        fix = "Check the legend and the masks; if they are right, --drop or --keep of "
        fix += "prepare leaves classes out."
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
            fix = "They cannot be learned: move images with them to train, or divide "
            fix += "anew: --split-by name, or --folds 5, of prepare."
            shown = [f for f in splits[split] if set(unseen) & set(f.ids.tolist())]
            found.append(error("classes", says, fix, shown))
    found += _never_judged(survey, present)
    return found + _rare(survey, train)


def _never_judged(survey: Survey, present: dict[str, set[int]]) -> list[Finding]:
    """Classes of train that val never has."""
    names, val = survey.classes.names, present.get("val")
    if not val:
        return []
    missing = [names[i] for i in sorted(present["train"] - val) if i < len(names)]
    if not missing:
        return []
    says = f"Classes of train never occur in split 'val': {_list(missing)}. Their "
    says += "scores will not be known."
    fix = "Move images with them to val, or divide anew: --split-by name --val-share "
    fix += "0.3, or --folds 5, of prepare."
    return [warning("classes", says, fix)]


def _rare(survey: Survey, train: set[int]) -> list[Finding]:
    """Classes that are too rare in train to be learned, in one finding."""
    facts, names = survey.splits["train"], survey.classes.names
    totals = survey.totals(facts)
    labelled = sum(totals[i] for i in train)
    teaching = [f for f in facts if set(f.ids.tolist()) & train]
    rare, having = [], []
    for i in sorted(train):
        with_it = [f for f in teaching if i in f.ids]
        share = totals[i] / labelled
        few = len(with_it) < min(FEW, len(teaching))
        if i < len(names) and (share < RARE or few):
            rare.append(
                f"'{names[i]}' ({share:.3%} of the labelled pixels, in {len(with_it)} "
                f"of {len(teaching)} images)"
            )
            having += with_it
    if not rare:
        return []
    what = "1 class is" if len(rare) == 1 else f"{len(rare)} classes are"
    says = f"{what} rare in train: {_list(rare)}."
    fix = "Weigh them (class_weights, below), collect more, or bring them together: "
    fix += "--merge of prepare."
    return [warning("classes", says, fix, dict.fromkeys(having))]


def _list(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
