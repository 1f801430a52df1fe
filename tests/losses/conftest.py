"""Gradients on whatever backend runs."""

import keras
import numpy as np
import pytest


def _value_and_gradient(function, x):
    """Scalar function of one float32 array -> (float, array)."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        gradient = tape.gradient(value, x)
    elif backend == "jax":
        import jax

        value, gradient = jax.value_and_grad(function)(jax.numpy.asarray(x))
    else:
        import torch

        x = torch.tensor(x, requires_grad=True)
        value = function(x)
        value.backward()
        value, gradient = value.detach(), x.grad
    return float(value), np.array(gradient)


@pytest.fixture(scope="session")
def value_and_gradient():
    return _value_and_gradient
