"""A step on several devices of one host with TensorFlow, equal to the step on one.

Each device has a replica of the network and an equal share of the batch. What looks at
the batch as a whole is computed over all of it: losses, whose denominators and regions
span the batch, batch normalisation, dropout, the norm of the gradient and its clipping.
(JAX needs none of this: there a step is written for the batch, and split by XLA.)

b: images of one replica; B: images of the batch; N: replicas, B = N b.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasseg.frameworks.private_hooks import BatchNormalization
from kerasseg.taxonomy import Tensor


def context() -> Any:
    """TensorFlow's context of the replica that runs here; None where there is one."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    found = tf.distribute.get_replica_context()
    return found if found and found.num_replicas_in_sync > 1 else None


def count() -> int:
    """Number of replicas of a network that is built here."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def gather(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors (b, ...) of this replica -> (B, ...) of all, in the order of the batch.

    Each replica then computes the same loss, so N equal losses are added up: divide the
    loss by N.
    """
    here = context()
    if here is None:
        return values
    import tensorflow as tf

    @tf.custom_gradient
    def gathered(value):
        def gradient(upstream):
            # All replicas would send the same gradient: no need to exchange it.
            return here.num_replicas_in_sync * rows_of_this_replica(upstream, here)

        return here.all_gather(value, axis=0), gradient

    found = {
        # Collective operations do not take integers of 8 bits.
        name: gathered(value if value.dtype.is_floating else tf.cast(value, tf.int32))
        for name, value in values.items()
    }
    for name, value in values.items():  # the losses tell ids from one-hot by shapes
        found[name].set_shape((None, *value.shape[1:]))
    return found


def all_reduce(gradients: list[Tensor | None]) -> list[Tensor | None]:
    """Gradients added up over the replicas; None stays None."""
    here = context()
    if here is None:
        return gradients
    import tensorflow as tf

    known = [gradient for gradient in gradients if gradient is not None]
    known = iter(here.all_reduce(tf.distribute.ReduceOp.SUM, known))
    return [None if gradient is None else next(known) for gradient in gradients]


@contextlib.contextmanager
def single_device() -> Iterator[None]:
    """Context of work that this process does on one device, between its steps."""
    found = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(found)


def to_host(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch that was dealt out to the devices of this host as whole tensors, in its
    order. Of a batch dealt out to several hosts, the part of this one."""

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

    The copy is trained; what is saved and exported is the network of stock layers.
    """
    copy = keras.models.clone_model(network, clone_function=_clone)
    for ours, theirs in zip(copy.variables, network.variables, strict=True):
        ours.assign(theirs)
    return copy


def _clone(layer):
    config, kind = layer.get_config(), type(layer)
    if isinstance(layer, layers.BatchNormalization):
        config["synchronized"] = True
        kind = SynchronisedBatchNormalization
    elif kind is layers.Dropout:
        kind = SynchronisedDropout
    return kind.from_config(config)


class SynchronisedBatchNormalization(BatchNormalization):
    """Batch normalisation with the statistics of the batch of all replicas.

    The variance is that around the common mean: Keras' own, a difference of two means
    of squares, loses digits.
    """

    def moments(self, inputs: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) over all replicas."""
        here = context()
        if here is None:
            return super().moments(inputs, axes)
        mean = here.all_reduce("MEAN", ops.mean(inputs, axis=axes))
        distance = ops.square(inputs - ops.stop_gradient(mean))
        return mean, here.all_reduce("MEAN", ops.mean(distance, axis=axes))


class SynchronisedDropout(layers.Dropout):
    """Drops what one device would drop: each replica draws for all images and takes its
    own rows."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        here = context()
        if here is None or not training or self.rate == 0:
            return super().call(inputs, training=training)
        shape: Any = ops.shape(inputs)
        rows, *rest = shape
        every = ops.ones((here.num_replicas_in_sync * rows, *rest), inputs.dtype)
        dropped = super().call(every, training=True)
        return inputs * rows_of_this_replica(dropped, here)


def rows_of_this_replica(values: Tensor, here: Any) -> Tensor:
    """(B, ...) -> (b, ...): those of the replica whose context is `here`."""
    shape: Any = ops.shape(values)
    rows = shape[0] // here.num_replicas_in_sync
    begin = here.replica_id_in_sync_group * rows
    return values[begin : begin + rows]
