"""The order of the movers: geometry, mixing, light, erasing."""

from __future__ import annotations

from keras import ops

from kerasseg.augment import geometry, mixing, photometry, weather
from kerasseg.taxonomy import IGNORE


def augmented(image, label, instance, numbers, policy, size):
    """The work behind `kerasseg.augment.apply`, whose arguments it takes."""
    image, label = ops.convert_to_tensor(image), ops.convert_to_tensor(label)
    numbers = ops.convert_to_tensor(numbers)
    maps = _moved(image, label, instance, numbers, policy, size)
    for mixer in (mixing.cutmix, mixing.classmix, mixing.mosaic):
        if getattr(policy, mixer.__name__):
            maps = mixer(maps, numbers, policy)
    image, label, *instance = maps
    image = _lit(image, numbers, policy)
    if policy.erasing:
        image, label = weather.erasing(image, label, numbers, policy)
    return image, label, *instance


def _moved(image, label, instance, numbers, policy, size):
    if not policy.moves:
        return _centred(image, label, instance, policy.fill, size)
    rows, columns = geometry.coordinates(numbers, policy, image.shape[1:3], size)
    return geometry.sample(
        image,
        label,
        rows,
        columns,
        policy.fill,
        mixes=policy.resamples,
        instance=instance,
    )


def _centred(image, label, instance, fill, size):
    """The centred crop, padded where the source is smaller."""
    cut, frame = [slice(None)], [[0, 0]]
    for have, want in zip(image.shape[1:3], size, strict=True):
        start = (have - want) // 2
        cut.append(slice(max(start, 0), max(start, 0) + min(have, want)))
        before = max(-start, 0)
        frame.append([before, max(want - have - before, 0)])
    cut, pads = tuple(cut), any(map(any, frame))
    maps = [ops.cast(image[cut], "float32"), ops.cast(label[cut], "int32")]
    if instance is not None:
        maps.append(ops.cast(instance[cut], "int32"))
    if pads:
        maps[0] = ops.pad(maps[0], [*frame, [0, 0]], constant_values=fill)
        maps[1] = ops.pad(maps[1], frame, constant_values=IGNORE)
        maps[2:] = [ops.pad(i, frame) for i in maps[2:]]
    return maps


def _lit(image, numbers, policy):
    """What happens to light on its way: scene, air, lens, sensor, coding."""
    untouched = image
    if policy.shadow:
        image = weather.shadow(image, numbers, policy)
    if policy.fog:
        image = weather.fog(image, numbers, policy)
    if policy.rain:
        image = weather.rain(image, numbers, policy)
    if any(
        (policy.brightness, policy.contrast, policy.saturation, policy.hue, policy.cast)
    ):
        image = photometry.colour(image, numbers, policy)
    if policy.gamma != (1, 1):
        image = photometry.gamma(image, numbers, policy)
    if policy.blur:
        image = photometry.blur(image, numbers, policy)
    if policy.noise:
        image = photometry.noise(image, numbers, policy)
    if policy.jpeg:
        image = photometry.jpeg(image, numbers, policy)
    return image if image is untouched else ops.clip(image, 0.0, 255.0)
