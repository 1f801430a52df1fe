"""Augmentation on the device: pure functions of pixels and drawn numbers.

The input pipeline draws `NUMBERS` uniform numbers for each sample; `apply` turns them
into flips, crops, colours and weather inside the compiled training step.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.augment.policies import NUMBERS, POLICIES, Policy
from kerasseg.taxonomy import Tensor

__all__ = ["NUMBERS", "POLICIES", "Policy", "apply"]


def apply(
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    policy: Policy,
    size: Sequence[int],
    instance: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Augments a batch; image and label always move by the same map of coordinates.

    Args:
        image: (B, H, W, 3), 0..255, uint8 or float.
        label: (B, H, W) class ids.
        numbers: (B, NUMBERS) float32, uniform in [0, 1).
        policy: one of `POLICIES` or a `Policy` of your own.
        size: (height, width) of the result, pixels.
        instance: (B, H, W) object ids, 0 = none.

    Returns:
        image float32 (B, h, w, 3) in 0..255, label int32 (B, h, w) and, when given,
        instance int32 (B, h, w). Outside the source the label is 255, the instance 0.
        Without transforms this is the centred crop, exactly.

    Raises:
        UserError: when image or numbers have another shape.
    """
    height, width = size
    if image.shape[-1] != 3 or None in image.shape[1:3]:
        raise UserError(
            "augment.apply expects images (B, H, W, 3) of known height and width, got "
            f"{tuple(image.shape)}. Set the shape in the input pipeline."
        )
    if tuple(numbers.shape[1:]) != (NUMBERS,):
        raise UserError(
            f"augment.apply expects {NUMBERS} uniform numbers per sample, (B, "
            f"{NUMBERS}), got {tuple(numbers.shape)}."
        )
    from kerasseg.augment.composition import augmented  # settings need no Keras

    return augmented(image, label, instance, numbers, policy, (height, width))
