"""The SavedModel of a network of volumes, with the sliding window in the graph.

`window` is a second copy of `kerasseg.inference.volumes.window`, because a graph cannot
call NumPy; tests hold both equal.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasseg import UserError
from kerasseg.export.saved_model.graph import traced
from kerasseg.export.saved_model.signatures import asset, module_of
from kerasseg.files import atomic
from kerasseg.image_format import ImageFormat
from kerasseg.inference.class_maps import class_map, probabilities_of
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.inference.volumes.networks import patch_size
from kerasseg.inference.volumes.segmenter import outside_of
from kerasseg.inference.volumes.window import weights
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat


def write(
    network: keras.Model,
    path: str | Path,
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    volume: VolumeFormat,
    flip: bool = False,
) -> Path:
    """Writes the SavedModel folder PATH with these signatures.

    serving_default: image float32 (B, D, H, W, bands) of any size, in the units of the
        files and in RAS+ (z, y, x); of sets that were resampled, on voxels of their
        spacing -> class_map uint8 (B, D, H, W). It is standardised in the graph, where
        the training was; NaN and infinity are no measurement.
    probabilities: the same image -> probabilities float32 (B, D, H, W, K).
    network_size: a patch (B, d, h, w, bands), normalised -> class_map, probabilities.

    flip: the mean of each patch and of its mirror image, left to right.

    Where classes overlap class_map is (..., K) of 0 and 1. Raises UserError where bands
    or classes are not those of the network.
    """
    size, classes = patch_size(network), network.output_shape[-1]
    channels = network.input_shape[-1]
    if (channels, classes) != (image_format.channels, taxonomy.num_classes):
        raise UserError(
            f"The network takes {channels} bands and gives {classes} classes; its run "
            f"says {image_format.channels} and {taxonomy.num_classes}."
        )
    run, exclusive = traced(network), taxonomy.exclusive
    outside = outside_of(volume, image_format)

    def of_patch(image: Any) -> Any:
        def one(patch):
            return probabilities_of(run(patch), exclusive)

        return mirrored_mean(one, image) if flip else one(image)

    def scores(image: Any) -> Any:
        def one(volume_):
            given = _standardised(volume_) if volume.normalise == "zscore" else volume_
            return window(of_patch, classes, given, size, outside)

        shape = tf.TensorSpec((None, None, None, classes), tf.float32)
        return tf.map_fn(one, image, fn_output_signature=shape, parallel_iterations=1)

    def ids(found: Any) -> Any:
        return class_map(found, classes, exclusive, 0.5)

    any_size = tf.TensorSpec((None, None, None, None, channels), tf.float32, "image")
    own_size = tf.TensorSpec((None, *size, channels), tf.float32, "image")

    @tf.function(input_signature=[any_size])
    def whole(image):
        return {"class_map": ids(scores(image))}

    @tf.function(input_signature=[any_size])
    def probabilities(image):
        return {"probabilities": scores(image)}

    @tf.function(input_signature=[own_size])
    def patches(image):
        found = of_patch(image)
        return {"class_map": ids(found), "probabilities": found}

    signatures = {"serving_default": whole, "probabilities": probabilities}
    signatures |= {"network_size": patches}
    module = module_of(network)
    with tempfile.TemporaryDirectory() as folder, atomic.replacing(path) as aside:
        module.taxonomy = asset(folder, "taxonomy.json", taxonomy.to_json())
        values = image_format.to_json()
        module.image_format = asset(folder, "image_format.json", values)
        module.volume_format = asset(folder, "volume_format.json", volume.to_json())
        tf.saved_model.save(module, str(aside), signatures)
    return Path(path)


def window(
    probabilities: Callable[[Any], Any],
    classes: int,
    volume: Any,
    size: tuple[int, int, int],
    outside: float | tuple[float, ...] = 0.0,
) -> Any:
    """Volume (D, H, W, C) -> probabilities (D, H, W, K), patch after patch, as
    `kerasseg.inference.volumes.window.slabs` in half overlap.

    probabilities: (1, d, h, w, C) -> (1, d, h, w, K); classes: K.
    """
    shape = tf.shape(volume, tf.int64)[:3]
    sides = tf.constant(size, tf.int64)
    before = tf.maximum((sides - shape + 1) // 2, 0)  # as -((shape - side) // 2)
    after = tf.maximum(sides - shape - before, 0)
    around = tf.concat([tf.stack([before, after], 1), [[0, 0]]], 0)
    fill = tf.constant(outside, tf.float32)
    padded = tf.pad(volume - fill, around) + fill
    whole = tf.shape(padded, tf.int64)[:3]
    axes = [_starts(whole[axis], size[axis]) for axis in range(3)]
    begins = tf.reshape(tf.stack(tf.meshgrid(*axes, indexing="ij"), -1), (-1, 3))
    places = tf.stack(
        tf.meshgrid(*(tf.range(n, dtype=tf.int64) for n in size), indexing="ij"), -1
    )
    down, across, along = (weights(side) for side in size)
    gauss = tf.constant(
        down[:, None, None, None] * across[:, None, None] * along[:, None]
    )
    step = tf.stack([whole[1] * whole[2], whole[2], tf.ones((), tf.int64)])

    def add(number, total):
        begin = begins[number]
        end = tf.concat([begin, [0]], 0)
        patch = tf.slice(padded, end, [*size, volume.shape[-1]])
        found = probabilities(patch[None])[0] * gauss
        where = tf.reduce_sum((places + begin) * step, -1, keepdims=True)
        where, found = tf.reshape(where, (-1, 1)), tf.reshape(found, (-1, classes))
        return number + 1, tf.tensor_scatter_nd_add(total, where, found)

    total = tf.zeros(tf.stack([tf.reduce_prod(whole), classes]))
    _, total = tf.while_loop(
        lambda number, _: number < tf.shape(begins)[0],
        add,
        (0, total),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None, classes))),
        parallel_iterations=1,
    )
    total = tf.reshape(total, tf.concat([whole, [classes]], 0))
    for axis, starts in enumerate(axes):
        mass = _mass(starts, size[axis], whole[axis])
        total /= tf.reshape(mass, [-1 if one == axis else 1 for one in range(4)])
    end = tf.concat([shape, [classes]], 0)
    return tf.slice(total, tf.concat([before, [0]], 0), end)


def _starts(length: Any, side: int) -> Any:
    """`kerasseg.inference.volumes.window.starts`; the length is at least a side."""
    rest = length - side
    count = tf.cast(tf.math.ceil(2 * rest / side), tf.int64) + 1
    parts = tf.range(count) * rest / tf.maximum(count - 1, 1)  # float64
    return tf.cast(tf.round(parts), tf.int64)


def _mass(starts: Any, side: int, length: Any) -> Any:
    """The weights of all patches along an axis, summed (length,): those of a voxel are
    a product, so their sum is the product of the axes' sums."""
    places = tf.reshape(starts[:, None] + tf.range(side, dtype=tf.int64), (-1,))
    values = tf.tile(tf.constant(weights(side)), [tf.shape(starts)[0]])
    return tf.math.unsorted_segment_sum(values, places, length)


