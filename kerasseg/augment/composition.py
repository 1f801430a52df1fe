"""All transforms of a policy in their order: geometry, mixing, light, erasing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasseg.augment import (
    geometry,
    lookup,
    mixing,
    other_bands,
    photometry,
    volume_geometry,
    weather,
)
from kerasseg.augment.erasing import erasing
from kerasseg.augment.levels import MEAN, Levels, fill_of
from kerasseg.augment.policies import Policy
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import Tensor


def augmented(
    image: Tensor,
    label: Tensor,
    instance: Tensor | None,
    numbers: Tensor,
    policy: Policy,
    size: tuple[int, ...],
    image_format: ImageFormat,
    ignore: int,
    spacing: Sequence[float],
) -> tuple[Tensor, ...]:
    """What `kerasseg.augment.apply` returns; its arguments, already checked."""
    image, label = ops.convert_to_tensor(image), ops.convert_to_tensor(label)
    numbers = ops.convert_to_tensor(numbers)
    fill = fill_of(policy.fill, image_format)
    mixes = policy.resamples and not image_format.is_picture
    if mixes:
        mean = np.asarray(fill_of(round(MEAN), image_format))
        image, label = other_bands.filled(image, label, mean, ignore)
    maps: mixing.Maps = _moved(
        image, label, instance, numbers, policy, size, fill, ignore, spacing
    )
    if mixes:
        maps = *other_bands.emptied(maps[0], maps[1], ignore), *maps[2:]
    for mixer in (mixing.cutmix, mixing.classmix, mixing.mosaic):
        if getattr(policy, mixer.__name__):
            maps = mixer(maps, numbers, policy, ignore)
    image, label, *instances = maps
    thick = volume_geometry.coarse_axis(spacing) if len(size) == 3 else None
    if image_format.is_picture:
        image = _lit(image, numbers, policy, thick)
    elif levels := Levels.of(image_format):  # without them light was refused
        limits = image_format.limits
        light = numbers, policy, levels, limits, ignore, thick
        image = other_bands.lit(image, label, *light)
    if policy.erasing:
        image, label = erasing(image, label, numbers, policy, fill, ignore)
    return image, label, *instances


def _moved(
    image: Tensor,
    label: Tensor,
    instance: Tensor | None,
    numbers: Tensor,
    policy: Policy,
    size: tuple[int, ...],
    fill: int | np.ndarray,
    ignore: int,
    spacing: Sequence[float],
) -> mixing.Maps:
    if not policy.moves:
        return _centred(image, label, instance, fill, size, ignore)
    if len(size) == 3:
        source = image.shape[1:4]
        places: Sequence[Tensor] = volume_geometry.coordinates(
            numbers, policy, source, size, spacing
        )
    else:
        height, width = size
        places = geometry.coordinates(
            numbers, policy, image.shape[1:3], (height, width)
        )
    return lookup.sample(
        image,
        label,
        places,
        fill,
        mixes=policy.resamples,
        instance=instance,
        ignore=ignore,
    )


def _centred(
    image: Tensor,
    label: Tensor,
    instance: Tensor | None,
    fill: int | np.ndarray,
    size: tuple[int, ...],
    ignore: int,
) -> mixing.Maps:
    """The centred crop, padded where the source is smaller."""
    window, frame = [slice(None)], [[0, 0]]
    for have, want in zip(image.shape[1:-1], size, strict=True):
        start = (have - want) // 2
        window.append(slice(max(start, 0), max(start, 0) + min(have, want)))
        before = max(-start, 0)
        frame.append([before, max(want - have - before, 0)])
    cut, pads = tuple(window), any(map(any, frame))
    maps = [ops.cast(image[cut], "float32"), ops.cast(label[cut], "int32")]
    if instance is not None:
        maps.append(ops.cast(instance[cut], "int32"))
    if pads:
        maps[0] = lookup.padded(maps[0], [*frame, [0, 0]], fill)
        planes = [[0, 0]] * (len(label.shape) - len(size) - 1)
        maps[1] = ops.pad(maps[1], [*frame, *planes], constant_values=ignore)
        maps[2:] = [ops.pad(i, frame) for i in maps[2:]]
    return maps


def _lit(image: Tensor, numbers: Tensor, policy: Policy, thick: int | None) -> Tensor:
    """What happens to a picture's light on its way: scene, air, lens, sensor, coding.

    image: (B, h, w, 3 or 1) float32, 0..255; or a volume, (B, d, h, w, 3 or 1), each
        of whose bands is measured by itself. thick: its axis across thick slices.
    """
    by_band = image.shape[-1] == 1 or len(image.shape) == 5
    colours = ("brightness", "contrast", "saturation", "hue", "cast")
    wanted: dict[Callable[..., Tensor], Any] = {
        weather.shadow: policy.shadow,
        weather.fog: policy.fog,
        weather.rain: policy.rain,
        photometry.exposure if by_band else photometry.colour: any(
            getattr(policy, name) for name in colours
        ),
        photometry.gamma: policy.gamma != (1, 1),
        functools.partial(photometry.blur, thick=thick): policy.blur,
        functools.partial(
            photometry.low_resolution, thick=thick
        ): policy.low_resolution,
        photometry.noise: policy.noise,
        photometry.jpeg: policy.jpeg,
    }
    steps = [transform for transform, strength in wanted.items() if strength]
    for transform in steps:
        image = transform(image, numbers, policy)
    image = ops.clip(image, 0.0, 255.0) if steps else image
    if policy.band_dropout:
        mean = np.full(image.shape[-1], MEAN)
        image = other_bands.dropout(image, numbers, policy, mean)
    return image
