"""From records to a recipe: facts, choices, measured time, and the page of reasons."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from kerasseg.config.settings import Config
from kerasseg.plan import fingerprint, machine, rules, volume_rules
from kerasseg.plan.choices import Choice
from kerasseg.plan.fingerprint import Fingerprint

FORMATS = ("saved_model", "float32", "int8")
"""What a planned training exports."""
SCORING, GATE = 4, 6
"""Times that a validation image is looked at after the training: by the network, for
boundaries, for the balance of the classes and once more where it is changed; and by the
gate for all files together, of which float32 and int8 run on few threads."""
REPORT, FILES = 5.0, 40.0
"""Seconds for the report, and for writing and converting the files."""
SLACK = 0.95
"""Share of the time that epochs are planned for: the rate falls to zero at the last
planned one, and a training that is cut there has lost its best epochs."""
MOST_EPOCHS = 400


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
    trainings = max(1, folds)
    if folds:
        images = facts.train + facts.val
        facts = replace(facts, train=images - images // folds, val=images // folds)
    epoch, after = _seconds(settings, facts, cost, folds, export)
    budget = 60 * (minutes or 20.0)
    spent = 0.0 if began is None else time.monotonic() - began
    left = budget - spent - trainings * cost.ready - after
    epochs = min(MOST_EPOCHS, max(1, int(SLACK * left / (trainings * epoch))))
    why = (
        f"a step takes {cost.step:.2f} s here, an epoch {epoch:.0f} s with validation; "
        f"{budget / 60:g} minutes leave {max(0.0, left) / 60:.1f} for epochs"
        + (f" of {folds} folds" if folds else "")
    )
    plan = rules.with_steps(plan, facts, epochs, why)
    most = 1.1 * max(left, trainings * epoch) / 60
    fit = replace(plan.settings.fit, minutes=round(most, 2), folds=folds)
    adjust = not (facts.depth or folds)
    settings = replace(plan.settings, fit=fit, adjust=adjust, formats=FORMATS)
    return Planned(settings, plan.choices, facts, cost, epoch, after)


def _seconds(
    settings: Config, facts: Fingerprint, cost: machine.Cost, folds: int, export: bool
) -> tuple[float, float]:
    """Of an epoch with its validation, and of all that follows the training, or the
    trainings of all folds. facts: of one training."""
    steps = max(1, round(facts.train / settings.data.batch))
    training = steps * cost.step
    images = facts.val
    if facts.depth:
        images *= volume_rules.patches(facts, settings.data.crop)
    validation = images * cost.image
    settling = min(0.25 * training, 192 * cost.image)
    after = REPORT + SCORING * validation
    if folds:  # each fold, and all images once more; the mean of networks is slower
        after += folds * (after + validation)
    if export:
        after += FILES + GATE * validation * max(1, folds) ** 2
    return training + validation + settling, after
