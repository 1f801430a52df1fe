"""What the signatures of the SavedModel compute, from pixels or bytes to classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kerasseg.export.saved_model import encoded, tiles
from kerasseg.export.saved_model.resampling import resampled
from kerasseg.image_format import ImageFormat
from kerasseg.inference import strips
from kerasseg.inference.class_maps import (
    class_map,
    probabilities_of,
    stretched,
    whole,
    zeroed,
)
from kerasseg.taxonomy import label_type


@dataclass(frozen=True)
class Graph:
    """Functions of the signatures.

    run: the network, images float32 (B, h, w, bands) -> logits (B, h, w, C), traced
    once for all signatures (`traced`); size: (h, w); classes: C; exclusive: whether a
    pixel has one class, see `kerasseg.taxonomy.Taxonomy`; the others: of
    `signatures.write`.

    Scores are logits (B, H, W, C); with `flip` (B, H, W, 2 C), those of the image and
    those of its mirror image, turned back. An example: a network of 360 x 480 and 11
    classes, `of_bytes` of two pictures:

    image_bytes (2,)   a JPEG of 720 x 960 pixels, a PNG of 90 x 120
    _loaded            uint8 (2, 360, 480, 3), both stretched; size [[720, 960], [90,
                       120]]
    _scores            float32 (2, 360, 480, 11), one run of the network for both
    enlarged           (720, 960) and (90, 120) ids, one after the other and strip by
                       strip: no tensor holds the scores of a whole large picture
    answer             two gray PNGs of ids, 720 x 960 and 90 x 120, and size

    With `overlap` each picture goes its own way: the first is cut into tiles, the
    second is stretched.
    """

    run: Callable[[tf.Tensor], tf.Tensor]
    size: tuple[int, int]
    classes: int
    exclusive: bool
    overlap: int
    flip: bool
    max_pixels: int
    image_format: ImageFormat

    # ---- One function a signature ----------------------------------------------------

    def class_map_of_images(self, image):
        """Images (B, H, W, bands) of any type and size -> class_map."""
        return {"class_map": self._ids_at_size(tf.cast(image, tf.float32))}

    def probabilities_of_images(self, image):
        """Images (B, H, W, bands) of any size -> probabilities."""
        shape = (None, None, None, self.classes)
        found = self._at_size(image, self._probabilities, shape, tf.float32)
        return {"probabilities": found}

    def of_pixels(self, image):
        """Images (B, h, w, bands) of the network's own size -> both."""
        scores = self._scores(self._logits, image)
        ids, probabilities = self._ids(scores), self._probabilities(scores)
        return {"class_map": ids, "probabilities": probabilities}

    def probabilities_of_bytes(self, image_bytes):
        """Pictures (B,) -> both at the network's size, and the size they had."""
        pixels, size = self._loaded(image_bytes)
        return {"size": size, **self.of_pixels(pixels)}

    def of_bytes(self, image_bytes):
        """Pictures (B,) -> class maps as PNG at their own size, and that size."""
        kind = ((), tf.string) if self.exclusive else ((self.classes,), tf.string)
        if self.overlap:  # each picture alone, at its own size

            def alone(item):
                data, number = item
                image = tf.cast(self._upright(data, number), tf.float32)
                return self._png(self._ids_at_size(image[None])[0]), tf.shape(image)[:2]

            kinds = [kind, ((2,), tf.int32)]
            png, size = _mapped(alone, _numbered(image_bytes), kinds)
            return {"class_map_png_bytes": png, "size": size}

        pixels, size = self._loaded(image_bytes)

        def resized(item):
            scores, size = item
            return (self._png(self._enlarged_ids(scores[None], size)[0]),)

        scores = self._scores(self._logits, pixels)
        (png,) = _mapped(resized, (scores, size), [kind])
        return {"class_map_png_bytes": png, "size": size}

    # ---- Pixels ----------------------------------------------------------------------

    def _loaded(self, image_bytes):
        """Pixels (B, h, w, bands) at the network's size, and the size they had."""
        given = self.image_format

        def load(item):
            data, number = item
            image = self._upright(data, number)
            pixels = tf.cast(stretched(image, self.size, given), given.type)
            return pixels, tf.shape(image)[:2]

        kinds = [((*self.size, given.channels), given.type), ((2,), tf.int32)]
        return _mapped(load, _numbered(image_bytes), kinds)

    def _upright(self, data, number):
        return encoded.upright(data, number, self.max_pixels, self.image_format)

    # ---- Scores ----------------------------------------------------------------------

    def _scores(self, logits_of, image):
        if not self.flip:
            return logits_of(image)
        other = tf.reverse(logits_of(tf.reverse(image, [2])), [2])
        return tf.concat([logits_of(image), other], -1)

    def _logits(self, image):
        return self.run(zeroed(tf.cast(image, tf.float32), self.image_format))

    def _stretched_logits(self, image):
        """As `inference.class_maps.logits_at_size` before it enlarges them; of
        operations that other engines know."""
        image = tf.cast(image, tf.float32)
        pixels = resampled(zeroed(image, self.image_format), self.size)
        return self.run(whole(pixels, self.image_format))

    def _tiled_logits(self, image):
        """(B, H, W, C) of tiles at the image's own size."""
        # Numbers that the data holds, as after the resize.
        pixels = zeroed(tf.cast(image, tf.float32), self.image_format)
        pixels = whole(pixels, self.image_format)
        return tf.map_fn(
            lambda one: tiles.logits(
                self.run, self.classes, one, self.size, self.overlap
            ),
            tf.cast(pixels, self.image_format.type),
            fn_output_signature=tf.float32,
            parallel_iterations=1,
        )

    # ---- Answers ---------------------------------------------------------------------

    @functools.cached_property
    def _ids_at_size(self):
        """Images float32 (B, H, W, bands) -> ids; traced once for all signatures."""
        spec = tf.TensorSpec((None, None, None, self.image_format.channels), tf.float32)
        shape, kind = self._spec_of_ids()

        def ids(image):
            return self._at_size(image, self._ids, shape, kind)

        return tf.function(ids, input_signature=[spec])

    def _at_size(self, image, finish, shape, kind):
        """`finish` of the scores at the image's own size."""
        size, spec = tf.shape(image)[1:3], tf.TensorSpec(shape, kind)

        def stretched_to_it():
            scores = self._scores(self._stretched_logits, image)
            return strips.enlarged(scores, size, finish, spec)

        def in_tiles():
            found = finish(self._scores(self._tiled_logits, image))
            return tf.ensure_shape(found, shape)

        if not self.overlap:
            return stretched_to_it()
        larger = (size[0] > self.size[0]) | (size[1] > self.size[1])
        return tf.cond(larger, in_tiles, stretched_to_it)

    def _enlarged_ids(self, scores, size):
        spec = tf.TensorSpec(*self._spec_of_ids())
        return strips.enlarged(scores, size, self._ids, spec)

    def _spec_of_ids(self):
        if self.exclusive:
            return (None, None, None), label_type(self.classes)
        return (None, None, None, self.classes), tf.uint8

    def _probabilities(self, scores):
        if not self.flip:
            return probabilities_of(scores, self.exclusive)
        one, other = (
            probabilities_of(part, self.exclusive) for part in tf.split(scores, 2, -1)
        )
        return (one + other) / 2

    def _ids(self, scores):
        """Scores -> ids (...); where classes overlap 0 and 1 (..., C)."""
        # Of logits where possible: in float32, probabilities near 1 may be equal.
        scores = self._probabilities(scores) if self.flip else scores
        least = 0.5 if self.flip else 0.0
        return class_map(scores, self.classes, self.exclusive, least)

    def _png(self, ids):
        """Gray PNG of class ids (H, W); where classes overlap, one of each (C,)."""
        if self.exclusive:
            return tf.io.encode_png(tf.expand_dims(ids, -1))
        planes = tf.unstack(ids, self.classes, axis=-1)
        return tf.stack([tf.io.encode_png(plane[..., None]) for plane in planes])


def traced(network: keras.Model) -> Any:
    """The network as one function of a graph: all signatures call it."""
    spec = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)

    def run(image):
        return network(image, training=False)

    return tf.function(run, input_signature=[spec])


def _numbered(image_bytes):
    """The pictures and their numbers from 0; an error where there are no pictures."""
    some = tf.size(image_bytes) > 0
    check = tf.debugging.Assert(some, ["image_bytes holds no picture"])
    with tf.control_dependencies([check]):
        return image_bytes, tf.range(tf.size(image_bytes))


def _mapped(function, items, kinds):
    """tf.map_fn, two items at a time, so that memory is bounded by the largest picture.

    kinds: shape and type of each result.
    """
    specs = tuple(tf.TensorSpec(shape, kind) for shape, kind in kinds)
    return tf.map_fn(function, items, fn_output_signature=specs, parallel_iterations=2)
