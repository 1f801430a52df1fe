"""Networks are large: what a file of tests built is freed when it ends."""

import gc

import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def freed():
    yield
    keras.utils.clear_session(free_memory=True)
    gc.collect()
