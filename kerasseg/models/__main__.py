"""`python -m kerasseg.models`: what each network costs and how far it sees."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from kerasseg import UserError
from kerasseg.console import command, flags, silenced
from kerasseg.console.flags import SIDE, Number

COLUMNS = ("network", "parameters", "GMAC", "MiB", "peak", "sees", "stride")
WIDTHS = (11, 5, 5, 4, 10, 6)
"""With the longest name and the blanks between them 80 columns, as a terminal has."""


@dataclass(frozen=True)
class Models:
    """List the networks: parameters, multiply-adds, memory and receptive field.

    GMAC: thousand million multiply-adds for one image. MiB: all its feature maps as
    float32, about what training keeps; peak: those alive at once in inference. sees:
    height x width in pixels on which one logit depends. stride: pixels from one logit
    to the next. A network that cannot take the size says so instead.
    """

    size: Annotated[tuple[int, ...], Number(1, SIDE)] = (360, 480)
    """Height and width of the image, pixels; depth, height and width for volumes."""
    classes: Annotated[int, Number(1, 2**16)] = 11
    """Number of classes."""
    bands: Annotated[int, Number(1, 2**16)] = 3
    """Number of bands of the image."""
    names: tuple[str, ...] = ()
    """Networks to list; none: all."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Models, argv, prog="python -m kerasseg.models")
    from kerasseg.models import MODELS

    unknown = [name for name in asked.names if name not in MODELS]
    if unknown:
        raise UserError(f"Unknown model '{unknown[0]}'. Known: {', '.join(MODELS)}.")
    if len(asked.size) not in (2, 3):
        raise UserError(
            "Expected --size with 2 or 3 positive numbers, got "
            f"{' '.join(map(str, asked.size))}."
        )
    names = asked.names or tuple(MODELS)
    width = max(map(len, names))
    print(_line(COLUMNS, width))
    for name in names:
        print(_line((name, *_row(name, asked)), width), flush=True)


def _row(name: str, asked: Models) -> tuple[str, ...]:
    """The cells after the name: its numbers, or the reason why there are none."""
    from kerasseg.models import build, function

    with silenced():
        import keras

        from kerasseg.models.analysis import cost, receptive_field

        offline = "weights" in inspect.signature(function(name)).parameters
    options: dict[str, Any] = {"weights": "none"} if offline else {}
    try:
        # No memory is taken for the weights: only their shapes count.
        with silenced(), keras.StatelessScope(initialize_variables=False):
            network = build(
                name,
                asked.classes,
                (*asked.size, asked.bands),
                **options,
            )
    except ValueError as error:
        return (_short(str(error)),)
    field = receptive_field.receptive_field(network)
    cells = (
        f"{network.count_params():,}",
        f"{cost.multiply_adds(network) / 1e9:.1f}",
        f"{cost.activation_bytes(network) / 2**20:.0f}",
        f"{cost.peak_bytes(network) / 2**20:.0f}",
        "image" if math.inf in field else "x".join(map(str, field)),
        "x".join(map(str, receptive_field.output_stride(network))),
    )
    del network
    keras.utils.clear_session(free_memory=True)
    return cells


def _short(reason: str) -> str:
    """The first sentence, on one line."""
    text = " ".join(reason.split()).split(". ")[0]
    return textwrap.shorten(text, 120, placeholder="...")


def _line(cells: Sequence[str], width: int) -> str:
    name, *others = cells
    if len(others) == 1:
        first = f"{name:{width}}  "
        return textwrap.fill(
            others[0], 80, initial_indent=first, subsequent_indent=" " * len(first)
        )
    columns = zip(others, WIDTHS, strict=True)
    return f"{name:{width}}" + "".join(f" {cell:>{w}}" for cell, w in columns)


if __name__ == "__main__":
    main()
