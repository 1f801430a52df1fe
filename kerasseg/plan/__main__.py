"""`python -m kerasseg.plan RECORDS`: a recipe made from the facts of the data.

Writes a complete recipe, and a page with the reason of each choice beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from kerasseg import UserError
from kerasseg.console import command, flags, start_tensorflow
from kerasseg.console.flags import Number
from kerasseg.plan.page import write
from kerasseg.plan.planning import planned


@dataclass(frozen=True)
class PlanCommand:
    """Write a recipe for records, and plan.md with the reasons."""

    records: tyro.conf.Positional[Path]
    """Folder of records, as written by kerasseg.prepare."""
    out: Path = Path("plan.toml")
    """The recipe; the page has its name and ends with .md."""
    minutes: Annotated[float, Number(0, 10**6)] = 0.0
    """Budget of the whole training with scores and files; 0: twenty minutes."""
    parameters: Annotated[float, Number(0, above=True, endless=True)] = math.inf
    """The most parameters that the network may have, for instance 5e6."""
    device_ms: Annotated[float, Number(0, above=True, endless=True)] = math.inf
    """The most milliseconds that the network may take for an image, in LiteRT int8 on
    one thread of this machine: candidates are measured."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(PlanCommand, argv, prog="python -m kerasseg.plan")
    if asked.out.suffix != ".toml":
        raise UserError(f"--out must be the name of a .toml file, got {asked.out}.")
    start_tensorflow()
    found = planned(
        asked.records, asked.minutes, asked.parameters, device_ms=asked.device_ms
    )
    write(found, asked.out)
    print(f"Next: python -m kerasseg.train {asked.out}")


if __name__ == "__main__":
    main()
