"""Learning rates over the steps of a training, as schedules of Keras."""

from __future__ import annotations

import math

import keras
from keras import ops
from keras.optimizers import schedules

from kerasseg import UserError


def schedule(
    name: str, rate: float, steps: int, warmup: float
) -> float | schedules.LearningRateSchedule:
    """constant, poly or warmup_cosine, from `rate` over `steps`.

    warmup: share of the steps in which warmup_cosine rises; the others ignore it.
    Raises UserError for another name, and for a warmup that is not in [0, 1).
    """
    if name == "constant":
        return rate
    if name == "poly":
        return poly(rate, steps)
    if name == "warmup_cosine":
        if not 0 <= warmup < 1:
            raise UserError(f"--fit.warmup must be in [0, 1), got {warmup}.")
        # Of a single step none is left for a rise.
        return warmup_cosine(rate, steps, min(math.ceil(warmup * steps), steps - 1))
    known = "constant, poly, warmup_cosine"
    raise UserError(f"Unknown schedule '{name}'. Known: {known}.")


def poly(
    initial: float, steps: int, power: float = 0.9
) -> schedules.LearningRateSchedule:
    """initial * (1 - step / steps)**power, 0 afterwards (DeepLab v2, section 4.1)."""
    return schedules.PolynomialDecay(initial, steps, end_learning_rate=0.0, power=power)


def warmup_cosine(
    peak: float, steps: int, warmup: int, final: float = 0.0
) -> schedules.LearningRateSchedule:
    """A line from 0 to `peak` in `warmup` steps, then half a cosine to `final`.

    At step s >= warmup: final + (peak - final) (1 + cos(pi t)) / 2 with t running from
    0 to 1 until `steps` (Loshchilov & Hutter 2017, eq. 5), `final` afterwards.

    Raises UserError unless 0 <= warmup < steps.
    """
    if not 0 <= warmup < steps:
        raise UserError(
            f"warmup must be at least 0 and less than steps = {steps}, got {warmup}."
        )
    if not warmup:
        return schedules.CosineDecay(peak, steps, alpha=final / peak)
    return schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=steps - warmup,
        alpha=final / peak,
        warmup_target=peak,
        warmup_steps=warmup,
    )


class Paced(schedules.LearningRateSchedule):
    """A schedule that can be walked through faster or slower from some step on.

    At step s it is base(place + (s - turn) speed), at first base(s). These three are
    variables, so that a compiled step follows them: on TensorFlow and Torch; JAX would
    keep their first values.
    """

    def __init__(self, base: schedules.LearningRateSchedule):
        super().__init__()
        self.base = base
        self.turn_step, self.place, self.speed = (
            keras.Variable(value, trainable=False, dtype="float32", name=name)
            for value, name in ((0.0, "turn"), (0.0, "place"), (1.0, "speed"))
        )

    def __call__(self, step):
        passed = ops.cast(step, "float32") - self.turn_step
        return self.base(self.place + passed * self.speed)

    def turn(self, step: float, place: float, speed: float) -> None:
        """From `step` on: go on at `place` of the base, `speed` times as fast."""
        self.turn_step.assign(step)
        self.place.assign(place)
        self.speed.assign(speed)
