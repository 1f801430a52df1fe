"""`python -m kerasseg.adjust RUN`: shifts class logits for the best validation mIoU.

Class weights in the loss help rare classes to be learnt, and then the network predicts
them too often: the best mean IoU asks for another balance. Here one number for each
class is added to the logits (as in Menon et al. 2021, arXiv 2007.07314, who derive it
from the class frequencies). Coordinate ascent on the mIoU of the validation split finds
it, and it goes into the bias of the network's last convolution: prediction is as fast
as before.

Where classes overlap each class is a question of its own, so its number is a threshold,
and the best one is found exactly. Added to the bias, it makes 0.5 the threshold.

A few numbers hardly overfit, and that is measured: each half of the split is scored
with the bias found on the other half. The new run is written only if that gains; where
classes overlap, each class is moved only if that gains for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, flags, say, start_tensorflow
from kerasseg.data.damage import naming_damage
from kerasseg.data.format.joined import trains_on
from kerasseg.files import atomic
from kerasseg.runs import report
from kerasseg.runs.class_bias import FILE, searched, thresholds_said
from kerasseg.runs.score_table import table
from kerasseg.runs.scores import evaluate, require_classes


@dataclass(frozen=True)
class Adjust:
    """Shift class logits for the best mIoU on the validation split, into a new run."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Records to score on; empty: those of the training."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Adjust, argv, prog="python -m kerasseg.adjust")
    run = runs.asked_for(asked.run)
    records = runs.settings_for(run, asked.records).data.records
    with naming_damage(records):
        adjust(run, asked.records)


def adjust(run: Path, records: str = "") -> Path:
    """Writes the run RUN-adjusted-N and returns its folder.

    records: those to search and score on; empty: those of the training.

    Raises UserError when no bias gains on the half of the split that it was not found
    on, when the split has a single image, and for a network that does not end in a
    convolution with a bias.
    """
    start_tensorflow()
    from kerasseg.data.records import describe

    runs.refuse_volumes(run, "adjust")
    network, settings = runs.load(run), runs.settings_for(run, records)
    data, taxonomy = settings.data, runs.taxonomy(run)
    if trains_on(data.train, data.val) and not records:
        raise UserError(
            f"Run {run} was trained on the split '{data.val}' ('{data.train}'), where "
            "the balance would be looked for. Name records of other images with "
            "--records."
        )
    names = taxonomy.names
    described = describe(data.records)
    runs.require_kind(run, data.records, described.image_format)
    require_classes(run, data.records, described.taxonomy)

    gain = searched(network, taxonomy, data.records, data.val)
    say(f"mIoU of the halves of '{data.val}': {gain}")
    if not gain.helps:
        raise UserError(
            f"Nothing to gain for {run}: no class bias raises the mIoU on the other "
            f"half of the split '{data.val}'. No run was written."
        )
    if not taxonomy.exclusive:
        print(thresholds_said(gain.bias, names))

    out = runs.derive(run, "adjusted", settings)
    atomic.write_json(out / FILE, gain.apply(names))
    runs.save(network, out / "network.keras")

    result = evaluate(out, data.records, data.val, out, data.batch)
    print(table(result, names))
    report.write(out)
    print(f"Written: {out}")
    return out


if __name__ == "__main__":
    main()