def _standardised(volume: Any) -> Any:
    """`kerasseg.volume_format.standardised` in a graph; NaN and infinity become 0."""
    valid = tf.reduce_all(tf.math.is_finite(volume), -1, keepdims=True)
    kept = tf.cast(tf.where(valid, volume, 0.0), tf.float64)
    count = tf.reduce_sum(tf.cast(valid, tf.float64))
    mean = tf.reduce_sum(kept, (0, 1, 2)) / tf.maximum(count, 1.0)
    away = tf.where(valid, kept - mean, tf.zeros((), tf.float64))
    deviation = tf.sqrt(tf.reduce_sum(away**2, (0, 1, 2)) / tf.maximum(count, 1.0))
    return tf.cast(tf.math.divide_no_nan(away, deviation), tf.float32)


def agreement(
    network: keras.Model,
    folder: Path,
    patches: np.ndarray,
    image_format: ImageFormat,
    volume: VolumeFormat,
    exclusive: bool = True,
    flip: bool = False,
) -> float:
    """Share of voxels of a volume larger than the network that get the class that
    `inference.volumes` gives, as `larger.agreement` for pictures.

    patches: (B, d, h, w, C), normalised, put side by side.
    """
    from kerasseg.inference.volumes.networks import volume_segmenter
    from kerasseg.volume_format import standardised

    row = np.concatenate([patches[0], patches[-1]], axis=2)
    mosaic = np.concatenate([row, row[:, ::-1]], axis=0)
    cut = [side + side // 3 for side in patches.shape[1:4]]
    image = mosaic[: cut[0], :, : cut[2]].astype(np.float32)
    mirror = (2,) if flip else ()
    segment = volume_segmenter(network, volume, image_format, exclusive, mirror)
    given = standardised(image) if volume.normalise == "zscore" else image
    expected = segment(given)
    served = tf.saved_model.load(str(folder))
    found = served.signatures["serving_default"](image=tf.constant(image[None]))
    return float((found["class_map"][0].numpy() == expected).mean())
