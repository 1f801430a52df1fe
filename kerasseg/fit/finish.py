"""What follows a training: the best network scored, exported and reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def finish(run: Path, records, split: str, batch: int, exports: bool) -> None:
    """Writes metrics.json, pictures, with `exports` export/, and report.html of RUN.

    They need TensorFlow. Where another backend trained, a process of its own does it,
    on the CPU: the GPU's memory is taken.
    """
    import keras

    from kerasseg.runs import report, scores

    if keras.backend.backend() == "tensorflow":
        from kerasseg import runs
        from kerasseg.export.run import export

        result = scores.evaluate(run, records, split, run, batch)
        print(scores.table(result, runs.taxonomy(run).names))
        if exports:
            export(run, records, split)
    else:
        _command("evaluate", str(run), "--batch", str(batch))
        if exports:
            _command("export", str(run), "--formats", "saved_model", "float32")
    report.write(run)


def _command(name: str, *words: str) -> None:
    own = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", f"kerasseg.{name}", *words]
    sys.stdout.flush()
    subprocess.run(command, env=os.environ | own, check=True)
