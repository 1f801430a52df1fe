"""Augmentation of a batch as one function, compiled by XLA also on a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras

from kerasseg import augment
from kerasseg.augment.policies import Policy
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Tensor
from kerasseg.volume_format import Spacing

CUBES: Spacing = (1.0, 1.0, 1.0)


def augmentation(
    policy: Policy,
    size: tuple[int, ...],
    image_format: ImageFormat = RGB,
    ignore: int = IGNORE,
    spacing: Spacing = CUBES,
) -> Callable[..., tuple]:
    """`augment.apply` for one policy, size (height, width), kind of images, id of
    ignored pixels and, of volumes, spacing.

    The function takes (image, label, numbers, instance=None) and gives the first two,
    and instance where there is one, at `size`.

    TensorFlow runs it through XLA even on a CPU, also inside a step that XLA does not
    compile: small operations on every pixel, fused into few loops, take about a third
    of the time. (On a CPU XLA slows down convolutions.) Other backends compile whole
    steps.
    """
    given = policy, tuple(size), image_format, ignore, spacing
    apply = functools.partial(_apply, *given)
    if keras.backend.backend() != "tensorflow":
        return apply
    import tensorflow as tf

    return tf.function(apply, jit_compile=True, autograph=False)


def _apply(
    policy: Policy,
    size: tuple[int, ...],
    image_format: ImageFormat,
    ignore: int,
    spacing: Spacing,
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    instance: Tensor | None = None,
) -> tuple:
    how = instance, image_format, ignore, spacing
    return augment.apply(image, label, numbers, policy, size, *how)
