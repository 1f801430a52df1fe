"""Writes the SavedModel for TF Serving, with decoding and resizing inside."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.format.encode import is_picture_file
from kerasseg.export.saved_model import encoded, tiles, warmup
from kerasseg.files import atomic
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import (
    class_map,
    logits_at_size,
    network_size,
    stretched,
    whole,
    zeroed,
)
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
    image_format: ImageFormat = RGB,
) -> Path:
    """Writes the SavedModel folder PATH with four signatures.

    serving_default: image float32 (B, H, W, bands) of any size, in the units of the
        data (RGB: 0..255) -> class_map uint8 (B, H, W), probabilities float32
        (B, H, W, C).
    serve_bytes: image_bytes string (B,), JPEG or PNG of any sizes ->
        class_map_png_bytes string (B,), gray PNG of ids, and size int32 (B, 2), height
        and width: each picture's own, turned upright as its EXIF orientation says.
    serve_probabilities: image_bytes string (B,) -> class_map uint8 (B, h, w) and
        probabilities float32 (B, h, w, C) at the network's size, and the same size.
    network_size: image (B, h, w, bands) in the type of the data (RGB: uint8), of
        exactly the network's size -> class_map and probabilities; no resize in it, for
        engines that convert the graph.

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
    image_format: bands and type of the images of the network's training. Those that fit
        neither PNG nor JPEG have no serve_bytes and no serve_probabilities. Unless it
        is RGB of 8 bits it goes to assets/image_format.json.

    Of more than 255 classes class_map is uint16 and the PNG has 16 bits.

    Bytes that cannot be read are an INVALID_ARGUMENT with "image_bytes[INDEX]" and the
    reason; then no picture of that batch is answered. The folder loads without Keras
    and without this package.
    """
    taxonomy = taxonomy or Taxonomy.numbered(network.output_shape[-1])
    _check(network, taxonomy, overlap, max_pixels, image_format)
    signatures = _signatures(_Graph(network, overlap, flip, max_pixels, image_format))
    height, width = network_size(network)
    module = module_of(network)
    with tempfile.TemporaryDirectory() as folder, atomic.replacing(path) as aside:
        module.taxonomy = _asset(folder, "taxonomy.json", taxonomy.to_json())
        if image_format != RGB:
            values = image_format.to_json()
            module.image_format = _asset(folder, "image_format.json", values)
        tf.saved_model.save(module, str(aside), signatures)
        larger = [(2 * height, 2 * width)] if overlap else []
        warmup.write(aside, name, [(height, width), *larger], image_format)
    return Path(path)


def _asset(folder: str, name: str, values: dict) -> tf.saved_model.Asset:
    file = Path(folder, name)
    atomic.write_json(file, values)
    return tf.saved_model.Asset(str(file))


def module_of(network: keras.Model) -> Any:
    """A tf.Module with the variables of a network, to be saved with functions that read
    them: TensorFlow saves only what a module names."""
    module: Any = tf.Module()
    module.variables_of_network = [weight.value for weight in network.variables]
    return module


def _check(
    network: keras.Model,
    taxonomy: Taxonomy,
    overlap: int,
    max_pixels: int,
    image_format: ImageFormat,
) -> None:
    channels = network.input_shape[-1]
    if channels != image_format.channels:
        raise UserError(
            f"The network takes {channels} bands, the images have {image_format}. Give "
            "the image format of its training."
        )
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
    size, given = network_size(graph.network), graph.image_format
    bands = given.channels
    images = tf.TensorSpec((None, None, None, bands), tf.float32, name="image")
    pixels = tf.TensorSpec((None, *size, bands), given.type, name="image")
    image_bytes = tf.TensorSpec((None,), tf.string, name="image_bytes")
    made = {"serving_default": _function(graph.of_images, images)}
    if is_picture_file(given):
        made |= {
            "serve_bytes": _function(graph.of_bytes, image_bytes),
            "serve_probabilities": _function(graph.probabilities_of_bytes, image_bytes),
        }
    return made | {"network_size": _function(graph.of_pixels, pixels)}


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
    image_format: ImageFormat

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
                image = self._upright(data, number)
                scores = self._scores(self._logits_at_size, image[None])
                return self._png(scores[0]), tf.shape(image)[:2]

            kinds = [((), tf.string), ((2,), tf.int32)]
            png, size = _mapped(whole, _numbered(image_bytes), kinds)
            return {"class_map_png_bytes": png, "size": size}

        pixels, size = self._loaded(image_bytes)

        def resized(item):
            logits, size = item
            return (self._png(tf.image.resize(logits, size, method="bilinear")),)

        items = self._logits(pixels), size
        (png,) = _mapped(resized, items, [((), tf.string)])
        return {"class_map_png_bytes": png, "size": size}

    def _loaded(self, image_bytes):
        """Pixels (B, h, w, bands) at the network's size, and the size they had."""
        size, given = network_size(self.network), self.image_format

        def load(item):
            data, number = item
            image = self._upright(data, number)
            pixels = tf.cast(stretched(image, size, given), given.type)
            return pixels, tf.shape(image)[:2]

        kinds = [((*size, given.channels), given.type), ((2,), tf.int32)]
        return _mapped(load, _numbered(image_bytes), kinds)

    def _upright(self, data, number):
        return encoded.upright(data, number, self.max_pixels, self.image_format)

    def _results(self, scores):
        probabilities = scores if self.flip else tf.nn.softmax(scores)
        ids = class_map(scores, self.network.output_shape[-1])
        return {"class_map": ids, "probabilities": probabilities}

    def _png(self, scores):
        """Gray PNG of the class ids of scores (H, W, C)."""
        ids = class_map(scores, self.network.output_shape[-1])
        return tf.io.encode_png(tf.expand_dims(ids, -1))

    def _scores(self, logits_of, image):
        # Logits where possible: in float32, probabilities near 1 may be equal.
        if not self.flip:
            return logits_of(image)
        return mirrored_mean(lambda one: tf.nn.softmax(logits_of(one)), image)

    def _logits(self, image):
        image = zeroed(tf.cast(image, tf.float32), self.image_format)
        return self.network(image, training=False)

    def _logits_at_size(self, image):
        if not self.overlap:
            return logits_at_size(self.network, image, self.image_format)
        height, width = network_size(self.network)
        size = tf.shape(image)[1:3]

        def tiled():
            # Numbers that the data holds, as after the resize.
            pixels = zeroed(tf.cast(image, tf.float32), self.image_format)
            pixels = whole(pixels, self.image_format)
            return tf.map_fn(
                lambda one: tiles.logits(
                    self.network, one, (height, width), self.overlap
                ),
                tf.cast(pixels, self.image_format.type),
                fn_output_signature=tf.float32,
                parallel_iterations=1,
            )

        larger = (size[0] > height) | (size[1] > width)
        return tf.cond(
            larger,
            tiled,
            lambda: logits_at_size(self.network, image, self.image_format),
        )


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
