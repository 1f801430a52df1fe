"""SavedModel for TF Serving and everything that reads it, with preprocessing inside."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.resize import resize_image
from kerasseg.export.saved_model import encoded, tiles, warmup
from kerasseg.files import atomic
from kerasseg.inference.class_maps import class_map, logits_at_size, network_size
from kerasseg.taxonomy import Taxonomy


def write(
    network,
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
        (`kerasseg.tiles.predict`). Smaller ones are stretched as ever.
    flip: test-time augmentation, the mean of the probabilities of the image and of its
        mirror image; twice the work.
    max_pixels: a picture whose header says that it has more is refused, not decoded.

    Bytes that cannot be read are an INVALID_ARGUMENT with "image_bytes[INDEX]" and the
    reason; then no picture of that batch is answered. The folder loads without Keras
    and without this package.
    """
    size, classes = network_size(network), network.output_shape[-1]
    taxonomy = taxonomy or Taxonomy.numbered(classes)
    if taxonomy.num_classes != classes:
        raise UserError(
            f"The taxonomy has {taxonomy.num_classes} classes, the network {classes}."
        )
    if overlap:
        tiles.check(size, overlap)
    if max_pixels < 1:
        raise UserError(f"max_pixels must be at least 1, got {max_pixels}.")
    graph = _Graph(network, overlap, flip, max_pixels)
    module = tf.Module()
    # The graph reads the variables; without a name in the module they are not saved.
    module.variables_of_network = [weight.value for weight in network.variables]
    images = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")
    pixels = tf.TensorSpec((None, *size, 3), tf.uint8, name="image")
    image_bytes = tf.TensorSpec((None,), tf.string, name="image_bytes")
    signatures = {
        "serving_default": _function(graph.of_images, images),
        "serve_bytes": _function(graph.of_bytes, image_bytes),
        "serve_probabilities": _function(graph.probabilities_of_bytes, image_bytes),
        "network_size": _function(graph.of_pixels, pixels),
    }
    with tempfile.TemporaryDirectory() as folder, atomic.replacing(path) as aside:
        file = Path(folder, "taxonomy.json")
        atomic.write_json(file, taxonomy.to_json())
        module.taxonomy = tf.saved_model.Asset(str(file))
        tf.saved_model.save(module, str(aside), signatures)
        larger = [(2 * size[0], 2 * size[1])] if overlap else []
        warmup.write(aside, name, [size, *larger])
    return Path(path)


def _function(method, spec):
    def call(given):
        return method(given)

    return tf.function(call, input_signature=[spec])


@dataclass(frozen=True)
class _Graph:
    """The signatures. Scores are logits, or with `flip` mean probabilities."""

    network: Any
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
        if self.overlap:  # each picture has tiles of its own number

            def whole(item):
                image = encoded.upright(*item, self.max_pixels)
                scores = self._scores(self._logits_at_size, image[None])
                return _png(scores[0]), tf.shape(image)[:2]

            kinds = [((), tf.string), ((2,), tf.int32)]
            png, size = _mapped(whole, _numbered(image_bytes), kinds)
            return {"class_map_png_bytes": png, "size": size}

        pixels, size = self._loaded(image_bytes)
        logits = self._both(self._logits, pixels)

        def back(item):
            *logits, size = item
            sized = [tf.image.resize(one, size, method="bilinear") for one in logits]
            return (_png(self._mean(sized)),)

        (png,) = _mapped(back, (*logits, size), [((), tf.string)])
        return {"class_map_png_bytes": png, "size": size}

    def _loaded(self, image_bytes):
        """Pixels uint8 (B, h, w, 3) at the network's size, and the size they had."""
        height, width = network_size(self.network)

        def load(item):
            image = encoded.upright(*item, self.max_pixels)
            return resize_image(image, (height, width)), tf.shape(image)[:2]

        kinds = [((height, width, 3), tf.uint8), ((2,), tf.int32)]
        return _mapped(load, _numbered(image_bytes), kinds)

    def _results(self, scores):
        chances = scores if self.flip else tf.nn.softmax(scores)
        return {"class_map": class_map(scores), "probabilities": chances}

    def _scores(self, logits, image):
        return self._mean(self._both(logits, image))

    def _both(self, logits, image):
        """[logits], and with `flip` those of the mirror image, mirrored back."""
        if not self.flip:
            return [logits(image)]
        return [logits(image), tf.reverse(logits(tf.reverse(image, [2])), [2])]

    def _mean(self, logits):
        # Logits where they can be: in float32 probabilities near 1 may be equal.
        if not self.flip:
            return logits[0]
        return (tf.nn.softmax(logits[0]) + tf.nn.softmax(logits[1])) / 2

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
    """The pictures and their numbers; an error where there are none."""
    some = tf.size(image_bytes) > 0
    check = tf.debugging.Assert(some, ["image_bytes holds no picture"])
    with tf.control_dependencies([check]):
        return image_bytes, tf.range(tf.size(image_bytes))


def _png(scores):
    return tf.io.encode_png(class_map(scores)[..., None])


def _mapped(function, items, kinds):
    """map_fn, two at a time: pictures of the largest size then bound the memory."""
    specs = tuple(tf.TensorSpec(shape, kind) for shape, kind in kinds)
    return tf.map_fn(function, items, fn_output_signature=specs, parallel_iterations=2)
