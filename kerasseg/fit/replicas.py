"""A step on several devices of one host with TensorFlow, equal to the step on one.

Each device has a replica of the network and an equal share of the batch. What looks at
the batch as a whole is done over all of it: losses, whose denominators and regions span
the batch, batch normalisation, dropout, the norm of the gradient and its clipping.
(JAX needs none of this: there a step is written for the batch, and split by XLA.)
"""

from __future__ import annotations

import contextlib

import keras
import numpy as np
from keras import layers, ops


def context():
    """TensorFlow's context of the replica that runs here; None where there is one."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    found = tf.distribute.get_replica_context()
    return found if found and found.num_replicas_in_sync > 1 else None


def count() -> int:
    """Replicas of what is built now."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def of_all(values: dict) -> dict:
    """Tensors (b, ...) of this replica -> (B, ...) of all, in the order of the batch.

    A loss computed from them in each replica counts as many times as there are
    replicas, so it has to be divided by `count`.
    """
    here = context()
    if here is None:
        return values
    import tensorflow as tf

    @tf.custom_gradient
    def gather(value):
        def gradient(upstream):
            # All replicas would send the same: no need to hear it from them.
            return here.num_replicas_in_sync * _own(upstream, here)

        return here.all_gather(value, axis=0), gradient

    return {
        # Collectives know no integers of 8 bits.
        name: gather(value if value.dtype.is_floating else tf.cast(value, tf.int32))
        for name, value in values.items()
    }


def summed(gradients: list) -> list:
    """Gradients added up over replicas; None stays None."""
    here = context()
    if here is None:
        return gradients
    import tensorflow as tf

    known = [gradient for gradient in gradients if gradient is not None]
    known = iter(here.all_reduce(tf.distribute.ReduceOp.SUM, known))
    return [None if gradient is None else next(known) for gradient in gradients]


@contextlib.contextmanager
def alone():
    """Context of work that this process does on one device, between its steps."""
    found = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(found)


def joined(batch: dict) -> dict:
    """A batch that was dealt out to devices, as whole tensors, in its order; of one
    that was dealt out to hosts, the part of this one."""

    def whole(value):
        if hasattr(value, "addressable_shards"):  # JAX
            parts = sorted(value.addressable_shards, key=lambda part: part.device.id)
            return np.concatenate([part.data for part in parts])
        # TensorFlow's PerReplica
        return ops.concatenate(value.values) if hasattr(value, "values") else value

    return {name: whole(value) for name, value in batch.items()}


def synchronised(network: keras.Model) -> keras.Model:
    """A copy of a functional network with the same weights and random states, in the
    same order, that normalises and drops out over the batch of all replicas.

    What is saved and exported is a network of stock layers, this copy is trained.
    """
    copy = keras.models.clone_model(network, clone_function=_clone)
    for ours, theirs in zip(copy.variables, network.variables, strict=True):
        ours.assign(theirs)
    return copy


def _clone(layer):
    config, kind = layer.get_config(), type(layer)
    if isinstance(layer, layers.BatchNormalization):
        config["synchronized"] = True
        kind = _with(_Normalised, kind)
    elif kind is layers.Dropout:
        kind = _with(_Dropped, kind)
    return kind.from_config(config)


def _with(mixin, kind):
    # Named as the layer it replaces, because a saved state names classes.
    return type(kind.__name__, (mixin, kind), {})


class _Normalised:
    """Batch normalisation with the statistics of all replicas.

    The variance is that around the common mean: Keras' own, a difference of two means
    of squares, loses digits.
    """

    def _moments(self, inputs, mask):
        axes, here = self._reduction_axes, context()
        if here is None:
            return ops.moments(inputs, axes=axes)
        mean = here.all_reduce("MEAN", ops.mean(inputs, axis=axes))
        distance = ops.square(inputs - ops.stop_gradient(mean))
        return mean, here.all_reduce("MEAN", ops.mean(distance, axis=axes))


class _Dropped:
    """Drops what one device would drop: each replica draws for all, takes its rows."""

    def call(self, inputs, training=False):
        here = context()
        if here is None or not training or self.rate == 0:
            return super().call(inputs, training=training)
        rows, *rest = ops.shape(inputs)
        every = ops.ones((here.num_replicas_in_sync * rows, *rest), inputs.dtype)
        return inputs * _own(super().call(every, training=True), here)


def _own(values, here):
    """The rows of this replica among those of all."""
    rows = ops.shape(values)[0] // here.num_replicas_in_sync
    begin = here.replica_id_in_sync_group * rows
    return values[begin : begin + rows]
