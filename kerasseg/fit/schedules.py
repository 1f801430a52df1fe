"""Learning rates over the steps of a training, as schedules of Keras."""

from __future__ import annotations

import math

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
