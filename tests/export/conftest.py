"""No test measures how fast anything is."""

import pytest

from kerasseg.export import latency


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch):
    """`latency.measure` runs a network five times instead of for seconds."""
    monkeypatch.setattr(latency, "SECONDS", 0)


@pytest.fixture(scope="session")
def served(tiny_saved_model):
    """The SavedModel of the tiny network, loaded."""
    import tensorflow as tf

    return tf.saved_model.load(str(tiny_saved_model))


@pytest.fixture(autouse=True)
def no_accelerator(monkeypatch):
    """No test waits for a GPU but those that ask for it."""
    from kerasseg.export.litert import gpu

    monkeypatch.setattr(gpu, "adapter", lambda: "")
