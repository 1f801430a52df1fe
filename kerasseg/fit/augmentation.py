"""Augmentation of a batch as one function, compiled by XLA also on a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras

from kerasseg import augment
from kerasseg.augment.policies import Policy
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Tensor


def augmentation(
    policy: Policy,
    size: tuple[int, int],
    image_format: ImageFormat = RGB,
    ignore: int = IGNORE,
) -> Callable[..., tuple]:
    """`augment.apply` for one policy, size (height, width), kind of images and id of
    ignored pixels.

    The function takes (image, label, numbers, instance=None) and gives the first two,
    and instance where there is one, at `size`.

    TensorFlow runs it through XLA even on a CPU, also inside a step that XLA does not
    compile: small operations on every pixel, fused into few loops, take about a third
    of the time. (On a CPU XLA slows down convolutions.) Other backends compile whole
    steps.
    """
    height, width = size
    apply = functools.partial(_apply, policy, (height, width), image_format, ignore)
    if keras.backend.backend() != "tensorflow":
        return apply
    import tensorflow as tf

    return tf.function(apply, jit_compile=True, autograph=False)


def _apply(
    policy: Policy,
    size: tuple[int, int],
    image_format: ImageFormat,
    ignore: int,
    image: Tensor,
    label: Tensor,
    numbers: Tensor,
    instance: Tensor | None = None,
) -> tuple:
    return augment.apply(
        image, label, numbers, policy, size, instance, image_format, ignore
    )
