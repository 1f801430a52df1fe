"""Networks are large: what a file of tests built is freed when it ends."""

import gc

import keras
import networks
import pytest

# What the imports made stays: with it each collection would take most of a second.
gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def freed():
    yield
    networks.network.cache_clear()
    keras.utils.clear_session(free_memory=True)
