"""`python -m kerasseg.export RUN`: SavedModel and LiteRT files, scored again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import tyro

from kerasseg import runs
from kerasseg.command import command
from kerasseg.quiet import start_tensorflow


@dataclass(frozen=True)
class Export:
    """Write SavedModel and LiteRT files of a run and score them against the network."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    records: str = ""
    """Records to score on; empty: those of the training."""
    split: str = ""
    """Split to score on; empty: the run's validation split."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Export, args=argv, prog="python -m kerasseg.export")
    run = Path(asked.run) if asked.run else runs.newest()
    settings = runs.settings(run)
    records = asked.records or settings.data.records or run / "records"
    export(run, records, asked.split or settings.data.val)


def export(run: Path, records, split: str) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite and gate.json; prints the table.

    Artefacts that fail the gate are kept in RUN/export/rejected and a ValueError says
    which limit was broken.
    """
    start_tensorflow()
    from kerasseg.data import pipeline
    from kerasseg.export import gate, litert, saved_model
    from kerasseg.inference import network_size

    network = runs.load(run)
    folder = run / "export"
    # "1" is the version folder that TF Serving looks for under its base path.
    served = saved_model.write(network, folder / "1")
    lite = litert.write(network, folder / "model.tflite")
    size = network_size(network)
    batches = pipeline.batches(records, split, batch_size=8, size=size)
    rows = gate.check(network, served, lite, batches, folder)
    print(gate.table(rows))
    failed = [row for row in rows if not row["passed"]]
    if failed:
        rejected = folder / "rejected"
        shutil.rmtree(rejected, ignore_errors=True)
        rejected.mkdir()
        for row in failed:
            (folder / row["file"]).rename(rejected / row["file"])
        names = ", ".join(row["name"] for row in failed)
        raise ValueError(
            f"{names} agrees with the network on fewer than {gate.MIN_AGREEMENT:.2%} "
            f"of the pixels of '{split}'. The files are kept in {rejected}."
        )
    print(f"Written: {served}, {lite}")


if __name__ == "__main__":
    main()
