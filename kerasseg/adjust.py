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

A network that was trained on the validation images as well has none left to find the
balance on: `--balance` gives it that of the run that was not.

`--statistics` first estimates the statistics of batch normalisation again, as `train`
does. Earlier versions of it took them from whole images also where the network trained
on crops, which moves the border between classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, flags, say, start_tensorflow
from kerasseg.console.flags import COUNT_OR_0
from kerasseg.data.damage import naming_damage
from kerasseg.data.format.joined import trains_on
from kerasseg.files import atomic
from kerasseg.runs import class_bias, report
from kerasseg.runs.score_table import table
from kerasseg.runs.scores import evaluate, require_classes


@dataclass(frozen=True)
class Adjust:
    """Shift class logits for the best mIoU on the validation split, into a new run."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Records to score on; empty: those of the training."""
    balance: str = ""
    """Run that adjust has written: its balance is taken, and none looked for. For a
    network that was trained on the validation images too."""
    statistics: Annotated[int, COUNT_OR_0] = 0
    """Images of the training split, cropped and augmented as in training, on which the
    statistics of batch normalisation are estimated again first; 0: they stay."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Adjust, argv, prog="python -m kerasseg.adjust")
    run = runs.asked_for(asked.run)
    records = runs.settings_for(run, asked.records).data.records
    with naming_damage(records):
        adjust(run, asked.records, asked.balance, asked.statistics)


def adjust(
    run: Path, records: str = "", balance: str = "", statistics: int = 0
) -> Path:
    """Writes the run RUN-adjusted-N and returns its folder.

    records: those to search and score on; empty: those of the training. balance: a run
    whose balance is taken instead. statistics: images that the statistics of batch
    normalisation are estimated on first; then the run is written also where no bias
    gains.

    Raises UserError when no bias gains on the half of the split that it was not found
    on, when the split has a single image, and for a network that does not end in a
    convolution with a bias; with `balance` when that run has none, or other classes.
    """
    runs.refuse_volumes(run, "adjust")
    settings, taxonomy = runs.settings_for(run, records), runs.taxonomy(run)
    data, names = settings.data, taxonomy.names
    if trains_on(data.train, data.val) and not (records or balance):
        raise UserError(
            f"Run {run} was trained on the split '{data.val}' ('{data.train}'), where "
            "the balance would be looked for. Name records of other images with "
            "--records, or a run that adjust has written with --balance."
        )
    until_now = class_bias.bias_of(run, names)
    if balance and until_now.any():
        raise UserError(
            f"--balance {balance}: the classes of {run} are balanced already "
            f"({class_bias.FILE}), and this would come on top. Name the run that it "
            "was made of."
        )
    other = class_bias.found_for(runs.asked_for(balance), names) if balance else {}
    start_tensorflow()
    from kerasseg.data.records import describe

    network = runs.load(run)
    described = describe(data.records)
    runs.require_kind(run, data.records, described.image_format)
    require_classes(run, data.records, described.taxonomy)

    if statistics:
        from kerasseg.fit import settling

        settling.again(settings, network, statistics)
    if other:
        gain = class_bias.taken(network, other)
    else:
        gain = class_bias.searched(network, taxonomy, data.records, data.val)
        say(f"mIoU of the halves of '{data.val}': {gain}")
        if not (gain.helps or statistics):
            raise UserError(
                f"Nothing to gain for {run}: no class bias raises the mIoU on the "
                f"other half of the split '{data.val}'. No run was written."
            )
    if not taxonomy.exclusive:
        print(class_bias.thresholds_said(gain.bias, names))

    out = runs.derive(run, "adjusted", settings)
    atomic.write_json(out / class_bias.FILE, gain.apply(names, until_now))
    runs.save(network, out / "network.keras")

    result = evaluate(out, data.records, data.val, out, data.batch)
    print(table(result, names))
    report.write(out)
    if not records:
        say(_compared(run, data.val, result))
    print(f"Written: {out}")
    return out


def _compared(run: Path, split: str, result: dict[str, Any]) -> str:
    """What the run scored on a split of its records before, beside what it does now:
    `result` of `evaluate`."""
    file = run / "metrics.json"
    if not file.is_file():
        return f"{run} has no metrics.json to compare with."
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["split"] != split:
        return f"{file} is of the split '{kept['split']}', not to be compared."
    now = result["miou"]
    said = f"mIoU on '{split}': {kept['miou']:.4f} before, {now:.4f} now."
    worse = now < kept["miou"] and "trained_on" not in result
    return said + (f" {run} was better: keep it." if worse else "")


if __name__ == "__main__":
    main()
