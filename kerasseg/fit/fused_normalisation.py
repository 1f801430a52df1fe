"""Batch normalisation in one kernel, on a CPU.

Keras 3 computes batch normalisation as separate means, products and sums: almost half
of the time of a MobileNet-like training step on a CPU. TensorFlow's fused kernel does
the same in one pass over the pixels. The network that is saved and exported keeps its
stock layers; only the copy that is trained is built with these.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from kerasseg.taxonomy import Tensor


def fused(network: keras.Model) -> keras.Model:
    """A copy of a functional network with the same weights, in the same order, whose
    batch normalisations over channels use the fused kernel in training."""
    copy = keras.models.clone_model(network, clone_function=_clone)
    copy.set_weights(network.get_weights())
    return copy


def can_be_fused(layer: keras.layers.Layer) -> bool:
    """Whether the layer is Keras' own batch normalisation over channels, with scale and
    offset."""
    plain = type(layer) is layers.BatchNormalization
    return plain and layer.scale and layer.center and layer.axis in (-1, 3)


def _clone(layer):
    kind = FusedBatchNormalization if can_be_fused(layer) else type(layer)
    return kind.from_config(layer.get_config())


class FusedBatchNormalization(layers.BatchNormalization):
    """Equal to BatchNormalization to rounding, on (B, H, W, C).

    In mixed precision the maps stay in 16 bits, with float32 statistics; Keras' own
    turns them to float32 and back.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        fuses = training and self.trainable and not self.synchronized
        if not (fuses and len(inputs.shape) == 4):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=ops.convert_to_tensor(self.gamma),
            offset=ops.convert_to_tensor(self.beta),
            mean=tf.zeros((0,)),
            variance=tf.zeros((0,)),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel gives the variance of a sample, divided by n - 1; Keras keeps that
        # of all pixels, divided by n.
        count = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        variance = variance * (count - 1.0) / count
        for moving, now in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return outputs
