"""`python -m kerasseg.export RUN`: files for servers and devices, scored again.

Exit code 3: a file broke a limit of the gate and was put into RUN/export/rejected.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path

from kerasseg import runs
from kerasseg.console import command, flags, say
from kerasseg.data.damage import naming_damage
from kerasseg.export.run import Export, export_run


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Export, argv, prog="python -m kerasseg.export")
    run = runs.asked_for(asked.run)
    data = runs.settings_for(run, asked.records).data
    if asked.gate and not asked.records and not Path(data.records).is_dir():
        say(
            f"The records of the training, {data.records}, are not here: the files are "
            "not scored, as with --no-gate. --records FOLDER scores them."
        )
        asked = dataclasses.replace(asked, gate=False)
    with naming_damage(data.records) if asked.gate else contextlib.nullcontext():
        rows = export_run(run, data.records, asked.split or data.val, asked)
    if not all(row["passed"] for row in rows):
        sys.exit(3)


if __name__ == "__main__":
    main()
