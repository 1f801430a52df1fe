"""Results as a Markdown table and as JSON."""

from __future__ import annotations

import statistics

from benchmarks.speed.turns import Result, ratio


def summary(result: Result) -> dict:
    """Plain values of one part: for each side the median and fastest time of an image,
    images a second, and its time as a multiple of the base's in the same rounds."""
    part, seconds = result.part, result.seconds
    sides = {}
    for name, had in seconds.items():
        median = statistics.median(had)
        sides[name] = {
            "turns": len(had),
            "median_ms_an_image": 1e3 * median / part.images,
            "fastest_ms_an_image": 1e3 * min(had) / part.images,
            "images_a_second": part.images / median,
            "note": result.notes.get(name, ""),
        }
        if part.base in seconds:
            sides[name]["times_base"] = ratio(had, seconds[part.base])
    ratios = {
        what: ratio(seconds[above], seconds[below])
        for above, below, what in part.pairs
        if above in seconds and below in seconds
    }
    return {
        "title": part.title,
        "base": part.base,
        "sides": sides,
        "ratios": ratios,
        "left_out": result.left_out,
    }


def markdown(part: dict) -> str:
    """The Markdown table of one part; part: of `summary`."""
    lines = [
        f"**{part['title']}**",
        "",
        f"| | ms an image | images/s | x {part['base']} | turns | |",
        "|---|---|---|---|---|---|",
    ]
    for name, side in part["sides"].items():
        multiple = side.get("times_base")
        shown = "" if multiple is None else f"{multiple:.2f}"
        lines.append(
            f"| {name} | {_three(side['median_ms_an_image'])} | "
            f"{_three(side['images_a_second'])} | {shown} | {side['turns']} | "
            f"{_cell(side['note'])} |"
        )
    for name, reason in part["left_out"].items():
        lines.append(f"| {name} | left out | | | | {_cell(reason)} |")
    for what, value in part["ratios"].items():
        lines += ["", f"{what}: {value:.2f}"]
    return "\n".join(lines) + "\n"


def _three(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
