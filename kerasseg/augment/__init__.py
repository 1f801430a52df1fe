"""Augmentation on the device: pure functions of pixels and drawn numbers.

The input pipeline draws `NUMBERS` uniform numbers per sample; `apply` turns them into
flips, crops, colours and weather inside the compiled training step, on any backend.
"""

from __future__ import annotations

from kerasseg import UserError
from kerasseg.augment.policies import NUMBERS, POLICIES, Policy

__all__ = ["NUMBERS", "POLICIES", "Policy", "apply"]


def apply(image, label, numbers, policy: Policy, size, instance=None):
    """Augments a batch; image and label always move by the same coordinate map.

    Args:
        image: (B, H, W, 3), 0..255, uint8 or float.
        label: (B, H, W) class ids; instance: (B, H, W) object ids, 0 = none.
        numbers: (B, NUMBERS) float32, uniform in [0, 1).
        policy: one of `POLICIES` or a `Policy` of your own.
        size: (height, width) of the result.

    Returns:
        image float32 (B, h, w, 3) in 0..255, label int32 (B, h, w) and, when given,
        instance int32 (B, h, w). Outside the source the label is 255, the instance 0.
        Without movers this is the centred crop, exactly.
    """
    size = tuple(size)
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

    return augmented(image, label, instance, numbers, policy, size)
