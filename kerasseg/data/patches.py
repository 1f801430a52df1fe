"""Patches of volumes: one drawn for each sample of a training, a grid for a score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.format.description import Description
from kerasseg.data.format.example import parse
from kerasseg.taxonomy import Taxonomy

DRAW = 1
"""Sets the draws of a place apart from the numbers of the augmentation."""
ENCODED_BYTES = 256 << 20
"""Of serialised volumes that are held to mix them: they may be large."""

Parsed = dict[str, tf.Tensor]


def decoder(
    description: Description,
    size: tuple[int, ...],
    crop: tuple[int, ...],
    *,
    training: bool,
    foreground: float,
    numbers: int,
    seed: int,
) -> Callable:
    """Function (running number, serialised example) -> the patch of a training, or all
    patches of a grid one behind the other; for the arguments see
    `kerasseg.data.pipeline.batches`."""
    images, taxonomy = description.image_format, description.taxonomy
    fill = tf.constant(np.array(fill_of(description), images.type))

    def decode(number, serialised):
        sample = parse(
            serialised,
            image_format=images,
            num_classes=taxonomy.num_classes,
            exclusive=taxonomy.exclusive,
            volume=True,
        )
        if not training:
            return _grid(sample, size, fill, taxonomy)
        key = tf.stack([tf.constant(seed, tf.int64), number])
        place = _place(sample, size, crop, foreground, key)
        patch = {
            "image": _filled(sample["image"], fill, _cut, place, size),
            "label": _cut(sample["label"], place, size, taxonomy.ignore),
        }
        patch["image"] = tf.ensure_shape(patch["image"], (*size, images.channels))
        patch["label"] = tf.ensure_shape(patch["label"], (*size, *taxonomy.planes))
        if numbers:
            patch["numbers"] = tf.random.stateless_uniform((numbers,), key)
        return patch

    return decode


def fill_of(description: Description) -> list[float]:
    """What is put around a volume that is too small: in each channel the mean of the
    training split, which is 0 where each volume was standardised."""
    images, volume = description.image_format, description.volume
    if (volume and volume.normalise == "zscore") or not images.statistics:
        return [0.0] * images.channels
    means = [band.mean for band in images.statistics]
    return means if images.type == "float32" else [float(round(one)) for one in means]


def shuffle_of(description: Description, split: str, shuffle: int) -> int:
    """Samples to mix: `shuffle`, or fewer, where volumes are large."""
    known = description.split(split)
    held = max(1, sum(shard.bytes for shard in known.shards))
    return max(1, min(shuffle, ENCODED_BYTES * known.samples // held))


def count_of(description: Description, split: str, size: tuple[int, ...]) -> int:
    """Patches of all grids of a split; -1 where its volumes differ in size."""
    known = description.split(split)
    if known.depth is None or known.height is None or known.width is None:
        return -1
    count = known.samples
    for whole, one in zip((known.depth, known.height, known.width), size, strict=True):
        count *= -(-whole // one)
    return count


def check_crop(size: tuple[int, ...], crop: tuple[int, ...]) -> tuple[int, ...]:
    """The crop; where none is given, the size. Raises UserError for a larger one."""
    if not any(crop):
        return size
    if len(crop) != 3 or any(c > s for c, s in zip(crop, size, strict=True)):
        raise UserError(
            f"--data.crop {_words(crop)} must be three sides and fit into --data.size "
            f"{_words(size)}: the network's patch is cut out of that region."
        )
    return crop


def _words(size: tuple[int, ...]) -> str:
    return " ".join(map(str, size))


def _place(
    sample: Parsed,
    size: tuple[int, ...],
    crop: tuple[int, ...],
    foreground: float,
    key: tf.Tensor,
) -> tf.Tensor:
    """Where a patch begins, int64 (3,): around a voxel of a class, or anywhere.

    What is cut out of its middle (`crop`) stays inside the volume where it can, so the
    patch itself may stick out. After nnU-Net's loader (Isensee et al. 2021).
    """
    shape = tf.shape(sample["image"], tf.int64)[:3]
    wanted, inner = tf.constant(size, tf.int64), tf.constant(crop, tf.int64)
    before = (wanted - inner) // 2
    # A volume smaller than the crop stands in its middle.
    low = tf.minimum((shape - inner) // 2, 0) - before
    high = tf.maximum(shape - inner, (shape - inner) // 2) - before
    high = tf.maximum(high, low)
    draws = tf.random.stateless_uniform(
        (6,), tf.random.experimental.stateless_fold_in(key, DRAW), dtype=tf.float64
    )
    anywhere = low + _pick(draws[3:], high - low + 1)
    voxels = tf.cast(sample["foreground"], tf.int64)

    def around_a_voxel() -> tf.Tensor:
        classes = tf.unique(voxels[:, 0])[0]
        chosen = classes[_pick(draws[1], tf.size(classes, tf.int64))]
        of_class = tf.boolean_mask(voxels[:, 1:], voxels[:, 0] == chosen)
        centre = of_class[_pick(draws[2], tf.shape(of_class, tf.int64)[0])]
        return tf.clip_by_value(centre - wanted // 2, low, high)

    wants = tf.logical_and(draws[0] < foreground, tf.shape(voxels)[0] > 0)
    return tf.cond(wants, around_a_voxel, lambda: anywhere)


def _pick(draw: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """A whole number from 0 to count - 1, of a draw in [0, 1)."""
    return tf.cast(tf.floor(draw * tf.cast(count, draw.dtype)), tf.int64)


def _filled(image: tf.Tensor, fill: tf.Tensor, cut: Callable, *where: Any) -> tf.Tensor:
    """What `cut` makes of an image, with `fill` (C,) in each channel around it."""
    here = cut(tf.ones(tf.shape(image)[:3], tf.bool), *where, False)
    return tf.where(here[..., None], cut(image, *where, 0), fill)


def _cut(
    voxels: tf.Tensor, place: tf.Tensor, size: tuple[int, ...], fill: int
) -> tf.Tensor:
    """The part of (D, H, W, ...) that begins at `place` and has `size`; what lies
    outside is `fill`."""
    shape = tf.shape(voxels, tf.int64)[:3]
    wanted = tf.constant(size, tf.int64)
    begin = tf.clip_by_value(place, 0, shape)
    end = tf.clip_by_value(place + wanted, 0, shape)
    rest = voxels.shape.rank - 3
    inside = tf.slice(
        voxels,
        tf.pad(begin, [[0, rest]]),
        tf.pad(end - begin, [[0, rest]], constant_values=-1),
    )
    before = tf.minimum(begin - place, wanted)
    pads = tf.stack([before, wanted - before - (end - begin)], axis=1)
    return tf.pad(inside, tf.pad(pads, [[0, rest], [0, 0]]), constant_values=fill)


def _grid(
    sample: Parsed, size: tuple[int, ...], fill: tf.Tensor, taxonomy: Taxonomy
) -> Parsed:
    """Patches that cover a volume, spread evenly: image (N, D, H, W, C), label.

    They overlap, so that each is as full as it can be, as it is in a training: of a
    sliver the network would see next to nothing. A voxel keeps its label in the first
    patch that holds it and is ignored in the others, so that it counts once.
    """
    shape = tf.shape(sample["image"], tf.int64)[:3]
    axes = [_begins(shape[axis], side) for axis, side in enumerate(size)]
    places, new = (
        tf.reshape(tf.stack(tf.meshgrid(*some, indexing="ij"), -1), (-1, 3))
        for some in zip(*axes, strict=True)
    )
    ignore = tf.constant(taxonomy.ignore, sample["label"].dtype)
    planes = (1,) * len(taxonomy.planes)

    def patch(where: tuple[tf.Tensor, tf.Tensor]) -> Parsed:
        place, begins = where
        first = tf.ones(size, tf.bool)
        for axis, side in enumerate(size):
            own = place[axis] + tf.range(side, dtype=tf.int64) >= begins[axis]
            first &= tf.reshape(own, [side if a == axis else 1 for a in range(3)])
        label = _cut(sample["label"], place, size, taxonomy.ignore)
        first = tf.reshape(first, (*size, *planes))
        return {
            "image": _filled(sample["image"], fill, _cut, place, size),
            "label": tf.where(first, label, ignore),
        }

    shapes = {
        "image": (*size, *sample["image"].shape[3:]),
        "label": (*size, *taxonomy.planes),
    }
    kinds = {name: tf.TensorSpec(shapes[name], sample[name].dtype) for name in shapes}
    return tf.map_fn(patch, (places, new), fn_output_signature=kinds)


def _begins(length: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Along one axis, int64 (N,): where each patch begins, and the first voxel that is
    in none before. A length below the side stands in the middle."""
    count = -(-length // side)
    room = length - side
    steps = tf.range(count) * tf.maximum(room, 0) // tf.maximum(count - 1, 1)
    places = steps + tf.minimum(room // 2, 0)
    return places, tf.concat([places[:1], places[:-1] + side], 0)
