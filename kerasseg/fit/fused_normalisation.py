"""Batch and instance normalisation in one kernel, on a CPU.

Keras 3 computes batch normalisation as separate means, products and sums: almost half
of the time of a MobileNet-like training step on a CPU. TensorFlow's fused kernel does
the same in one pass over the pixels, and sample by sample it is instance normalisation
(of volumes 11 ms where Keras takes 26). The network that is saved and exported keeps
its stock layers; only the copy that is trained is built with these.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerasseg.taxonomy import Tensor


def fused(network: keras.Model) -> keras.Model:
    """A copy of a functional network with the same weights, in the same order, whose
    batch and instance normalisations over channels use the fused kernel in training."""
    copy = keras.models.clone_model(network, clone_function=_clone)
    copy.set_weights(network.get_weights())
    return copy


def can_be_fused(layer: keras.layers.Layer) -> bool:
    """Whether the layer is Keras' own batch normalisation over channels, with scale and
    offset."""
    plain = type(layer) is layers.BatchNormalization
    return plain and layer.scale and layer.center and layer.axis in (-1, 3)


def is_instance(layer: keras.layers.Layer) -> bool:
    """Whether the layer, once built, is Keras' own group normalisation with a group for
    each channel, the last axis, and with scale and offset."""
    plain = type(layer) is layers.GroupNormalization and layer.axis == -1
    return (
        plain and layer.scale and layer.center and layer.groups == layer.gamma.shape[0]
    )


def _clone(layer):
    kind = type(layer)
    if can_be_fused(layer):
        kind = FusedBatchNormalization
    elif is_instance(layer):
        kind = FusedInstanceNormalization
    return kind.from_config(layer.get_config())


class FusedBatchNormalization(layers.BatchNormalization):
    """Equal to BatchNormalization to rounding, on (B, H, W, C) and (B, D, H, W, C).

    In mixed precision the maps stay in 16 bits, with float32 statistics; Keras' own
    turns them to float32 and back.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        rank = len(inputs.shape)
        fuses = training and self.trainable and not self.synchronized
        if not (fuses and rank in (4, 5) and self.axis in (-1, rank - 1)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        shape = inputs.shape if rank == 5 else None
        if shape:
            inputs = ops.reshape(inputs, (-1, shape[1] * shape[2], *shape[3:]))
        outputs, mean, variance = _fused(inputs, self)
        # The kernel gives the variance of a sample, divided by n - 1; Keras keeps that
        # of all pixels, divided by n.
        count = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        variance = variance * (count - 1.0) / count
        for moving, now in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return ops.reshape(outputs, (-1, *shape[1:])) if shape else outputs


class FusedInstanceNormalization(layers.GroupNormalization):
    """Equal to GroupNormalization with a group for each channel, to rounding, on
    (B, H, W, C) and (B, D, H, W, C) of a known B; in mixed precision as above."""

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        known = len(inputs.shape) in (4, 5) and None not in inputs.shape
        if not (training and known):
            return super().call(inputs)
        import tensorflow as tf

        outputs = []
        for sample in tf.unstack(ops.cast(inputs, self.compute_dtype)):
            flat = ops.reshape(sample, (1, -1, *sample.shape[-2:]))
            normalised, _, _ = _fused(flat, self)
            outputs.append(ops.reshape(normalised, sample.shape))
        return ops.stack(outputs)


def _fused(inputs: Tensor, layer: Any) -> tuple[Tensor, Tensor, Tensor]:
    """(B, H, W, C) normalised, its mean and its variance, divided by n - 1."""
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=ops.convert_to_tensor(layer.gamma),
        offset=ops.convert_to_tensor(layer.beta),
        mean=tf.zeros((0,)),
        variance=tf.zeros((0,)),
        epsilon=layer.epsilon,
        is_training=True,
    )
    return outputs, mean, variance
