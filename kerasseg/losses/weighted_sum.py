"""The losses by name, and their weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from kerasseg import UserError
from kerasseg.losses.arguments import Prediction
from kerasseg.losses.boundary import boundary
from kerasseg.losses.centreline import centreline_dice
from kerasseg.losses.correlation import mcc
from kerasseg.losses.hard_pixels import ohem, top_k
from kerasseg.losses.hausdorff import hausdorff
from kerasseg.losses.lovasz import lovasz_hinge, lovasz_softmax
from kerasseg.losses.options import check_options
from kerasseg.losses.overlap import generalised_dice, jaccard, soft_dice
from kerasseg.losses.pixelwise import (
    binary_cross_entropy,
    cross_entropy,
    focal,
    poly1,
)
from kerasseg.losses.targets import target_of
from kerasseg.losses.tversky import focal_tversky, tversky
from kerasseg.losses.unified import unified_focal
from kerasseg.taxonomy import Tensor

PIXELWISE: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "focal": focal,
    "poly1": poly1,
    "ohem": ohem,
    "top_k": top_k,
}
"""Losses that take class_weights and pixel_weight."""

LOSSES: dict[str, Callable[..., Tensor]] = PIXELWISE | {
    "soft_dice": soft_dice,
    "generalised_dice": generalised_dice,
    "jaccard": jaccard,
    "tversky": tversky,
    "focal_tversky": focal_tversky,
    "mcc": mcc,
    "unified_focal": unified_focal,
    "lovasz_softmax": lovasz_softmax,
    "lovasz_hinge": lovasz_hinge,
    "boundary": boundary,
    "hausdorff": hausdorff,
    "centreline_dice": centreline_dice,
}
"""All losses by the names that settings use."""


def total(
    weights: Mapping[str, float],
    class_weights: Sequence[float] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    exclusive: bool = True,
) -> Callable[..., Tensor]:
    """Weighted sum of losses, sum over names of weights[name] * LOSSES[name].

    All losses share one softmax or sigmoid. Class weights and pixel weights reach the
    losses of `PIXELWISE` only; the others compare whole regions, in which every class
    counts the same already. Those of Dice's family take their own as an option.

    Args:
        weights: factor of each loss by name, such as {"cross_entropy": 1,
            "soft_dice": 1}.
        class_weights: C numbers.
        options: keyword arguments of single losses, such as
            {"soft_dice": {"squared": False}}.
        exclusive: False where the classes overlap.

    Returns:
        A function of (y_true, y_pred, pixel_weight=None) that gives a scalar float32:
        target (B, ..., C) or ids, logits (B, ..., C), weights (B, ...).

    Raises:
        UserError: when a name is unknown, an option has no loss or is not one of its
            loss, or weights would have no effect. The function raises it as its losses
            do.

    >>> import numpy as np
    >>> from kerasseg import losses
    >>> loss = losses.total({"cross_entropy": 1, "soft_dice": 0.5})
    >>> y_true, logits = np.eye(2)[None], np.zeros((1, 2, 2))
    >>> float(loss(y_true, logits))  # log 2 + 0.5 * (1 - 2 / 3)
    0.859814
    """
    options = options or {}
    if not weights:
        raise UserError(f"Expected at least one loss of {', '.join(LOSSES)}.")
    for name in (*weights, *options):
        if name not in LOSSES:
            raise UserError(f"Unknown loss '{name}'. Known: {', '.join(LOSSES)}.")
    if unused := set(options) - set(weights):
        raise UserError(f"Options for a loss without a weight: {', '.join(unused)}.")
    for name, given in options.items():
        check_options(name, LOSSES[name], given, name in PIXELWISE)
    if class_weights is not None:
        _check_used("class_weights", weights)

    def loss(
        y_true: Tensor, y_pred: Tensor, pixel_weight: Tensor | None = None
    ) -> Tensor:
        if pixel_weight is not None:
            _check_used("A pixel weight", weights)
        prediction = Prediction.of(y_pred, exclusive)
        y_true = target_of(y_true, prediction.shape, exclusive)
        extra = {"class_weights": class_weights, "pixel_weight": pixel_weight}
        return sum(
            weight
            * LOSSES[name](
                y_true,
                prediction,
                **(extra if name in PIXELWISE else {}),
                **options.get(name, {}),
                exclusive=exclusive,
            )
            for name, weight in weights.items()
        )

    return loss


def _check_used(what: str, weights: Mapping[str, float]) -> None:
    if not any(name in PIXELWISE for name in weights):
        raise UserError(
            f"{what} would have no effect on {', '.join(weights)}. Add one of "
            f"{', '.join(PIXELWISE)}, or leave it out."
        )


@keras.saving.register_keras_serializable("kerasseg")
class SegmentationLoss(keras.losses.Loss):
    """`total` as a Keras loss, for `model.compile(loss=...)` outside kerasseg.

    It is saved with the model. Targets are (B, ..., C), or of exclusive classes ids
    (B, ...) or (B, ..., 1). Keras' sample_weight (B, ...) is the pixel weight.

    One trick: Keras multiplies a finished loss with the sample weight, but pixels need
    their weights inside the mean. So `__call__` puts the weight beside the logits, in
    the place of y_pred, and Keras hands both to `call`.

    Args:
        weights, class_weights, options: as in `total`.
        name: of the loss.
        exclusive: as in `total`.

    Raises:
        UserError: as `total`.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        class_weights: Sequence[float] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        name: str | None = None,
        *,
        exclusive: bool = True,
    ):
        super().__init__(name=name)
        if class_weights is not None:
            class_weights = [float(w) for w in class_weights]
        self.settings: dict[str, Any] = {
            "weights": dict(weights),
            "class_weights": class_weights,
            "options": dict(options or {}),
        }
        if not exclusive:  # told only then, so that older versions read the rest
            self.settings["exclusive"] = False
        self.total = total(**self.settings)

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        # Before Keras casts to floats: integers say more.
        exclusive = self.settings.get("exclusive", True)
        y_true = target_of(y_true, tuple(y_pred.shape), exclusive)
        packed = (y_pred,) if sample_weight is None else (y_pred, sample_weight)
        return super().__call__(y_true, packed)

    def call(self, y_true: Tensor, y_pred: tuple[Tensor, ...]) -> Tensor:
        """The loss; y_pred is (logits,) or (logits, pixel weight) from `__call__`."""
        return self.total(y_true, *y_pred)

    def get_config(self) -> dict:
        return {"name": self.name, **self.settings}
