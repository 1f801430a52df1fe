"""Saved networks open without kerasseg, under every backend, and compute the same."""

import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from networks import LIKE_OTHERS, OF_ALL_KINDS, call, images, network

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="starts all three itself"
    ),
]
LOAD = """
import pathlib, sys
sys.modules["kerasseg"] = None  # importing it now fails
import keras, numpy as np
assert keras.backend.backend() == sys.argv[2]
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = keras.models.load_model(path)
    stored = np.load(path.with_suffix(".npz"))
    if sys.argv[2] == "jax":  # it would compile each operation of an eager call
        got = model.predict_on_batch(stored["image"])
    else:
        got = keras.ops.convert_to_numpy(model(stored["image"], training=False))
    error = np.abs(got - stored["logits"]).max() / max(1, np.abs(got).max())
    assert error <= 1e-4, (path.stem, error)
    print(path.stem, error)
"""


OTHERS = pytest.param(tuple(LIKE_OTHERS), marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[OF_ALL_KINDS, OTHERS], ids=["kinds", "others"])
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for name in request.param:
        model, x = network(name), images(name)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", image=x, logits=call(model, x))
    return folder


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_saved_file_opens_without_kerasseg(saved, backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(saved), backend],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == len(list(saved.glob("*.keras")))
