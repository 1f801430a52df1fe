"""`python -m kerasseg.records verify FOLDER`: checks that records are undamaged.

Exit code 0: every shard and sample is right. 2: one is not, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from kerasseg.console import command, flags, start_tensorflow


@dataclass(frozen=True)
class Settings:
    """Checks size and SHA-256 of each shard, and decodes and checks each sample."""

    action: Annotated[Literal["verify"], tyro.conf.Positional]
    """verify: name the first shard and record that is damaged, if there is one."""
    records: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder of records."""


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Settings, argv, prog="python -m kerasseg.records")
    start_tensorflow()
    from kerasseg.data import records
    from kerasseg.data.format.description import images_line

    description = records.verify(asked.records)
    print(images_line(description.image_format))
    for split, known in description.splits.items():
        megabytes = sum(shard.bytes for shard in known.shards) / 1e6
        left_out = f", {len(known.left_out)} left out" if known.left_out else ""
        print(
            f"{split}: {known.samples} samples in {len(known.shards)} shards, "
            f"{megabytes:.1f} MB: right{left_out}"
        )


if __name__ == "__main__":
    main()
