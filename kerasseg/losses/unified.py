"""Unified focal loss: focal cross entropy and focal Tversky with common parameters."""

from __future__ import annotations

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import target_and_prediction
from kerasseg.losses.regions import region_sum
from kerasseg.losses.weighing import power, weighted_mean
from kerasseg.taxonomy import Tensor

TINY = 1e-7
"""Keras' epsilon, as in the authors' code."""


def unified_focal(
    y_true: Tensor,
    y_pred: Tensor,
    weight: float = 0.5,
    delta: float = 0.6,
    gamma: float = 0.5,
    *,
    asymmetric: bool = True,
    per_image: bool = True,
    exclusive: bool = True,
) -> Tensor:
    """weight * focal Tversky + (1 - weight) * focal cross entropy, as of rare classes.

    Yeung et al. 2022, eq. 13 to 20. Class 0 is the common one, its cross entropy
    weighs 1 - delta and that of all others delta. Both parts share gamma: the cross
    entropy is (1 - p)^gamma times smaller where the prediction is good already, and
    1 - Tversky is raised to 1 - gamma. Asymmetric: the first only for class 0, the
    second only for the others. The paper has one other class; of more each is like it.
    Where the classes overlap, each is such a pair with its own absence.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`.
        y_pred: (B, ..., C) logits; p is their softmax or sigmoid.
        weight: of the part on regions, 0 to 1 (lambda in the paper).
        delta: weight of false negatives against false positives, and of rare classes
            against class 0; 0 to 1.
        gamma: 0 to below 1; 0 is Tversky and weighted cross entropy.
        asymmetric: False treats all classes alike.
        per_image: False takes the sums of Tversky over the whole batch.
        exclusive: False where the classes overlap.

    Returns:
        A scalar float32, 0 or more.

    Raises:
        UserError: when the shapes are not (B, ..., C), or a number is out of its range.
    """
    if not (0 <= weight <= 1 and 0 <= delta <= 1 and 0 <= gamma < 1):
        raise UserError(
            "unified_focal needs weight and delta from 0 to 1 and gamma from 0 to "
            f"below 1, got weight {weight}, delta {delta} and gamma {gamma}."
        )
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    p, log_p = prediction.probability, prediction.log_probability
    rare = {"true": y_true, "p": p, "log": log_p, "valid": valid}
    if exclusive:
        common = {key: x[..., :1] for key, x in rare.items()}
        rare = {**{key: x[..., 1:] for key, x in rare.items()}, "valid": valid}
    else:
        absent = valid * (1 - y_true)
        common = {"true": absent, "p": prediction.complement, "valid": valid}
        common["log"] = prediction.log_complement

    def entropy(part, factor, focused):
        loss = -factor * part["true"] * part["log"]
        return loss * power(ops.maximum(1 - part["p"], 0.0), gamma) if focused else loss

    def regions(part, focused):
        loss = _tversky(part["true"], part["p"], part["valid"], delta, per_image)
        # A power below 1 has an infinite slope at 0.
        raised = ops.where(loss <= TINY, 0.0, ops.maximum(loss, TINY) ** (1 - gamma))
        return raised if focused else loss

    rare_entropy = entropy(rare, delta, not asymmetric)
    if exclusive:  # a mean over pixels, else over the pixels of all classes
        rare_entropy = ops.sum(rare_entropy, axis=-1, keepdims=True)
    pixels = entropy(common, 1 - delta, True) + rare_entropy
    losses = [regions(common, not asymmetric), regions(rare, True)]
    tversky = ops.mean(ops.concatenate(losses, axis=-1))
    return weight * tversky + (1 - weight) * weighted_mean(pixels, valid)


def _tversky(
    true: Tensor, p: Tensor, valid: Tensor, delta: float, per_image: bool
) -> Tensor:
    """1 - Tversky's index of each class of each image, (B, C)."""
    found = region_sum(p * true, per_image, True)
    missed = region_sum(true, per_image, True) - found
    spurious = region_sum(p * valid, per_image, True) - found
    wrong = delta * missed + (1 - delta) * spurious
    return 1 - (found + TINY) / (found + wrong + TINY)
