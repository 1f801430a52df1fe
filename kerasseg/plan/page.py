"""plan.md: each choice, what it rests on, its rule and the alternative."""

from __future__ import annotations

from pathlib import Path

from kerasseg import config
from kerasseg.console import say
from kerasseg.files import atomic
from kerasseg.plan.planning import Planned


def page(plan: Planned, recipe: str) -> str:
    """The page in Markdown. recipe: the file of the settings, for the command."""
    facts = plan.facts
    what, unit = ("volumes", "voxels") if facts.depth else ("images", "pixels")
    size = f"{facts.height} x {facts.width}"
    if facts.depth:
        size = f"{facts.depth} x {size}"
    seen = zip(facts.names, facts.shares, facts.thickness, strict=True)
    lines = [
        f"# Plan of {plan.settings.data.records}",
        "",
        f"Train it with `python -m kerasseg.train {recipe}`. It is an ordinary recipe: "
        "change what you like.",
        "",
        "| choice | value | because | rule | instead |",
        "|---|---|---|---|---|",
        *(
            f"| {c.what} | {c.value} | {c.fact} | {c.rule} | {c.instead} |"
            for c in plan.choices
        ),
        "",
        "## The data",
        "",
        f"{facts.train} {what} to train on and {facts.val} to judge by, {size}"
        f"{'' if facts.one_size else ' (medians; they differ)'}, {facts.channels} "
        f"bands{' of 8 bits' if facts.rgb8 else ''}.",
        "",
        f"| class | share of the {unit} | width, {unit} |",
        "|---|---|---|",
        *(f"| {name} | {100 * s:.3g} % | {t:.3g} |" for name, s, t in seen),
        "",
        "## The time",
        "",
        f"Until the first step {plan.cost.ready:.0f} s, a step {plan.cost.step:.3f} s, "
        f"an epoch {plan.epoch:.0f} s, scores and files about {plan.after:.0f} s.",
    ]
    if facts.train < 20:
        lines += [
            "",
            f"{facts.train} images are few, and {facts.val} judge them: a score says "
            "little. `--fit.folds 5` trains five times, so that each image is judged "
            "once, and keeps the mean of the networks.",
        ]
    return "\n".join(lines) + "\n"


def write(plan: Planned, recipe: Path, head: str = "") -> None:
    """Writes the recipe and its page beside it, and says the choices.

    head: lines of comment that the recipe begins with.
    """
    reasons = recipe.with_suffix(".md")
    atomic.write_text(reasons, page(plan, str(recipe)))
    atomic.write_text(recipe, head + config.to_toml(plan.settings))
    for choice in plan.choices:
        say(f"{choice.what + ':':30}{choice.value}")
    print(f"Written: {recipe}, {reasons} (the reasons)", flush=True)
