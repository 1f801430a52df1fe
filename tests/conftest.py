"""Quiet, deterministic tests on whatever backend KERAS_BACKEND names."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import contextlib
import shutil

import hypothesis
import numpy as np
import pytest

# A machine that is busy beside the tests is not what they look for.
hypothesis.settings.register_profile("kerasseg", deadline=None)
hypothesis.settings.load_profile("kerasseg")


# The imports make a million objects that stay. To look through them for garbage takes a
# fifth of a second each time: a tenth of the whole run.
gc.disable()


def pytest_collection_finish():
    """All is imported: from here on only what the tests make is looked through."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@contextlib.contextmanager
def said_into(file):
    """Keeps what is printed, for tests/test_columns.py."""
    with file.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        yield


@pytest.fixture(scope="session")
def shared_records(tmp_path_factory):
    """Ten tiny scenes for training, five for validation. Read only: copy to change."""
    import walk

    folder = tmp_path_factory.mktemp("shared")
    with said_into(folder / "said.txt"):
        return walk.records(folder / "records")


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory, shared_records):
    """One finished run of `walk.trained`, exported in float32. Read only."""
    import walk

    folder = tmp_path_factory.mktemp("shared")
    with said_into(folder / "said.txt"):
        policy = {"augment__policy": "road", "fit__ema": "0.9"}
        return walk.trained(shared_records, folder / "runs", **policy)


@pytest.fixture
def own_run(tmp_path, shared_run):
    """A copy of the finished run, for tests that change it."""
    return shutil.copytree(shared_run, tmp_path / "own" / shared_run.name)


@pytest.fixture(scope="session")
def tiny_network():
    """`tiny.network()`. Read only."""
    import tiny

    return tiny.network()


@pytest.fixture(scope="session")
def tiny_litert(tiny_network):
    """Its float32 LiteRT file before `conversion.finish`, bytes."""
    from kerasseg.export.litert import conversion

    return conversion.convert(tiny_network)


@pytest.fixture(scope="session")
def tiny_saved_model(tiny_network, tmp_path_factory):
    """Its SavedModel, version 1 of the model "street". Read only."""
    import tiny

    from kerasseg.export.saved_model import signatures

    path = tmp_path_factory.mktemp("tiny") / "street" / "1"
    return signatures.write(tiny_network, path, tiny.TAXONOMY, name="street")


@pytest.fixture(scope="session")
def tiny_tiled(tiny_network, tmp_path_factory):
    """The same that cuts larger pictures into tiles and asks the mirror image too."""
    import tiny

    from kerasseg.export.saved_model import signatures

    path = tmp_path_factory.mktemp("tiny") / "tiled" / "1"
    return signatures.write(tiny_network, path, tiny.TAXONOMY, overlap=8, flip=True)


@pytest.fixture(scope="session")
def volume_records(tmp_path_factory):
    """`volume_runs.records`. Read only."""
    import volume_runs

    return volume_runs.records(tmp_path_factory.mktemp("volumes") / "records")


@pytest.fixture(scope="session")
def volume_run(tmp_path_factory, volume_records):
    """`volume_runs.run` over them. Read only: copy to change."""
    import volume_runs

    return volume_runs.run(
        tmp_path_factory.mktemp("volumes") / "blur-1", volume_records
    )
