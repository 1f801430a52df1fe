"""From records to a recipe: facts, choices, measured time, and the page of reasons."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from kerasseg.config.settings import Config
from kerasseg.plan import budget, fingerprint, machine, rules
from kerasseg.plan.choices import Choice
from kerasseg.plan.fingerprint import Fingerprint

FORMATS = ("saved_model", "float32", "int8")
"""What a planned training exports."""
UNTOLD = 20.0
"""Minutes of a plan that was given none."""


@dataclass(frozen=True)
class Planned:
    """A recipe with its reasons, and the seconds that were estimated."""

    settings: Config
    choices: list[Choice]
    facts: Fingerprint
    cost: machine.Cost
    epoch: float
    after: float


def planned(
    records: Path,
    minutes: float,
    parameters: float = math.inf,
    began: float | None = None,
    device_ms: float = math.inf,
    folds: int = 0,
    export: bool = True,
) -> Planned:
    """The plan for records and a budget.

    minutes: of all the work; 0: twenty. parameters: the most that the network may have.
    began: when the budget began (`time.monotonic`), so that planning is part of it;
    None: it begins with the training. device_ms: milliseconds that the network may take
    for an image, see `device.within`. folds, export: of the training (--fit.folds).

    Raises UserError as reading records does, where no step can be made, and where no
    network is as fast as that.
    """
    facts = fingerprint.of_records(records)
    plan = rules.first(facts, str(records), parameters)
    if math.isfinite(device_ms):
        from kerasseg.plan import device

        plan, _ = device.within(plan, facts, device_ms, parameters)
    plan = rules.with_still_layers(plan, facts, minutes or UNTOLD)
    if not folds:  # each fold has records of its own
        plan = rules.with_smaller_copy(plan, facts, minutes or UNTOLD)
    data = plan.settings.data
    if data.smaller:  # before a step is measured, which reads from it
        from kerasseg.data import smaller

        smaller.write(records, (data.train, data.val), data.size, data.smaller)
    settings, cost = machine.measured(plan.settings)
    if settings.fit.accumulate > 1:
        plan.choose(
            "fit",
            Choice(
                "parts of a batch",
                str(settings.fit.accumulate),
                "a whole batch did not fit into the memory",
                "a trial step, with twice the parts until it is made (ultralytics "
                "halves the batch; parts give the same steps)",
                "a smaller --data.crop",
            ),
            accumulate=settings.fit.accumulate,
        )
    if folds:
        images = facts.train + facts.val
        facts = replace(facts, train=images - images // folds, val=images // folds)
    total = 60 * (minutes or UNTOLD)
    spent = 0.0 if began is None else time.monotonic() - began
    found = budget.rhythm(settings, facts, cost, total - spent, folds, export)
    why = (
        f"a step takes {cost.step:.2f} s here, an epoch {found.epoch:.0f} s with "
        f"validation; {total / 60:g} minutes leave {max(0.0, found.left) / 60:.1f} for "
        f"epochs{f' of {folds} folds' if folds else ''}"
    )
    plan = rules.with_steps(plan, facts, found, why)
    trainings = max(1, folds)
    most = max(found.left, trainings * found.epoch)
    most = 1.03 * most + trainings * cost.traced
    fit = replace(plan.settings.fit, minutes=round(most / 60, 2), folds=folds)
    settings = replace(plan.settings, fit=fit, adjust=found.adjust, formats=FORMATS)
    return Planned(settings, plan.choices, facts, cost, found.epoch, found.after)
