"""The losses by name, and their weighted sum."""

from __future__ import annotations

import keras

from kerasseg import UserError
from kerasseg.losses.boundary import boundary
from kerasseg.losses.lovasz import lovasz_softmax
from kerasseg.losses.overlap import (
    focal_tversky,
    generalised_dice,
    jaccard,
    soft_dice,
    tversky,
)
from kerasseg.losses.pixelwise import cross_entropy, focal, ohem
from kerasseg.losses.prediction import Prediction

PIXELWISE = {"cross_entropy": cross_entropy, "focal": focal, "ohem": ohem}
"""Losses that take class_weights and pixel_weight."""

LOSSES = PIXELWISE | {
    "soft_dice": soft_dice,
    "generalised_dice": generalised_dice,
    "jaccard": jaccard,
    "tversky": tversky,
    "focal_tversky": focal_tversky,
    "lovasz_softmax": lovasz_softmax,
    "boundary": boundary,
}


def total(weights, class_weights=None, options=None):
    """Weighted sum of losses: {"cross_entropy": 1, "soft_dice": 1} -> function.

    The function takes (y_true, y_pred, pixel_weight=None). class_weights and
    pixel_weight reach the losses of `PIXELWISE`; the others compare whole regions, in
    which every class counts the same already. options: keyword arguments of single
    losses, {"soft_dice": {"squared": False}}. All share one softmax.
    """
    options = options or {}
    if not weights:
        raise UserError(f"Expected at least one loss of {', '.join(LOSSES)}.")
    for name in (*weights, *options):
        if name not in LOSSES:
            raise UserError(f"Unknown loss '{name}'. Known: {', '.join(LOSSES)}.")
    if unused := set(options) - set(weights):
        raise UserError(f"Options for a loss without a weight: {', '.join(unused)}.")
    if class_weights is not None:
        _check_used("class_weights", weights)

    def loss(y_true, y_pred, pixel_weight=None):
        if pixel_weight is not None:
            _check_used("A pixel weight", weights)
        prediction = Prediction.of(y_pred)
        extra = {"class_weights": class_weights, "pixel_weight": pixel_weight}
        return sum(
            weight
            * LOSSES[name](
                y_true,
                prediction,
                **(extra if name in PIXELWISE else {}),
                **options.get(name, {}),
            )
            for name, weight in weights.items()
        )

    return loss


def _check_used(what, weights):
    if not any(name in PIXELWISE for name in weights):
        raise UserError(
            f"{what} would have no effect on {', '.join(weights)}. Add one of "
            f"{', '.join(PIXELWISE)}, or leave it out."
        )


@keras.saving.register_keras_serializable("kerasseg")
class SegmentationLoss(keras.losses.Loss):
    """`total` as a Keras loss, for `model.compile(loss=...)` outside kerasseg.

    SegmentationLoss({"cross_entropy": 1, "soft_dice": 1}, class_weights=[...]) is
    saved with the model. Keras' sample_weight (B, ...) is the pixel weight.
    """

    def __init__(self, weights, class_weights=None, options=None, name=None):
        super().__init__(name=name)
        if class_weights is not None:
            class_weights = [float(w) for w in class_weights]
        self.settings = {
            "weights": dict(weights),
            "class_weights": class_weights,
            "options": dict(options or {}),
        }
        self.total = total(**self.settings)

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras would multiply the finished mean with the weights of the pixels;
        # packed beside y_pred they reach call().
        packed = (y_pred,) if sample_weight is None else (y_pred, sample_weight)
        return super().__call__(y_true, packed)

    def call(self, y_true, y_pred):
        return self.total(y_true, *y_pred)

    def get_config(self):
        return {"name": self.name, **self.settings}
