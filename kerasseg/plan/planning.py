"""From records to a recipe: facts, choices, measured time, and the page of reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from kerasseg.config.settings import Config
from kerasseg.plan import fingerprint, machine, rules, volume_rules
from kerasseg.plan.choices import Choice
from kerasseg.plan.fingerprint import Fingerprint

FORMATS = ("saved_model", "float32", "int8")
"""What a planned training exports."""
ARTEFACTS = 8
"""Times that a validation image is looked at after the training: by the network, for
boundaries, and by the gate for each file, of which float32 and int8 run on few
threads."""
AFTER = 45.0
"""Seconds for writing and converting the files, and the report."""
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
    records: Path, minutes: float, parameters: float = math.inf, spent: float = 0.0
) -> Planned:
    """The plan for records and a budget.

    minutes: of all the work, from now on; 0: twenty. parameters: the most that the
    network may have. spent: seconds of the budget that are over already.

    Raises UserError as reading records does, and where no step can be made.
    """
    facts = fingerprint.of_records(records)
    plan = rules.first(facts, str(records), parameters)
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
    epoch, after = _seconds(settings, facts, cost)
    budget = 60 * (minutes or 20.0)
    left = budget - spent - cost.ready - after
    epochs = min(MOST_EPOCHS, max(1, int(SLACK * left / epoch)))
    why = (
        f"a step takes {cost.step:.2f} s here, an epoch {epoch:.0f} s with validation; "
        f"{budget / 60:g} minutes leave {max(0.0, left) / 60:.1f} for epochs"
    )
    plan = rules.with_steps(plan, facts, epochs, why)
    fit = replace(plan.settings.fit, minutes=round(1.1 * max(left, epoch) / 60, 2))
    settings = replace(plan.settings, fit=fit, formats=FORMATS)
    return Planned(settings, plan.choices, facts, cost, epoch, after)


def _seconds(
    settings: Config, facts: Fingerprint, cost: machine.Cost
) -> tuple[float, float]:
    """Of an epoch with its validation, and of all that follows the training."""
    steps = max(1, round(facts.train / settings.data.batch))
    training = steps * cost.step
    images = facts.val
    if facts.depth:
        images *= volume_rules.patches(facts, settings.data.crop)
    validation = images * cost.image
    settling = min(0.25 * training, 192 * cost.image)
    after = AFTER + ARTEFACTS * validation
    return training + validation + settling, after
