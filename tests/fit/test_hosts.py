"""Two processes with JAX make the training of one; one is killed, and both go on."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import walk

from kerasseg import runs
from kerasseg.runs.log import read_log

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="chooses its backend itself"
    ),
]


def flags(records, out):
    # 10 samples, batches of 2: 5 steps an epoch; saved at 3 and 6, killed after 8.
    settings = {"fit__epochs": 3, "data__batch": 2, "fit__save_every": 3}
    settings |= {"fit__optimizer": "sgd", "fit__learning_rate": 0.02}
    settings |= {"fit__device": "cpu", "fit__ema": 0.9, "export": False}
    settings["model.options"] = "filters=4 depth=1 batch_norm=true dropout=0.2"
    return walk.flags(records, out, **settings)


def start(step, words, cache, **env):
    env = {
        "KERAS_BACKEND": "jax",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TF_NUM_INTRAOP_THREADS": "1",
    } | env
    script = Path(__file__).parents[1] / "two_hosts.py"
    return subprocess.Popen(
        [sys.executable, script, str(step), *words], env=os.environ | env
    )


def pair(step, words, cache) -> list[int]:
    """Exit codes of two processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    names = ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
    hosts = [
        start(
            step,
            words,
            cache,
            **{
                f"KERAS_DISTRIBUTION_{name}": value
                for name, value in zip(names, (address, "2", place), strict=True)
            },
        )
        for place in "01"
    ]
    return [host.wait(timeout=300) for host in hosts]


def test_one_is_killed_and_both_go_on_as_if_never_killed(shared_records, tmp_path):
    jaxlib = pytest.importorskip("jaxlib", reason="jax is not installed")
    if not hasattr(jaxlib._jax, "make_gloo_tcp_collectives"):
        pytest.skip("this jaxlib was built without gloo")
    cache = tmp_path / "cache"
    assert start(0, flags(shared_records, tmp_path / "whole"), cache).wait() == 0
    together = flags(shared_records, tmp_path / "together")
    first, second = pair(8, together, cache)
    assert second == -9
    assert first != 0
    (run,) = (tmp_path / "together").iterdir()
    assert (run / "state.weights.h5").exists()
    assert pair(0, together, cache) == [0, 0]

    ours, theirs = (runs.load(path) for path in (run, tmp_path / "whole" / run.name))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        # Two hosts sum in another order than one; a step moves weights by 4e-3.
        np.testing.assert_allclose(a, b, atol=1e-4)
    log, expected = (
        read_log(tmp_path / name / run.name / "log.csv")
        for name in ("together", "whole")
    )
    assert [row["epoch"] for row in log] == ["0", "1", "2"]
    for row, other in zip(log, expected, strict=True):
        assert float(row["val_loss"]) == pytest.approx(
            float(other["val_loss"]), rel=1e-4
        )
