"""Stops a training at the first NaN or Inf, and says in which layer it began."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.fit import replicas
from kerasseg.models.analysis.graph import calls


class StopAtNotFinite(keras.callbacks.Callback):
    """Raises UserError after a step whose loss or gradient is not finite.

    The optimizer (`kerasseg.fit.optimizer.Guard`) has left that update out, so the
    weights are still those before the step. With a loss scale, a gradient that
    overflows is no error: it only lowers the scale, until the right one is found.

    state: the file of the training state, for the message. samples: function from the
    number of a step, the first is 0, to the ids of its samples.
    """

    def __init__(self, state: Path, samples: Callable[[int], list[str]]):
        super().__init__()
        self.state, self.samples = state, samples

    def on_train_batch_end(self, batch, logs):
        guard = self.model.optimizer
        norms = ops.convert_to_numpy(guard.gradient_norms)
        loss = logs["loss"]
        if np.isfinite(loss) and np.isfinite(norms).all():
            return
        scale = float(ops.convert_to_numpy(guard.dynamic_scale))
        if np.isfinite(loss) and guard.loss_scale and scale >= 1:
            return
        step, _ = guard.calls()
        samples = ", ".join(self.samples(step - 1))
        rate = float(ops.convert_to_numpy(guard.learning_rate))
        clip = guard.inner_optimizer.global_clipnorm
        ways = [f"lower --fit.learning_rate (the rate was {rate:.3g})"]
        ways += [] if clip else ["set --fit.clip_norm 1.0"]
        if any(layer.compute_dtype != "float32" for layer in self.model.network.layers):
            ways.append("train with --fit.precision float32")
        kept = f"the last state saved before is kept in {self.state}"
        kept = kept if self.state.exists() else "no state was saved before it"
        raise UserError(
            f"Step {step} went wrong: {origin(self.model, norms)}. Samples of the "
            f"batch: {samples}. Its update was left out; {kept}. What to do: "
            f"{', or '.join(ways)}."
        )


def origin(trainer: Any, norms: np.ndarray) -> str:
    """Where the first value that is not finite arose in the step that ran last.

    The network runs once more on the trainer's last batch, layer by layer. If all its
    values are finite, `norms` (V,), those of the gradients, decide: the backward pass
    goes from the loss to the image, so the last variable whose norm is not finite was
    the first.
    """
    for variable in trainer.network.variables:
        statistic = variable.name.startswith("moving_")
        if not statistic and not _finite(variable.value):
            return f"the weight '{variable.path}' was not finite before it"
    batch = replicas.to_host(trainer.last_batch.batch)
    image, *_ = trainer.augmented(batch, training=True)
    if not _finite(image):
        return "the augmented image is not finite"
    network = trainer.network
    steps = calls(network)
    probe = keras.Model(network.inputs, [step.output_tensors[0] for step in steps])
    for step, value in zip(steps, probe(image, training=True), strict=True):
        if not _finite(value):
            wrong = np.mean(~np.isfinite(_host(value)))
            return (
                f"the activation of layer '{step.operation.name}' is the first that is "
                f"not finite ({100 * wrong:.3g} % of its values)"
            )
    bad = np.flatnonzero(~np.isfinite(norms))
    if len(bad) == 0:
        return "the loss is not finite, though logits and gradients are"
    path = trainer.trainable_variables[bad[-1]].path
    return (
        f"all activations are finite, the gradient of '{path}' is the first that is "
        f"not ({len(bad)} of {len(norms)} gradients)"
    )


def sample_ids(
    records: str | Path, split: str, batch: int, seed: int, shuffle: int, step: int
) -> list[str]:
    """Ids of the samples in the batch of a step (the first is 0) of a training stream.

    The other arguments are those of `kerasseg.data.pipeline.batches`; `batch` is its
    batch_size.
    """
    import tensorflow as tf

    from kerasseg.data import patches, stream
    from kerasseg.data import records as shards

    paths = [str(path) for path in shards.shard_paths(records, split)]
    described = shards.describe(records)
    samples = described.split(split).samples
    if described.volume:
        shuffle = patches.shuffle_of(described, split, shuffle)
    serialised = stream.endless(paths, samples, seed, step * batch, shuffle, 1)
    return [
        tf.io.parse_single_example(one, shards.FEATURES)["image/filename"]
        .numpy()
        .decode()
        for one in serialised.take(batch)
    ]


def _finite(value) -> bool:
    return bool(np.isfinite(_host(value)).all())


def _host(value) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(value, "float32"))
