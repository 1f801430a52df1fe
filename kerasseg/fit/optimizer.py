"""The optimizers, guarded: no update with a gradient that is not finite."""

from __future__ import annotations

import keras
from keras import ops

from kerasseg import UserError
from kerasseg.fit import replicas

NEVER = 2**31 - 1


def optimizer(
    name: str,
    rate,
    *,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    ema: float = 0.0,
    encoder_rate: float = 1.0,
    loss_scale: bool = False,
) -> Guard:
    """adamw, sgd (Nesterov momentum 0.9) or rmsprop; `rate` is a number or a schedule.

    weight_decay: decoupled, not of biases and normalisation. clip_norm: largest norm of
    the whole gradient, 0: no limit. ema: decay of the running mean of the weights, 0:
    none is kept. encoder_rate: share of the rate that the encoder's weights get.
    loss_scale: for float16, see `Guard`.
    """
    common = {
        "learning_rate": rate,
        "weight_decay": weight_decay or None,
        "global_clipnorm": clip_norm or None,
        "use_ema": ema > 0,
        "ema_momentum": ema or 0.99,
    }
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
    inner = (kind if encoder_rate == 1 else _two_rates(kind, encoder_rate))(**common)
    inner.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return Guard(inner, loss_scale)


def _two_rates(kind, encoder_rate: float):
    """The optimizer class `kind` with a smaller step for weights of the encoder.

    Scaling their gradients would not do: Adam divides by the gradient's size.
    """

    class TwoRates(kind):
        def _backend_update_step(self, grads, variables, learning_rate):
            for encoder, rate in ((False, 1.0), (True, encoder_rate)):
                chosen = [
                    (gradient, variable)
                    for gradient, variable in zip(grads, variables, strict=True)
                    if variable.path.startswith("encoder_") == encoder
                ]
                if chosen:
                    part, of = zip(*chosen, strict=True)
                    rate = learning_rate * rate
                    super()._backend_update_step(list(part), list(of), rate)

    return TwoRates


class Guard(keras.optimizers.LossScaleOptimizer):
    """Leaves out updates whose gradient is not finite, and notes what it saw.

    gradient_norms: (V,) norm of the last gradient of each trainable variable, before
        clipping, not finite where the gradient was not.
    steps: how often it was called. `iterations` counts the updates that were made.

    With `loss_scale` the loss is multiplied by a power of 2 before its gradient is
    taken, halved at each gradient that is not finite and doubled after 2000 that are
    (Micikevicius et al. 2018, section 3.2): small gradients survive in float16.
    """

    def __init__(self, inner_optimizer, loss_scale: bool = False, name: str = "guard"):
        super().__init__(
            inner_optimizer,
            initial_scale=2.0**15 if loss_scale else 1.0,
            dynamic_growth_steps=2000 if loss_scale else NEVER,
            name=name,
        )
        self.loss_scale = loss_scale
        if replicas.count() > 1:
            # `apply` has added them up, before they are judged and clipped.
            inner_optimizer._all_reduce_sum_gradients = list

    def calls(self) -> tuple[int, int]:
        """Steps so far, and the updates that were made in them."""
        both = self.steps, self.iterations
        return tuple(int(ops.convert_to_numpy(number)) for number in both)

    def build(self, var_list):
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

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(trainable_variables)
        grads = replicas.summed(grads)
        self.gradient_norms.assign(_norms(grads) / self.dynamic_scale)
        self.steps.assign_add(1)
        super().apply(grads, trainable_variables)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        norms = _norms(grads) / self._of(optimizer_variables, self.dynamic_scale)
        steps = self._of(optimizer_variables, self.steps) + 1
        trained, own = super().stateless_apply(
            optimizer_variables, grads, trainable_variables
        )
        own = list(own)
        own[self._place(self.gradient_norms)] = norms
        own[self._place(self.steps)] = steps
        return trained, own

    def check_finite(self, grads):
        return ops.all(ops.isfinite(_norms(grads)))

    def _stateful_handle_finite_grads(self, grads, trainable_variables):
        if self.loss_scale:
            super()._stateful_handle_finite_grads(grads, trainable_variables)
        else:  # no pass over all gradients to divide them by 1
            self.inner_optimizer.apply(grads, trainable_variables)

    def finalize_variable_values(self, var_list):
        """Keras would end `fit` with the running means as weights, under JAX in the
        same memory, which no further step could give away twice. Here the weights stay
        as trained, and `fit` can go on: see `callbacks.averaged_weights`."""

    def save_own_variables(self, store):
        # The inner optimizer, a part of this one, saves its own.
        for i, variable in enumerate(self._variables):
            store[str(i)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

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
