"""`train` with Torch as the backend: a process of its own, as users start it."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import walk


@pytest.mark.processes
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs Torch")
def test_it_runs_to_its_end(shared_records, tmp_path):
    """It ended in a segmentation fault: Triton was loaded behind TensorFlow."""
    words = walk.flags(shared_records, tmp_path, fit__epochs=1)
    subprocess.run(
        [sys.executable, "-m", "kerasseg.train", *words, "--no-export"],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        check=True,
    )
    (run,) = tmp_path.iterdir()
    assert json.loads((run / "metrics.json").read_text())["samples"] == 5
    assert (run / "report.html").is_file()
