"""Writes the SavedModel for TF Serving, with decoding and resizing inside."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.resize import resize_image
from kerasseg.export.saved_model import encoded, tiles, warmup
from kerasseg.files import atomic
from kerasseg.inference.class_maps import class_map, logits_at_size, network_size
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.taxonomy import Taxonomy


def write(
    network: keras.Model,
    path: str | Path,
    taxonomy: Taxonomy | None = None,
    *,
    name: str = "segmentation",
    overlap: int = 0,
    flip: bool = False,
    max_pixels: int = encoded.MAX_PIXELS,
) -> Path:
    """Writes the SavedModel folder PATH with four signatures.

    serving_default: image float32 (B, H, W, 3), RGB 0..255, any size ->
        class_map uint8 (B, H, W), probabilities float32 (B, H, W, C).
    serve_bytes: image_bytes string (B,), JPEG or PNG of any sizes ->
        class_map_png_bytes string (B,), gray PNG of ids, and size int32 (B, 2), height
        and width: each picture's own, turned upright as its EXIF orientation says.
    serve_probabilities: image_bytes string (B,) -> class_map uint8 (B, h, w) and
        probabilities float32 (B, h, w, C) at the network's size, and the same size.
    network_size: image uint8 (B, h, w, 3) of exactly the network's size -> class_map
        and probabilities; no resize in it, for engines that convert the graph.

    taxonomy: its names and colours go to assets/taxonomy.json; without it the classes
        are numbered.
    name: of the model, in the warm-up requests (`warmup.FILE`).
    overlap: pixels > 0, even: serving_default and serve_bytes do not shrink an image
        that is higher or wider than the network's size, but cut it into tiles of that
        size, which share `overlap` pixels and are blended there
        (`kerasseg.tiles.predict`). Smaller ones are stretched.
    flip: test-time augmentation, the mean of the probabilities of the image and of its
        mirror image; twice the work.
    max_pixels: a picture whose header says that it has more is refused, not decoded.

    Bytes that cannot be read are an INVALID_ARGUMENT with "image_bytes[INDEX]" and the
    reason; then no picture of that batch is answered. The folder loads without Keras
    and without this package.
    """
    taxonomy = taxonomy or Taxonomy.numbered(network.output_shape[-1])
    _check(network, taxonomy, overlap, max_pixels)
    signatures = _signatures(_Graph(network, overlap, flip, max_pixels))
    height, width = network_size(network)
    module = module_of(network)
    with tempfile.TemporaryDirectory() as folder, atomic.replacing(path) as aside:
        file = Path(folder, "taxonomy.json")
        atomic.write_json(file, taxonomy.to_json())
        module.taxonomy = tf.saved_model.Asset(str(file))
        tf.saved_model.save(module, str(aside), signatures)
        larger = [(2 * height, 2 * width)] if overlap else []
        warmup.write(aside, name, [(height, width), *larger])
    return Path(path)


def module_of(network: keras.Model) -> Any:
    """A tf.Module with the variables of a network, to be saved with functions that read
    them: TensorFlow saves only what a module names."""
    module: Any = tf.Module()
    module.variables_of_network = [weight.value for weight in network.variables]
    return module


def _check(
    network: keras.Model, taxonomy: Taxonomy, overlap: int, max_pixels: int
) -> None:
    classes = network.output_shape[-1]
    if taxonomy.num_classes != classes:
        raise UserError(
            f"The taxonomy has {taxonomy.num_classes} classes, the network {classes}."
        )
    if overlap:
        tiles.check(network_size(network), overlap)
    if max_pixels < 1:
        raise UserError(f"max_pixels must be at least 1, got {max_pixels}.")


def _signatures(graph: _Graph) -> dict[str, tf.types.experimental.GenericFunction]:
    """Name of a signature -> its function."""
    size = network_size(graph.network)
    images = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")
    pixels = tf.TensorSpec((None, *size, 3), tf.uint8, name="image")
    image_bytes = tf.TensorSpec((None,), tf.string, name="image_bytes")
    return {
        "serving_default": _function(graph.of_images, images),
        "serve_bytes": _function(graph.of_bytes, image_bytes),
        "serve_probabilities": _function(graph.probabilities_of_bytes, image_bytes),
        "network_size": _function(graph.of_pixels, pixels),
    }


def _function(method, spec: tf.TensorSpec):
    def call(given):
        return method(given)

    return tf.function(call, input_signature=[spec])


@dataclass(frozen=True)
class _Graph:
    """What the signatures compute. Scores are logits, or with `flip` probabilities.

    An example: a network of 360 x 480 and 11 classes, `of_bytes` of two pictures:

    image_bytes (2,)   a JPEG of 720 x 960 pixels, a PNG of 90 x 120
    _loaded            uint8 (2, 360, 480, 3), both stretched; size [[720, 960], [90,
                       120]]
    _logits            float32 (2, 360, 480, 11), one run of the network for both
    resized            (720, 960, 11) and (90, 120, 11), one after the other: no tensor
                       holds both
    answer             two gray PNGs of ids, 720 x 960 and 90 x 120, and size

    With `overlap` or `flip` each picture goes its own way: the first is cut into tiles,
    the second is stretched.
    """

    network: keras.Model
    overlap: int
    flip: bool
    max_pixels: int

    def of_images(self, image):
        return self._results(self._scores(self._logits_at_size, image))

    def of_pixels(self, image):
        return self._results(self._scores(self._logits, image))

    def probabilities_of_bytes(self, image_bytes):
        pixels, size = self._loaded(image_bytes)
        return {"size": size, **self.of_pixels(pixels)}

    def of_bytes(self, image_bytes):
        if self.overlap or self.flip:  # each picture alone, at its own size

            def whole(item):
                data, number = item
                image = encoded.upright(data, number, self.max_pixels)
                scores = self._scores(self._logits_at_size, image[None])
                return _png(scores[0]), tf.shape(image)[:2]

            kinds = [((), tf.string), ((2,), tf.int32)]
            png, size = _mapped(whole, _numbered(image_bytes), kinds)
            return {"class_map_png_bytes": png, "size": size}

        pixels, size = self._loaded(image_bytes)

        def resized(item):
            logits, size = item
            return (_png(tf.image.resize(logits, size, method="bilinear")),)

        items = self._logits(pixels), size
        (png,) = _mapped(resized, items, [((), tf.string)])
        return {"class_map_png_bytes": png, "size": size}

    def _loaded(self, image_bytes):
        """Pixels uint8 (B, h, w, 3) at the network's size, and the size they had."""
        height, width = network_size(self.network)

        def load(item):
            data, number = item
            image = encoded.upright(data, number, self.max_pixels)
            return resize_image(image, (height, width)), tf.shape(image)[:2]

        kinds = [((height, width, 3), tf.uint8), ((2,), tf.int32)]
        return _mapped(load, _numbered(image_bytes), kinds)

    def _results(self, scores):
        probabilities = scores if self.flip else tf.nn.softmax(scores)
        return {"class_map": class_map(scores), "probabilities": probabilities}

    def _scores(self, logits_of, image):
        # Logits where possible: in float32, probabilities near 1 may be equal.
        if not self.flip:
            return logits_of(image)
        return mirrored_mean(lambda one: tf.nn.softmax(logits_of(one)), image)

    def _logits(self, image):
        return self.network(tf.cast(image, tf.float32), training=False)

    def _logits_at_size(self, image):
        if not self.overlap:
            return logits_at_size(self.network, image)
        height, width = network_size(self.network)
        size = tf.shape(image)[1:3]

        def tiled():
            # Whole grey levels, as after the resize.
            pixels = tf.clip_by_value(tf.round(tf.cast(image, tf.float32)), 0, 255)
            return tf.map_fn(
                lambda one: tiles.logits(
                    self.network, one, (height, width), self.overlap
                ),
                tf.cast(pixels, tf.uint8),
                fn_output_signature=tf.float32,
                parallel_iterations=1,
            )

        larger = (size[0] > height) | (size[1] > width)
        return tf.cond(larger, tiled, lambda: logits_at_size(self.network, image))


def _numbered(image_bytes):
    """The pictures and their numbers from 0; an error where there are no pictures."""
    some = tf.size(image_bytes) > 0
    check = tf.debugging.Assert(some, ["image_bytes holds no picture"])
    with tf.control_dependencies([check]):
        return image_bytes, tf.range(tf.size(image_bytes))


def _png(scores):
    """Gray PNG of the class ids of scores (H, W, C)."""
    return tf.io.encode_png(tf.expand_dims(class_map(scores), -1))


def _mapped(function, items, kinds):
    """tf.map_fn, two items at a time, so that memory is bounded by the largest picture.

    kinds: shape and type of each result.
    """
    specs = tuple(tf.TensorSpec(shape, kind) for shape, kind in kinds)
    return tf.map_fn(function, items, fn_output_signature=specs, parallel_iterations=2)
