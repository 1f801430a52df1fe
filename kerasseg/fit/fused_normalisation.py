"""Many passes over the pixels made one, for training on a CPU with TensorFlow.

Keras 3 computes batch normalisation as separate means, products and sums: almost half
of the time of a MobileNet-like training step on a CPU. TensorFlow's fused kernel does
the same in one. The network that is saved and exported keeps its stock layers; only the
copy that is trained is built with these. Augmentation is compiled by XLA.
"""

import functools

import keras
from keras import layers, ops

from kerasseg import augment


def augmentation(policy, size):
    """`augment.apply` for one policy and size: (image, label, numbers, instance=None).

    TensorFlow runs it through XLA even on a CPU, also inside a step that is not: small
    operations on every pixel, fused into few loops, take about a third of the time.
    (Convolutions are what XLA slows down there.) Other backends compile whole steps.
    """
    move = functools.partial(_augmented, policy, tuple(size))
    if keras.backend.backend() != "tensorflow":
        return move
    import tensorflow as tf

    return tf.function(move, jit_compile=True, autograph=False)


def fused(network: keras.Model) -> keras.Model:
    """A copy of a functional network with the same weights, in the same order, whose
    batch normalisations over channels use the fused kernel in training."""
    copy = keras.models.clone_model(network, clone_function=_clone)
    copy.set_weights(network.get_weights())
    return copy


def _clone(layer):
    plain = type(layer) is layers.BatchNormalization
    if plain and layer.scale and layer.center and layer.axis in (-1, 3):
        return FusedBatchNormalization.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())


class FusedBatchNormalization(layers.BatchNormalization):
    """Equal to BatchNormalization to rounding, on (B, H, W, C).

    In mixed precision the maps stay in 16 bits, with float32 statistics; Keras' own
    turns them to float32 and back.
    """

    def call(self, inputs, training=None, mask=None):
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
        # The kernel gives the variance of a sample, n / (n - 1); Keras keeps 1 / n.
        count = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        variance = variance * (count - 1.0) / count
        for moving, now in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return outputs


def _augmented(policy, size, image, label, numbers, instance=None):
    return augment.apply(image, label, numbers, policy, size, instance)
