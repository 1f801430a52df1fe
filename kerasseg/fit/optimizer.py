"""Optimizers that leave out an update whose gradient is not finite."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.fit import replicas
from kerasseg.fit.freezing import of_encoder
from kerasseg.frameworks import private_hooks
from kerasseg.taxonomy import Tensor

NEVER = 2**31 - 1
"""Number of steps that no training reaches: the loss scale then never grows."""


def optimizer(
    name: str,
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
    *,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    ema: float = 0.0,
    encoder_rate: float = 1.0,
    loss_scale: bool = False,
) -> Guard:
    """adamw, sgd (Nesterov momentum 0.9) or rmsprop; `rate` is a number or a schedule.

    weight_decay: decoupled; biases and normalisation have none. clip_norm: largest norm
    of the whole gradient, 0: no limit. ema: decay of the running mean of the weights,
    0: none is kept; smaller in the first steps, see `_warm`. encoder_rate: share of the
    rate for the encoder's weights. loss_scale: for float16, see `Guard`.

    Raises UserError for an unknown name.
    """
    common: dict[str, Any] = {
        "learning_rate": rate,
        "weight_decay": weight_decay or None,
        "global_clipnorm": clip_norm or None,
        "use_ema": ema > 0,
        "ema_momentum": ema or 0.99,
    }
    kind: Any
    if name == "adamw":
        common["weight_decay"] = weight_decay
        kind = keras.optimizers.AdamW
    elif name == "sgd":
        kind = keras.optimizers.SGD
        common |= {"momentum": 0.9, "nesterov": True}
    elif name == "rmsprop":
        kind = keras.optimizers.RMSprop
    else:
        raise UserError(f"Unknown optimizer '{name}'. Known: adamw, sgd, rmsprop.")
    kind = _warm(kind) if ema > 0 else kind
    inner = (kind if encoder_rate == 1 else _two_rates(kind, encoder_rate))(**common)
    inner.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    guard = Guard(inner, loss_scale)
    guard.schedule = rate
    return guard


def _warm(kind):
    """The optimizer class `kind`, whose running mean is not held back by the first
    weights: Keras begins it there, and 0.98 ** 20 = 67 % of them would be left after 20
    steps. The decay is min(ema, (1 + t) / (10 + t)) at step t, as TensorFlow's
    ExponentialMovingAverage warms it up with `num_updates`."""

    class Warm(private_hooks.WarmAverage, kind):
        pass

    return Warm


def _two_rates(kind, encoder_rate: float):
    """The optimizer class `kind` with a smaller step for weights of the encoder.

    Scaling their gradients would not do: Adam divides by the gradient's size.
    """

    class TwoRates(private_hooks.UpdateStep, kind):
        def update_all(self, gradients, variables, learning_rate):
            for encoder, rate in ((False, 1.0), (True, encoder_rate)):
                chosen = [
                    (gradient, variable)
                    for gradient, variable in zip(gradients, variables, strict=True)
                    if of_encoder(variable.path) == encoder
                ]
                if chosen:
                    part, of = map(list, zip(*chosen, strict=True))
                    super().update_all(part, of, learning_rate * rate)

    return TwoRates


class Guard(private_hooks.LossScaleOptimizer):
    """Leaves out updates whose gradient is not finite, and records its norms.

    gradient_norms: (V,) norms of the last gradients of the V trainable variables,
        before clipping; not finite where the gradient was not.
    steps: number of calls. `iterations` counts the updates that were made. schedule:
        what the rate was given as, a number or a schedule.

    With `loss_scale` the loss is multiplied by a power of 2 before its gradient is
    taken, halved at each gradient that is not finite and doubled after 2000 that are
    (Micikevicius et al. 2018, section 3.2): small gradients survive in float16.
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer,
        loss_scale: bool = False,
        name: str = "guard",
    ):
        super().__init__(
            inner_optimizer,
            initial_scale=2.0**15 if loss_scale else 1.0,
            dynamic_growth_steps=2000 if loss_scale else NEVER,
            name=name,
        )
        self.loss_scale = loss_scale
        self.schedule: Any = None
        if replicas.count() > 1:
            # `apply` has added them up before they are checked and clipped.
            private_hooks.without_all_reduce(inner_optimizer)

    def calls(self) -> tuple[int, int]:
        """Steps so far, and the updates that were made in them."""
        both = self.steps, self.iterations
        steps, updates = (np.asarray(ops.convert_to_numpy(x)) for x in both)
        return int(steps), int(updates)

    def build(self, var_list: list) -> None:
        self.gradient_norms = self.add_variable(
            (len(var_list),),
            initializer="zeros",
            dtype="float32",
            aggregation="mean",
            name="gradient_norms",
        )
        self.steps = self.add_variable(
            (),
            initializer="zeros",
            dtype="int",
            aggregation="only_first_replica",
            name="steps",
        )
        super().build(var_list)

    def apply(self, grads: list, trainable_variables: list | None = None) -> None:
        if not self.built:
            self.build(trainable_variables or [])
        grads = replicas.all_reduce(grads)
        self.gradient_norms.assign(_norms(grads) / self.dynamic_scale)
        self.steps.assign_add(1)
        super().apply(grads, trainable_variables)

    def stateless_apply(
        self, optimizer_variables: list, grads: list, trainable_variables: list
    ) -> tuple[list, list]:
        norms = _norms(grads) / self._of(optimizer_variables, self.dynamic_scale)
        steps = self._of(optimizer_variables, self.steps) + 1
        updated: Any = super().stateless_apply(
            optimizer_variables, grads, trainable_variables
        )
        trained, own = updated[0], list(updated[1])
        own[self._place(self.gradient_norms)] = norms
        own[self._place(self.steps)] = steps
        return trained, own

    def check_finite(self, grads: list) -> Tensor:
        """Whether all gradients are finite: a boolean scalar."""
        return ops.all(ops.isfinite(_norms(grads)))

    def apply_finite(self, gradients: list, variables: list) -> None:
        if self.loss_scale:
            super().apply_finite(gradients, variables)
        else:  # no pass over all gradients to divide them by 1
            self.inner_optimizer.apply(gradients, variables)

    def finalize_variable_values(self, var_list: list) -> None:
        """Keeps the weights as trained, so that `fit` can go on.

        Keras would replace them by their running means; under JAX both would then share
        their memory, which the next step cannot donate twice. The means are read with
        `callbacks.averaged_weights`.
        """

    def save_own_variables(self, store: Any) -> None:
        for i, variable in enumerate(self._own_variables()):
            store[str(i)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        for i, variable in enumerate(self._own_variables()):
            variable.assign(store[str(i)])

    def _own_variables(self) -> list:
        """Without those of the inner optimizer, which saves them itself."""
        return self.variables[
            : len(self.variables) - len(self.inner_optimizer.variables)
        ]

    def _place(self, variable) -> int:
        return next(i for i, v in enumerate(self.variables) if v is variable)

    def _of(self, values, variable):
        return values[self._place(variable)]


def _norms(grads):
    """(V,) Euclidean norms; 0 where a variable has no gradient."""
    return ops.stack(
        [
            ops.cast(0.0, "float32")
            if grad is None
            else ops.sqrt(ops.sum(ops.square(ops.cast(grad, "float32"))))
            for grad in grads
        ]
    )
