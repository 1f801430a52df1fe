"""`python -m benchmarks.planner RECORDS...`: the planner and others, for equal minutes.

Each side gets this machine alone for the same minutes, for each seed, and is scored by
one confusion matrix over the split val, each image at its own size:

plan      python -m kerasseg.train RECORDS --minutes M: planning and scoring within M
defaults  what train does without a plan: its default network and settings
sized     the same with --data.size 256 256, as in the README: the default network
          takes no other sides than multiples of 16, and no images of several sizes
recipe    a recipe made by hand, where one is named by --recipes
smp       segmentation-models-pytorch by its own example (peer/smp_recipe.py)
keras     a U-Net in thirty lines (peer/keras_unet.py)

Results are added to a file of JSON lines; what stands there is not run again, so a
table can be made in several sittings. Needs pip install torch albumentations
segmentation-models-pytorch beside kerasseg for the side smp.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from benchmarks.peer_runs import arrays_of, python
from kerasseg import UserError
from kerasseg.console import command
from kerasseg.data import records

HERE = Path(__file__).resolve().parent
SIDES = ("plan", "defaults", "sized", "recipe", "smp", "keras")
PEERS = {"smp": "smp_recipe.py", "keras": "keras_unet.py"}


@dataclass(frozen=True)
class Planner:
    """Compare the planner with other ways to train, for the same minutes."""

    records: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of records with the splits train and val, images of RGB or gray."""
    minutes: float = 5
    """For each training."""
    sides: tuple[str, ...] = SIDES
    """Which of plan, defaults, sized, recipe, smp, keras."""
    seeds: tuple[int, ...] = (0,)
    """A training for each."""
    recipes: tuple[str, ...] = ()
    """NAME=FILE.toml: the recipe made by hand for the records folder of that name."""
    results: Path = Path("planner.jsonl")
    """Gets a line for each training."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Planner, args=argv, prog="python -m benchmarks.planner")
    recipes = dict(one.split("=", 1) for one in asked.recipes)
    recipes = {name: str(Path(file).resolve()) for name, file in recipes.items()}
    done = _lines(asked.results)
    for folder in asked.records:
        for seed in asked.seeds:
            for side in asked.sides:
                key = {"set": folder.name, "seed": seed, "side": side}
                key |= {"minutes": asked.minutes}
                if side == "recipe" and folder.name not in recipes:
                    continue
                if any(key.items() <= line.items() for line in done):
                    continue
                began = time.monotonic()
                try:
                    found = _trained(side, folder, asked.minutes, seed, recipes)
                except UserError as error:  # a side may refuse what others take
                    found = {"miou": None, "about": str(error)}
                taken = {"seconds": round(time.monotonic() - began)}
                done.append(key | found | taken)
                with asked.results.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
                print(_said(done[-1]), flush=True)
    print(table(done, asked.minutes))


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.open()] if file.exists() else []


def _said(line: dict[str, Any]) -> str:
    about = f"{line['set']:12} {line['side']:9} seed {line['seed']}"
    score = "refused" if line["miou"] is None else f"mIoU {line['miou']:.4f}"
    return f"{about}  {score}  {line['seconds']} s  {line['about']}"


def _trained(
    side: str, folder: Path, minutes: float, seed: int, recipes: dict[str, str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        if side in PEERS:
            return _peer(side, folder.resolve(), minutes, seed, Path(place))
        data, out = str(folder.resolve()), ["--seed", str(seed), "--out", place]
        words = {
            "plan": [data, "--minutes", str(minutes)],
            "defaults": ["--data.records", data],
            "sized": ["--data.records", data, "--data.size", "256", "256"],
            "recipe": [recipes.get(folder.name, ""), "--data.records", data],
        }[side]
        if side != "plan":
            words += ["--fit.minutes", str(minutes)]
            words += ["--fit.epochs", "1000" if side == "recipe" else "100000"]
        script = ["-m", "kerasseg.train", *words, *out, "--no-export"]
        said = python(script, Path(place))
        (run,) = [file.parent for file in Path(place).glob("*/metrics.json")]
        kept = json.loads((run / "metrics.json").read_text())
        epochs = len((run / "log.csv").read_text().splitlines()) - 1
        summary = next((x for x in said.splitlines() if "parameters" in x), "")
        return _scored(kept["matrix"], f"{epochs} epochs; {summary[:60]}")


def _peer(
    side: str, folder: Path, minutes: float, seed: int, place: Path
) -> dict[str, Any]:
    arrays, classes = place / "arrays.npz", records.describe(folder).taxonomy
    np.savez(arrays, **arrays_of(folder, _picture))
    words = [str(arrays), str(minutes), str(classes.num_classes), str(seed)]
    told = python([str(HERE / "peer" / PEERS[side]), *words], place).splitlines()[-1]
    kept = json.loads(told)
    return _scored(kept["matrix"], f"{kept['steps']} steps")


def _picture(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise UserError("Expected records of pictures of 8 bits, RGB or gray.")
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _scored(matrix: list[list[int]], about: str) -> dict[str, Any]:
    """mIoU over the classes that occur in the labels or in the answers."""
    counts = np.array(matrix, float)
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    iou = counts.diagonal()[union > 0] / union[union > 0]
    return {"miou": round(float(iou.mean()), 5), "about": about}


def table(lines: list[dict[str, Any]], minutes: float) -> str:
    """Means over the seeds, as a table of Markdown."""
    kept = [line for line in lines if line["minutes"] == minutes]
    sets = list(dict.fromkeys(line["set"] for line in kept))
    sides = [side for side in SIDES if any(line["side"] == side for line in kept)]
    rows = [f"| set | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
    for name in sets:
        cells = []
        for side in sides:
            each = [x["miou"] for x in kept if x["set"] == name and x["side"] == side]
            scores = [one for one in each if one is not None]
            missing = "refused" if each else ""
            mean = f"{np.mean(scores):.3f} ({len(scores)})" if scores else missing
            cells.append(mean)
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
