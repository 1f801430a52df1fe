"""`python -m kerasseg.evaluate RUN [--split val]`: scores, a table of images, pictures.

`evaluate_model` does the same with any Keras model, from Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, flags, say
from kerasseg.console.flags import COUNT, SIDE, Number
from kerasseg.data.damage import naming_damage
from kerasseg.fit import other_sizes
from kerasseg.inference import scales
from kerasseg.inference.scales import SCALE
from kerasseg.runs import image_table, report
from kerasseg.runs.model_scores import evaluate_model
from kerasseg.runs.score_table import table
from kerasseg.runs.scores import Surfaces, evaluate

__all__ = ["Evaluate", "evaluate_model", "main"]


@dataclass(frozen=True)
class Evaluate:
    """Score the best network of a run on a split of records."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Folder of records; empty: those of the training."""
    split: str = ""
    """Name of the split; empty: the run's validation split."""
    batch: Annotated[int, COUNT] = 8
    """Images at a time; fewer of large ones."""
    flip: bool = False
    """Average with the prediction for the mirrored image."""
    scales: Annotated[tuple[float, ...], SCALE] = ()
    """Average over these sizes of the network, such as 0.75 1 1.25; empty: its own."""
    robustness: bool = False
    """Score the images in other light, blurred, noisy and as JPEG as well, at three
    strengths each: 18 times the work."""
    crf: bool = False
    """Sharpen with a dense CRF (defaults of DeepLab v2): about a second an image."""
    trimap: Annotated[float, Number(0, SIDE)] = 0.0
    """Score pixels at most so many pixels away from a boundary of the label as well;
    0: do not. The trimap experiment of DeepLab v1, section 5."""
    surfaces: bool = False
    """Measure how far the surfaces of classes are apart: ASSD, HD95 and surface Dice
    (NSD), in pixels of the images as they are stored. Needs scipy."""
    tolerance: Annotated[float, Number(0)] = 1.0
    """With --surfaces: how far a surface may be off for the surface Dice, in the unit
    of --pixel-size."""
    pixel_size: Annotated[tuple[float, float], Number(0)] = (0.0, 0.0)
    """With --surfaces: height and width of a pixel, in mm or m; 0 0: count pixels."""
    group_by: str = ""
    """Regular expression on the samples' names, as of prepare; images of one group (its
    first one) are drawn together for the confidence interval. Empty: by the sequences
    that the records know, else by image."""
    bands: str = ""
    """Bands that the pictures show: one, or three as red, green and blue, by name or
    number from 1: nir,red,green."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Evaluate, argv, prog="python -m kerasseg.evaluate")
    surfaces = _surfaces(asked)
    scales.check(asked.scales)
    run = runs.asked_for(asked.run)
    settings = runs.settings(run)
    split = asked.split or settings.data.val
    records = asked.records or settings.data.records or run / "records"
    ways = [name for name in ("flip", "crf") if getattr(asked, name)]
    if asked.scales:
        ways.append("scales_" + "_".join(f"{scale:g}" for scale in asked.scales))
    other = bool(asked.records or asked.split or ways)
    folder = run / "-".join(["evaluation", split, *ways]) if other else run
    passes_of = other_sizes.passes_of(run, asked.scales)
    with naming_damage(records):
        result = evaluate(
            run,
            records,
            split,
            folder,
            asked.batch,
            flip=asked.flip,
            crf=asked.crf,
            trimap=asked.trimap,
            display=asked.bands,
            surfaces=surfaces,
            group_by=asked.group_by,
            passes_of=passes_of,
            robustness=asked.robustness,
        )
    if (run / report.FILE).is_file():
        report.write(run)  # it also tells of the evaluations beside it
    print(table(result, runs.taxonomy(run).names))
    say(f"Written: {folder / 'metrics.json'}, {image_table.FILE}, pictures/")


def _surfaces(asked: Evaluate) -> Surfaces | None:
    if asked.surfaces:
        return Surfaces(asked.tolerance, asked.pixel_size)
    if asked.tolerance != Evaluate.tolerance or any(asked.pixel_size):
        raise UserError(
            "--tolerance and --pixel-size are of surfaces. Say --surfaces too, or "
            "leave them out."
        )
    return None


if __name__ == "__main__":
    main()
