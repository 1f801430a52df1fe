"""What the signatures of the SavedModel compute, from pixels or bytes to classes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

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
from kerasseg.inference.scales import Sized
from kerasseg.taxonomy import label_type


@dataclass(frozen=True)
class Graph:
    """Functions of the signatures.

    passes: the network at each size that it is run at, traced once for all signatures
    (`traced`); size: its own, (h, w); classes: C; exclusive: whether a pixel has one
    class, see `kerasseg.taxonomy.Taxonomy`; the others: of `signatures.write`.

    Scores are a list of logits (B, h, w, C), one of each pass; with `flip` (B, h, w,
    2 C), those of the image and those of its mirror image, turned back. An example: a
    network of 360 x 480 and 11 classes, `of_bytes` of two pictures:

    image_bytes (2,)   a JPEG of 720 x 960 pixels, a PNG of 90 x 120
    _loaded            [uint8 (2, 360, 480, 3)], both stretched; size [[720, 960], [90,
                       120]]
    _scores            [float32 (2, 360, 480, 11)], one run of the network for both
    enlarged           (720, 960) and (90, 120) ids, one after the other and strip by
                       strip: no tensor holds the scores of a whole large picture
    answer             two gray PNGs of ids, 720 x 960 and 90 x 120, and size

    With `overlap` each picture goes its own way: the first is cut into tiles, the
    second is stretched.
    """

    passes: Sequence[Sized]
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
        logits_of = self._own_logits if self._alone else self._stretched_logits
        return self._both(self._scores(logits_of, image))

    def probabilities_of_bytes(self, image_bytes):
        """Pictures (B,) -> both at the network's size, and the size they had."""
        pixels, size = self._loaded(image_bytes)
        return {"size": size, **self._both(self._scores_of(pixels))}

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
            scores = [one[None] for one in scores]
            return (self._png(self._enlarged_ids(scores, size)[0]),)

        scores = self._scores_of(pixels)
        (png,) = _mapped(resized, (scores, size), [kind])
        return {"class_map_png_bytes": png, "size": size}

    # ---- Pixels ----------------------------------------------------------------------

    @property
    def _alone(self):
        """Whether the network runs at its own size only."""
        return [one.size for one in self.passes] == [self.size]

    def _loaded(self, image_bytes):
        """Pixels float32 (B, h, w, bands) at the size of each pass, with `flip` those
        of the mirror image behind each; and the size they had."""
        given = self.image_format
        sizes = [one.size for one in self.passes for _ in range(1 + self.flip)]

        def load(item):
            data, number = item
            image = self._upright(data, number)
            ways = [image, tf.reverse(image, [1])] if self.flip else [image]
            ways = ways * len(self.passes)
            found = [
                tf.cast(stretched(way, size, given), given.type)
                for way, size in zip(ways, sizes, strict=True)
            ]
            return (*found, tf.shape(image)[:2])

        kinds = [((*size, given.channels), given.type) for size in sizes]
        kinds.append(((2,), tf.int32))
        *pixels, size = _mapped(load, _numbered(image_bytes), kinds)
        return [zeroed(tf.cast(one, tf.float32), given) for one in pixels], size

    def _upright(self, data, number):
        return encoded.upright(data, number, self.max_pixels, self.image_format)

    # ---- Scores ----------------------------------------------------------------------

    def _scores_of(self, pixels):
        """Scores of pixels of `_loaded`."""
        each = 1 + self.flip
        found = []
        for number, one in enumerate(self.passes):
            logits = [one.run(x) for x in pixels[number * each : (number + 1) * each]]
            logits[1:] = [tf.reverse(x, [2]) for x in logits[1:]]
            found.append(tf.concat(logits, -1))
        return found

    def _scores(self, logits_of, image):
        """Scores of images. logits_of: function (pass, images) -> logits."""
        found = []
        for one in self.passes:
            logits = [logits_of(one, image)]
            if self.flip:
                other = logits_of(one, tf.reverse(image, [2]))
                logits.append(tf.reverse(other, [2]))
            found.append(tf.concat(logits, -1))
        return found

    def _own_logits(self, one, image):
        return one.run(zeroed(tf.cast(image, tf.float32), self.image_format))

    def _stretched_logits(self, one, image):
        """Of images (B, H, W, bands) of any size, at the size of the pass. As
        `inference.class_maps.stretched`; of operations that other engines know."""
        pixels = zeroed(tf.cast(image, tf.float32), self.image_format)
        return one.run(whole(resampled(pixels, one.size), self.image_format))

    def _tiled_logits(self, one, image):
        """(B, H, W, C) of tiles at the image's own size, each run as a pass does."""
        # Numbers that the data holds, as after the resize.
        pixels = zeroed(tf.cast(image, tf.float32), self.image_format)
        pixels = whole(pixels, self.image_format)

        def run(tiles):
            if one.size == self.size:
                return one.run(tiles)
            found = one.run(whole(resampled(tiles, one.size), self.image_format))
            return tf.image.resize(found, self.size)

        return tf.map_fn(
            lambda image: tiles.logits(
                run, self.classes, image, self.size, self.overlap
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
            scores = self._scores(self._tiled_logits, image)
            return tf.ensure_shape(finish(tf.concat(scores, -1)), shape)

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

    def _both(self, scores):
        """Ids and probabilities at the network's own size."""
        if not self._alone:
            scores = [tf.image.resize(one, self.size) for one in scores]
        scores = tf.concat(scores, -1)
        ids, probabilities = self._ids(scores), self._probabilities(scores)
        return {"class_map": ids, "probabilities": probabilities}

    def _probabilities(self, scores):
        """Scores side by side (..., k C) -> the mean of k probabilities (..., C)."""
        count = len(self.passes) * (1 + self.flip)
        parts = tf.split(scores, count, -1)
        found = [probabilities_of(part, self.exclusive) for part in parts]
        return found[0] if count == 1 else tf.add_n(found) / count

    def _ids(self, scores):
        """Scores -> ids (...); where classes overlap 0 and 1 (..., C)."""
        # Of logits where possible: in float32, probabilities near 1 may be equal.
        several = len(self.passes) > 1 or self.flip
        scores = self._probabilities(scores) if several else scores
        least = 0.5 if several else 0.0
        return class_map(scores, self.classes, self.exclusive, least)

    def _png(self, ids):
        """Gray PNG of class ids (H, W); where classes overlap, one of each (C,)."""
        if self.exclusive:
            return tf.io.encode_png(tf.expand_dims(ids, -1))
        planes = tf.unstack(ids, self.classes, axis=-1)
        return tf.stack([tf.io.encode_png(plane[..., None]) for plane in planes])


def traced(one: Sized, bands: int) -> Sized:
    """A pass as one function of a graph: all signatures call it."""
    spec = tf.TensorSpec((None, *one.size, bands), tf.float32)
    return Sized(tf.function(one.run, input_signature=[spec]), one.size)


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
