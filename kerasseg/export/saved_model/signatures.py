"""Writes the SavedModel for TF Serving, with decoding and resizing inside."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasseg import UserError
from kerasseg.data.format.encode import is_picture_file
from kerasseg.export.saved_model import encoded, tiles, warmup
from kerasseg.export.saved_model.graph import Graph, traced
from kerasseg.files import atomic
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.class_maps import network_size
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
    """Writes the SavedModel folder PATH with these signatures.

    serving_default: image float32 (B, H, W, bands) of any size, in the units of the
        data (RGB: 0..255) -> class_map uint8 (B, H, W).
    class_map: the same for an image in the type of the data (RGB: uint8).
    probabilities: image float32, as for serving_default -> probabilities float32
        (B, H, W, C).
    serve_bytes: image_bytes string (B,), JPEG or PNG of any sizes ->
        class_map_png_bytes string (B,), gray PNG of ids, and size int32 (B, 2), height
        and width: each picture's own, turned upright as its EXIF orientation says.
    serve_probabilities: image_bytes string (B,) -> class_map uint8 (B, h, w) and
        probabilities float32 (B, h, w, C) at the network's size, and the same size.
    network_size: image (B, h, w, bands) in the type of the data (RGB: uint8), of
        exactly the network's size -> class_map and probabilities; no resize in it.

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

    Of more than 255 classes class_map is uint16 and the PNG has 16 bits. Where classes
    overlap (`Taxonomy.exclusive`), class_map is (B, H, W, C) of 0 and 1, probabilities
    are sigmoids, and class_map_png_bytes is (B, C), a PNG of 0 and 1 for each class.

    Bytes that cannot be read are an INVALID_ARGUMENT with "image_bytes[INDEX]" and the
    reason; then no picture of that batch is answered. The folder loads without Keras
    and without this package.
    """
    taxonomy = taxonomy or Taxonomy.numbered(network.output_shape[-1])
    _check(network, taxonomy, overlap, max_pixels, image_format)
    height, width = size = network_size(network)
    ways = overlap, flip, max_pixels, image_format
    classes, exclusive = taxonomy.num_classes, taxonomy.exclusive
    graph = Graph(traced(network), size, classes, exclusive, *ways)
    signatures = _signatures(graph)
    module = module_of(network)
    with tempfile.TemporaryDirectory() as folder, atomic.replacing(path) as aside:
        module.taxonomy = asset(folder, "taxonomy.json", taxonomy.to_json())
        if image_format != RGB:
            values = image_format.to_json()
            module.image_format = asset(folder, "image_format.json", values)
        tf.saved_model.save(module, str(aside), signatures)
        larger = [(2 * height, 2 * width)] if overlap else []
        warmup.write(aside, name, [(height, width), *larger], image_format)
    return Path(path)


def asset(folder: str, name: str, values: dict) -> tf.saved_model.Asset:
    """A JSON file that goes along with a SavedModel; it must stay until that is
    written."""
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


def _signatures(graph: Graph) -> dict[str, tf.types.experimental.GenericFunction]:
    """Name of a signature -> its function."""
    given, size = graph.image_format, graph.size
    any_size, own_size = (None, None, None, given.channels), (None, *size)
    floats = tf.TensorSpec(any_size, tf.float32, name="image")
    typed = tf.TensorSpec(any_size, given.type, name="image")
    pixels = tf.TensorSpec((*own_size, given.channels), given.type, name="image")
    image_bytes = tf.TensorSpec((None,), tf.string, name="image_bytes")
    made = {
        "serving_default": _function(graph.class_map_of_images, floats),
        "class_map": _function(graph.class_map_of_images, typed),
        "probabilities": _function(graph.probabilities_of_images, floats),
    }
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
