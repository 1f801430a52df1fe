"""Augmentation on the device: pure functions of pixels and drawn numbers.

The input pipeline draws `NUMBERS` uniform numbers for each sample; `apply` turns them
into flips, crops, colours and weather inside the compiled training step.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasseg import UserError
from kerasseg.augment.applicable import applicable, refuse
from kerasseg.augment.policies import NUMBERS, POLICIES, Policy
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Tensor

__all__ = ["NUMBERS", "POLICIES", "Policy", "applicable", "apply"]


def apply(
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    policy: Policy,
    size: Sequence[int],
    instance: Tensor | None = None,
    image_format: ImageFormat = RGB,
    ignore: int = IGNORE,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[Tensor, ...]:
    """Augments a batch; image and label always move by the same map of coordinates.

    Args:
        image: (B, H, W, C), of the format's type or float. Of volumes
            (B, D, H, W, C), and one axis more in all of the others too.
        label: (B, H, W) class ids; where classes overlap (B, H, W, K) of 0, 1 and
            `ignore`, whose planes move as one.
        numbers: (B, NUMBERS) float32, uniform in [0, 1).
        policy: one of `POLICIES` or a `Policy` of your own.
        size: (height, width) of the result, pixels; of volumes (depth, height, width).
        instance: (B, H, W) object ids below 2^28, 0 = none.
        image_format: what the images are. Light is in grey levels for RGB and gray
            pictures of 8 bits, else in units of each band's deviation
            (`kerasseg.augment.levels`).
        ignore: the id of ignored pixels, see `kerasseg.taxonomy.ignore_of`.
        spacing: of volumes, (z, y, x): turns are true to it, and across thick slices
            nothing is mixed (`kerasseg.augment.volume_geometry`).

    Returns:
        image float32 (B, h, w, C), label int32 (B, h, w[, K]) and, when given, instance
        int32 (B, h, w). Light leaves integers within the limits of their type; pixels
        without data (0 in all bands, label ignore) stay 0 where the images are no
        pictures. Outside the source the label is ignore, the instance 0. Without
        transforms this is the centred crop, exactly.

    Raises:
        UserError: when image or numbers have another shape, and when a part of the
            policy means nothing for such images.
    """
    channels, axes = image_format.channels, len(size)
    known = len(image.shape) == axes + 2 and None not in image.shape[1:-1]
    if axes not in (2, 3) or image.shape[-1] != channels or not known:
        letters = "D, H, W" if axes == 3 else "H, W"
        raise UserError(
            f"augment.apply expects images (B, {letters}, {channels}) of known height "
            f"and width, got {tuple(image.shape)}. Set the shape in the input pipeline."
        )
    if tuple(numbers.shape[1:]) != (NUMBERS,):
        raise UserError(
            f"augment.apply expects {NUMBERS} uniform numbers per sample, (B, "
            f"{NUMBERS}), got {tuple(numbers.shape)}."
        )
    refuse(policy, image_format, volumes=axes == 3)
    from kerasseg.augment.composition import augmented  # settings need no Keras

    maps, what = (image, label, instance), (image_format, ignore, spacing)
    return augmented(*maps, numbers, policy, tuple(size), *what)
