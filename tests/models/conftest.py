"""Networks are large: what a file of tests built is freed when it ends."""

import keras
import networks
import pytest


@pytest.fixture(autouse=True, scope="module")
def freed():
    yield
    networks.network.cache_clear()
    keras.utils.clear_session(free_memory=True)
