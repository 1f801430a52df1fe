"""Gradient accumulation: one step over a batch that would not fit into memory.

The batch is split into equal parts that are worked through one after the other; the
mean of their gradients makes one update. To the optimizer, its schedule and its running
means it is one step. It equals the step over the whole batch but for what looks at a
batch as a whole: batch normalisation, the denominators of losses over regions, and the
mean over pixels where the parts differ in ignored ones.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerasseg import UserError


def train_step(trainer: Any, *arguments: Any) -> Any:
    """The training step of a Trainer with `parts` > 1.

    It takes and returns what `keras.Model.train_step` does under the same backend.
    Raises UserError where the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend not in _STEPS:
        raise UserError(
            f"--fit.accumulate {trainer.parts} needs TensorFlow or JAX; the backend is "
            f"{backend}."
        )
    *state, data = arguments
    batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
    return _STEPS[backend](trainer, *state, batch)


def _tensorflow(trainer, batch):
    import tensorflow as tf

    parts = _parted(batch, trainer.parts)
    weights = trainer.trainable_variables
    mean_loss = _mean_loss(trainer)

    def work(part, sums):
        piece = {name: value[part] for name, value in parts.items()}
        with tf.GradientTape() as tape:
            found = trainer(piece, training=True)
            loss = trainer.compute_loss(y_pred=found)
            scaled = trainer.optimizer.scale_loss(loss / trainer.parts)
        gradients = tape.gradient(
            scaled, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        mean_loss.update_state(loss, sample_weight=found["label"].shape[0])
        trainer.compute_metrics(y_pred=found)
        return part + 1, [a + b for a, b in zip(sums, gradients, strict=True)]

    _, gradients = tf.while_loop(
        lambda part, sums: part < trainer.parts,
        work,
        (0, [tf.zeros(variable.shape) for variable in weights]),
        parallel_iterations=1,
    )
    trainer.optimizer.apply(gradients, weights)
    return trainer.get_metrics_result()


def _jax(trainer, state, batch):
    import jax

    trained, others, optimizer, measured = state
    gradient = jax.value_and_grad(trainer.compute_loss_and_updates, has_aux=True)

    def work(carried, piece):
        sums, others, measured = carried
        (_, (loss, found, others, measured)), gradients = gradient(
            trained,
            others,
            measured,
            piece,
            None,
            None,
            training=True,
            optimizer_variables=optimizer,
        )
        logs, measured = _measured(trainer, measured, loss, found)
        sums = [a + b / trainer.parts for a, b in zip(sums, gradients, strict=True)]
        return (sums, others, measured), logs

    begin = [ops.zeros_like(value) for value in trained], others, measured
    parts = _parted(batch, trainer.parts)
    (gradients, others, measured), logs = jax.lax.scan(work, begin, parts)
    trained, optimizer = trainer.optimizer.stateless_apply(
        optimizer, gradients, trained
    )
    last = {name: value[-1] for name, value in logs.items()}
    return last, (trained, others, optimizer, measured)


def _measured(trainer, measured: list, loss, found) -> tuple[dict, list]:
    """The logs, and the values of the metrics' variables after a part."""
    variables = trainer.metrics_variables
    known = list(zip(variables, measured, strict=True))
    with keras.StatelessScope(state_mapping=known) as scope:
        _mean_loss(trainer).update_state(loss, sample_weight=found["label"].shape[0])
        logs = trainer.compute_metrics(y_pred=found)
    return logs, [scope.get_current_value(variable) for variable in variables]


def _mean_loss(trainer) -> keras.metrics.Metric:
    """The metric in which Keras counts the mean loss of an epoch."""
    return next(metric for metric in trainer.metrics if metric.name == "loss")


def _parted(batch: dict, parts: int) -> dict:
    """(B, ...) -> (parts, B / parts, ...)"""
    return {
        name: ops.reshape(value, (parts, value.shape[0] // parts, *value.shape[1:]))
        for name, value in batch.items()
    }


_STEPS: dict[str, Any] = {"tensorflow": _tensorflow, "jax": _jax}
