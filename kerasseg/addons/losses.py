"""Replaces `tfa.losses` of tensorflow-addons: focal loss with one sigmoid a class."""

from __future__ import annotations

import keras
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


def sigmoid_focal_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    alpha: float | None = 0.25,
    gamma: float | None = 2.0,
    from_logits: bool = False,
) -> Tensor:
    """Focal loss of independent classes, summed over the last axis.

    sum over classes of -alpha_t (1 - p_t)^gamma log p_t, where p_t is p for positives
    and 1 - p for negatives, alpha_t is alpha and 1 - alpha (Lin et al. 2017, eq. 5).

    Args:
        y_true: (..., C) targets in [0, 1].
        y_pred: (..., C) probabilities, or logits with `from_logits`.
        alpha: weight of the positives; None or 0 leaves out this factor.
        gamma: how much less well classified pixels count; None or 0 leaves out this
            factor. Without both it is the `binary_crossentropy` of Keras itself.
        from_logits: False clips the probabilities at 1e-7.

    Returns:
        (...), of the type of `y_pred`.

    Raises:
        UserError: when `gamma` is negative.
    """
    if gamma is not None and gamma < 0:
        raise UserError(f"gamma must not be negative, got {gamma}.")
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if not alpha and not gamma:
        entropy = ops.binary_crossentropy(y_true, y_pred, from_logits)
        return ops.sum(entropy, axis=-1)
    if from_logits:
        p = ops.sigmoid(y_pred)
        entropy = ops.softplus(y_pred) - y_true * y_pred
    else:
        p, tiny = y_pred, 1e-7  # clipped and added again, as Keras 2 does
        clipped = ops.clip(p, tiny, 1.0 - tiny)
        entropy = -y_true * ops.log(clipped + tiny)
        entropy -= (1 - y_true) * ops.log(1 - clipped + tiny)
    if alpha:
        entropy *= y_true * alpha + (1 - y_true) * (1 - alpha)
    if gamma:
        p_true = y_true * p + (1 - y_true) * (1 - p)
        entropy *= ops.power(1 - p_true, gamma)
    return ops.sum(entropy, axis=-1)


@keras.saving.register_keras_serializable("kerasseg")
class SigmoidFocalCrossEntropy(keras.losses.Loss):
    """`sigmoid_focal_crossentropy` as a loss object.

    It averages over batch and positions, as Keras 3 needs it in `fit`.
    tensorflow-addons does not reduce by default: pass reduction="none" for that.

    Args:
        from_logits, alpha, gamma: as in `sigmoid_focal_crossentropy`.
        kwargs: those of `keras.losses.Loss`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float | None = 0.25,
        gamma: float | None = 2.0,
        **kwargs,
    ):
        super().__init__(**{"name": "sigmoid_focal_crossentropy", **kwargs})
        self.from_logits, self.alpha, self.gamma = from_logits, alpha, gamma

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return sigmoid_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits
        )

    def get_config(self) -> dict:
        own = {k: getattr(self, k) for k in ("from_logits", "alpha", "gamma")}
        return {**super().get_config(), **own}


# Networks and losses that tensorflow-addons saved name its package.
keras.saving.get_custom_objects().update(
    {
        "Addons>SigmoidFocalCrossEntropy": SigmoidFocalCrossEntropy,
        "Addons>sigmoid_focal_crossentropy": sigmoid_focal_crossentropy,
    }
)
