"""Two devices of one host make the training of one: on two halves of a CPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="strategies are TensorFlow's",
    ),
]


@pytest.fixture(scope="module")
def seen(shared_records, tmp_path_factory):
    """What two_devices.py saw; devices must be split before TensorFlow starts."""
    folder = tmp_path_factory.mktemp("seen")
    env = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2"}
    script = Path(__file__).parents[1] / "two_devices.py"
    command = [sys.executable, script, shared_records, folder]
    subprocess.run(command, env=env, check=True)
    return json.loads((folder / "seen.json").read_text())


@pytest.mark.parametrize("case", ["dropout", "recomputed"])
def test_the_steps_are_those_of_one_device(seen, case):
    """Losses over the batch, weights of classes and borders, ignored pixels, clipping,
    batch normalisation."""
    found = seen[case]
    assert found["weights"] < 1e-6
    assert found["norms"] < 1e-5
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-6)
    assert found["matrix"]


def test_one_replica_that_is_not_finite_stops_all(seen):
    assert seen["not finite"] == {"calls": [1, 0], "kept": True, "finite norms": 0}


def test_what_goes_wrong_is_named(seen):
    assert seen["anomaly"]["code"] == 2
    said = r"Step \d+ went wrong: the (activation|weight|gradient) "
    assert re.search(said, seen["anomaly"]["line"])
    samples = seen["anomaly"]["line"].split("of the batch: ")[1].split(". ")[0]
    assert len(set(samples.split(", "))) == 4


def test_killed_and_gone_on_with_other_devices_is_never_killed(seen):
    """Killed with two, stopped with one, gone on with two; against one device."""
    found = seen["killed"]
    assert found["code"] == -9
    assert found["weights"] < 1e-4
    assert found["val_loss"][0] == pytest.approx(found["val_loss"][1], rel=1e-5)
    assert found["stock"]


@pytest.mark.parametrize("flags", ["devices", "batch", "accumulate"])
def test_refused(seen, flags):
    said = {
        "devices": "--fit.devices 3, but CPUs that can be used: 2",
        "batch": "--data.batch 3 cannot be dealt out equally to 2 devices",
        "accumulate": "--fit.accumulate 2 does not go together with 2 devices",
    }
    assert said[flags] in seen["refused"][flags]
