"""All transforms of a policy in their order: geometry, mixing, light, erasing."""

from __future__ import annotations

import numpy as np
from keras import ops

from kerasseg.augment import geometry, mixing, other_bands, photometry, weather
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
    size: tuple[int, int],
    image_format: ImageFormat,
    ignore: int,
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
        image, label, instance, numbers, policy, size, fill, ignore
    )
    if mixes:
        maps = *other_bands.emptied(maps[0], maps[1], ignore), *maps[2:]
    for mixer in (mixing.cutmix, mixing.classmix, mixing.mosaic):
        if getattr(policy, mixer.__name__):
            maps = mixer(maps, numbers, policy, ignore)
    image, label, *instances = maps
    if image_format.is_picture:
        image = _lit(image, numbers, policy)
    elif levels := Levels.of(image_format):  # without them light was refused
        limits = image_format.limits
        image = other_bands.lit(image, label, numbers, policy, levels, limits, ignore)
    if policy.erasing:
        image, label = erasing(image, label, numbers, policy, fill, ignore)
    return image, label, *instances


def _moved(
    image: Tensor,
    label: Tensor,
    instance: Tensor | None,
    numbers: Tensor,
    policy: Policy,
    size: tuple[int, int],
    fill: int | np.ndarray,
    ignore: int,
) -> mixing.Maps:
    if not policy.moves:
        return _centred(image, label, instance, fill, size, ignore)
    rows, columns = geometry.coordinates(numbers, policy, image.shape[1:3], size)
    return geometry.sample(
        image,
        label,
        rows,
        columns,
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
    size: tuple[int, int],
    ignore: int,
) -> mixing.Maps:
    """The centred crop, padded where the source is smaller."""
    window, frame = [slice(None)], [[0, 0]]
    for have, want in zip(image.shape[1:3], size, strict=True):
        start = (have - want) // 2
        window.append(slice(max(start, 0), max(start, 0) + min(have, want)))
        before = max(-start, 0)
        frame.append([before, max(want - have - before, 0)])
    cut, pads = tuple(window), any(map(any, frame))
    maps = [ops.cast(image[cut], "float32"), ops.cast(label[cut], "int32")]
    if instance is not None:
        maps.append(ops.cast(instance[cut], "int32"))
    if pads:
        maps[0] = geometry.padded(maps[0], [*frame, [0, 0]], fill)
        planes = [[0, 0]] * (len(label.shape) - 3)
        maps[1] = ops.pad(maps[1], [*frame, *planes], constant_values=ignore)
        maps[2:] = [ops.pad(i, frame) for i in maps[2:]]
    return maps


def _lit(image: Tensor, numbers: Tensor, policy: Policy) -> Tensor:
    """What happens to a picture's light on its way: scene, air, lens, sensor, coding.

    image: (B, h, w, 3 or 1) float32, 0..255.
    """
    grey = image.shape[-1] == 1
    colours = ("brightness", "contrast", "saturation", "hue", "cast")
    wanted = {
        weather.shadow: policy.shadow,
        weather.fog: policy.fog,
        weather.rain: policy.rain,
        photometry.exposure if grey else photometry.colour: any(
            getattr(policy, name) for name in colours
        ),
        photometry.gamma: policy.gamma != (1, 1),
        photometry.blur: policy.blur,
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
