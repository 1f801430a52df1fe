"""`kerasseg.tiles.predict` as TensorFlow operations, for pictures of unknown size.

It is a second copy because a graph cannot call numpy; tests hold both equal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kerasseg import UserError


def logits(
    run: Callable[[tf.Tensor], tf.Tensor],
    classes: int,
    image: tf.Tensor,
    tile: tuple[int, int],
    overlap: int,
) -> tf.Tensor:
    """(H, W, bands) -> logits float32 (H, W, C) of overlapping tiles, blended.

    run: the network, float32 (B, h, w, bands) -> (B, h, w, C); classes: C.

    Each tile fades out linearly over the overlap; beyond its border the image is
    mirrored. One row of tiles goes through the network at a time.
    """
    size = tf.shape(image)
    rows, columns = (
        _places(size[0], tile[0], overlap),
        _places(size[1], tile[1], overlap),
    )
    down, right = _ramp(tile[0], overlap), _ramp(tile[1], overlap)
    across, along = _covered(columns), _covered(rows)

    def row(places):
        """Logits of one row of tiles, faded at its upper and lower end."""
        strip = tf.gather(image, _mirrored(places, size[0]))
        tiles = tf.gather(strip, _mirrored(columns, size[1]), axis=1)
        tiles = tf.transpose(tiles, (1, 0, 2, 3))  # (tiles, h, w, 3)
        out = run(tf.cast(tiles, tf.float32))
        out = tf.transpose(out * right[:, None], (0, 2, 1, 3))  # (tiles, w, h, C)
        total = _summed(out, columns, across) / weights[:, None, None]
        return tf.transpose(total, (1, 0, 2)) * down[:, None, None]

    weights = _summed(tf.ones_like(columns, tf.float32) * right, columns, across)
    shape = tf.TensorSpec((tile[0], None, classes), tf.float32)
    strips = tf.map_fn(
        row, rows, fn_output_signature=shape, parallel_iterations=1
    )  # (rows of tiles, h, covered W, C)
    weight = _summed(tf.ones_like(rows, tf.float32) * down, rows, along)
    total = _summed(strips, rows, along) / weight[:, None, None]
    return tf.ensure_shape(total[: size[0], : size[1]], (None, None, classes))


def check(tile: tuple[int, int], overlap: int) -> None:
    """Raises UserError for an overlap that is not even, or not smaller than a tile."""
    if not 0 < overlap < min(tile) or overlap % 2:
        raise UserError(
            "The overlap of tiles must be even, "
            f"from 1 to {min(tile) - 1} pixels for a network of {tile[0]} x {tile[1]} "
            f"(height x width), got {overlap}."
        )


def _places(size, tile: int, overlap: int):
    """(tiles, tile) positions along an axis, also beyond its end."""
    step = tile - overlap
    count = tf.maximum(-(-(size - overlap) // step), 1)
    return step * tf.range(count)[:, None] + tf.range(tile)


def _mirrored(places, size):
    """Positions within 0..size-1; the pixel at the border is not repeated."""
    period = tf.maximum(2 * (size - 1), 1)
    places %= period
    return tf.where(size > 1, tf.minimum(places, period - places), 0)


def _ramp(tile: int, overlap: int):
    rise = np.arange(1, tile + 1, dtype=np.float32)
    ramp = np.minimum(rise, rise[::-1]) / np.float32(overlap + 1)
    return tf.constant(np.minimum(ramp, 1))


def _covered(places):
    return places[-1, -1] + 1


def _summed(values, places, length):
    """(tiles, tile, ...) values added up at their places along an axis of `length`."""
    values = tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], 0))
    return tf.math.unsorted_segment_sum(values, tf.reshape(places, (-1,)), length)
