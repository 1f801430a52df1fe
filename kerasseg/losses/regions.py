"""What losses on regions share: soft sizes of regions, an index of them for each class,
and the mean over classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras import ops

from kerasseg import UserError
from kerasseg.losses.arguments import (
    Prediction,
    class_vector,
    divide_or_zero,
    spatial_axes,
    target_and_prediction,
)
from kerasseg.taxonomy import Tensor

REDUCTIONS = ("mean", "sum", "none")


def regions(
    y_true: Tensor,
    y_pred: Tensor | Prediction,
    *,
    squared: bool = False,
    from_logits: bool = True,
    per_image: bool = True,
    background: bool = True,
    soft_labels: bool = False,
    exclusive: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Soft sizes of overlap, predicted and true region, (B, C) or (1, C).

    The arguments are those of `kerasseg.losses.soft_dice`. Soft labels make the overlap
    sum min(p, g) in place of sum pg (Wang et al. 2023); squared sizes need no change.
    """
    y_true, valid, prediction = target_and_prediction(y_true, y_pred, exclusive)
    p = prediction.probability if from_logits else prediction.logits
    overlap = ops.minimum(p, y_true) if soft_labels and not squared else p * y_true
    p_size, y_size = (ops.square(p), ops.square(y_true)) if squared else (p, y_true)
    return (
        region_sum(overlap, per_image, background),
        region_sum(p_size * valid, per_image, background),
        region_sum(y_size, per_image, background),
    )


def region_sum(x: Tensor, per_image: bool, background: bool) -> Tensor:
    """Sum over all pixels: (B, ..., C) -> (B, C), or (1, C) over the batch.

    One axis after the other: TensorFlow on a CPU adds the pixels of a channel one by
    one to a float32, which is off by 4e-4 after 1024 x 1024 pixels.
    """
    for axis in reversed(spatial_axes(x)):
        x = ops.sum(x, axis=axis)
    if not per_image:
        x = ops.sum(x, axis=0, keepdims=True)
    if background:
        return x
    if x.shape[-1] == 1:
        raise UserError(
            "background=False leaves class 0 out, and there is no other. Leave it True."
        )
    return x[:, 1:]


def index_loss(
    y_true: Tensor,
    y_pred: Tensor | Prediction,
    index: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    focus: Callable[[Tensor], Tensor] | None = None,
    background: bool = True,
    present_only: bool = False,
    class_weights: Sequence[float] | None = None,
    log: bool = False,
    reduction: str = "mean",
    **options: bool,
) -> Tensor:
    """The loss 1 - index, or -log(index), of every class of every image, reduced.

    Args:
        y_true, y_pred: as in `kerasseg.losses.soft_dice`.
        index: of the sizes of overlap, predicted and true region, each (B, C): 1 where
            the regions agree, 0 where they have nothing in common.
        focus: what is done to the losses (B, C) before they are reduced.
        background, present_only, class_weights, log, reduction: as in `soft_dice`.
        options: further ones of `regions`.

    Raises:
        UserError: as `soft_dice`.
    """
    overlap, predicted, true = regions(y_true, y_pred, background=background, **options)
    found = index(overlap, predicted, true)
    # At most 16.1.
    loss = -ops.log(ops.maximum(found, 1e-7)) if log else 1 - found
    return reduced_over_classes(
        focus(loss) if focus else loss,
        true,
        background,
        present_only,
        class_weights,
        reduction,
    )


def reduced_over_classes(
    loss: Tensor,
    true: Tensor,
    background: bool,
    present_only: bool,
    class_weights: Sequence[float] | None,
    reduction: str,
) -> Tensor:
    """Weighted mean of the losses (B, C) over images and classes, or what `reduction`
    says: their sum, or they themselves, with their weights and 0 for absent classes.

    Raises:
        UserError: when the class weights or the reduction are not such.
    """
    _check_reduction(reduction)
    if reduction == "mean" and not present_only and class_weights is None:
        return ops.mean(loss)
    weight = ops.cast(true > 0, "float32") if present_only else ops.ones_like(loss)
    if class_weights is not None:
        left_out = 0 if background else 1
        vector = class_vector(class_weights, loss.shape[-1] + left_out)
        weight = weight * vector[left_out:]
    loss = loss * weight
    if reduction == "none":
        return loss
    total = ops.sum(loss)
    return total if reduction == "sum" else divide_or_zero(total, ops.sum(weight))


def reduced_over_images(loss: Tensor, reduction: str) -> Tensor:
    """Mean or sum of the losses (B,), or they themselves."""
    _check_reduction(reduction)
    if reduction == "none":
        return loss
    return ops.sum(loss) if reduction == "sum" else ops.mean(loss)


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise UserError(
            f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}."
        )
