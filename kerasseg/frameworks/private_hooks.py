"""Every private name of Keras and TensorFlow that kerasseg uses, in one place.

A release may rename or drop any of them, so pyproject.toml bounds both from above. To
upgrade: raise the bound, run tests/frameworks/test_private_hooks.py, which names each
hook that is gone, and adapt this file.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.saving import saving_lib, serialization_lib

# ---- Graph of a functional network ---------------------------------------------------


def nodes_by_depth(network: keras.Model) -> dict[int, list[Any]]:
    """The nodes of a functional network: distance to its outputs -> calls of layers.

    A node has `operation`, `input_tensors`, `output_tensors`, `parent_nodes`,
    `arguments` and `is_input`.
    """
    return network._nodes_by_depth


def inbound_nodes(operation: keras.Operation) -> list[Any]:
    """The nodes, as in `nodes_by_depth`, in which a layer or operation was called."""
    return operation._inbound_nodes


# ---- Variables without memory --------------------------------------------------------


@contextlib.contextmanager
def forgetting_variables() -> Iterator[list[Any]]:
    """The list that variables join which are made in a `keras.StatelessScope`. With the
    block Keras forgets them; else the end of the next scope would give them memory."""
    name = "uninitialized_variables"
    before = global_state.get_global_attribute(name)
    made: list[Any] = []
    global_state.set_global_attribute(name, made)
    try:
        yield made
    finally:
        global_state.set_global_attribute(name, before or [])


# ---- Saved networks ------------------------------------------------------------------


def sharing_objects() -> contextlib.AbstractContextManager[Any]:
    """In the block a layer that two networks of one configuration share is made once,
    as when a file is opened."""
    return serialization_lib.ObjectSharingScope()


def network_bytes(network: keras.Model) -> bytes:
    """What `network.save` would write to a .keras file."""
    file = io.BytesIO()
    saving_lib.save_model(network, file)
    return file.getvalue()


def weights_bytes(model: keras.Model) -> io.BytesIO:
    """What `model.save_weights` would write to a file .weights.h5: weights, optimizer
    and random states."""
    file = io.BytesIO()
    store = saving_lib.H5IOStore(file, mode="w")
    saving_lib._save_state(
        model,
        weights_store=store,
        assets_store=None,
        inner_path="",
        visited_saveables=set(),
    )
    store.close()
    return file


# ---- Optimizers ----------------------------------------------------------------------


def moving_averages(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """The running means of the trainable variables, in their order; the optimizer must
    keep them (`use_ema=True`)."""
    return optimizer._model_variables_moving_average


def without_all_reduce(optimizer: keras.optimizers.Optimizer) -> None:
    """Tells an optimizer that its gradients are already sums over all replicas."""
    optimizer._all_reduce_sum_gradients = list


class UpdateStep:
    """Mixin before an optimizer class: override `update_all`."""

    def update_all(self, gradients: list, variables: list, learning_rate: Any) -> None:
        """Changes the variables by their gradients, as the optimizer's rule says."""
        super()._backend_update_step(gradients, variables, learning_rate)  # type: ignore[misc]

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        self.update_all(grads, trainable_variables, learning_rate)


class WarmAverage:
    """Mixin before an optimizer class with `use_ema`: the running mean of the weights
    spans a tenth of the steps so far until it spans what `ema_momentum` says."""

    def _update_model_variables_moving_average(self, trainable_variables):
        decay, steps = self.ema_momentum, keras.ops.cast(self.iterations, "float32")
        self.ema_momentum = keras.ops.minimum(decay, (1 + steps) / (10 + steps))
        try:
            super()._update_model_variables_moving_average(trainable_variables)  # type: ignore[misc]
        finally:
            self.ema_momentum = decay


class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras' own: override `apply_finite`."""

    def apply_finite(self, gradients: list, variables: list) -> None:
        """Divides the gradients, which are finite, by the loss scale and applies them;
        counts them, and doubles the scale after enough of them."""
        super()._stateful_handle_finite_grads(gradients, variables)

    def _stateful_handle_finite_grads(self, grads, trainable_variables):
        self.apply_finite(grads, trainable_variables)


# ---- Batch normalisation -------------------------------------------------------------


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' own: override `moments`."""

    def moments(self, inputs: Any, axes: list[int]) -> tuple[Any, Any]:
        """Mean and variance (C,) over the axes that are not channels."""
        mean, variance = keras.ops.moments(inputs, axes=axes)  # type: ignore[misc]
        return mean, variance

    def _moments(self, inputs, mask):
        return self.moments(inputs, self._reduction_axes or [])


# ---- TensorFlow's LiteRT converter ---------------------------------------------------


def tflite_convert() -> ModuleType:
    """The module whose `ConverterError` TFLiteConverter raises."""
    from tensorflow.lite.python import convert

    return convert


def quantization_debugger() -> tuple[type, type]:
    """The classes QuantizationDebugger and QuantizationDebugOptions, which TensorFlow
    calls experimental."""
    import tensorflow as tf

    names = tf.lite.experimental
    return names.QuantizationDebugger, names.QuantizationDebugOptions
