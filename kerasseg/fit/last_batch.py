"""The batch of the step that ran last, kept for callbacks that look into a step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras


class LastBatch:
    """The last batch, and how many seconds the step waited for it."""

    def __init__(self) -> None:
        self.batch: Any = None
        self.waited = 0.0

    def recording(self, train_function: Callable) -> Callable:
        """The train function of Keras, taking batches one by one and noting them here.

        With JAX the function has the state as its first argument.
        """

        def step(*state_and_batches):
            *state, batches = state_and_batches
            if isinstance(batches, list):  # Torch's loop has fetched it before
                data = batches[0]
            else:
                began = time.perf_counter()
                data = next(batches)
                self.waited = time.perf_counter() - began
                batches = iter((data,))
            self.batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
            return train_function(*state, batches)

        return step
