"""SavedModel for TF Serving and everything that reads it, with preprocessing inside."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from kerasseg import atomic
from kerasseg.data.resize import resize_image
from kerasseg.inference import class_map, logits_at_size, network_size


def write(network, path: str | Path) -> Path:
    """Writes the SavedModel folder PATH with two signatures.

    serving_default: image float32 (B, H, W, 3), RGB 0..255, any size ->
        class_map uint8 (B, H, W), probabilities float32 (B, H, W, C).
    serve_bytes: image_bytes string (B,), JPEG or PNG of any sizes ->
        class_map_png_bytes string (B,), gray PNG of ids at each image's own size;
        class_map uint8 (B, h, w) and probabilities (B, h, w, C) at the network's size.

    The folder loads without Keras and without this package.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint(
        "serving_default",
        lambda image: _from_pixels(network, image),
        [tf.TensorSpec((None, None, None, 3), tf.float32, name="image")],
    )
    archive.add_endpoint(
        "serve_bytes",
        lambda image_bytes: _from_bytes(network, image_bytes),
        [tf.TensorSpec((None,), tf.string, name="image_bytes")],
    )
    with atomic.replacing(path) as aside:
        archive.write_out(str(aside), verbose=False)
    return Path(path)


def decode(encoded):
    """JPEG or PNG bytes -> uint8 (H, W, 3) RGB, bit-exact with PIL and OpenCV."""
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def _from_pixels(network, image):
    logits = logits_at_size(network, image)
    return {"class_map": class_map(logits), "probabilities": tf.nn.softmax(logits)}


def _from_bytes(network, image_bytes):
    size = network_size(network)

    def load(encoded):
        image = decode(encoded)
        return resize_image(image, size), tf.shape(image)[:2]

    def back(item):
        logits, source = item
        logits = tf.image.resize(logits, source, method="bilinear")
        return tf.io.encode_png(class_map(logits)[..., None])

    spec = tf.TensorSpec((*size, 3), tf.uint8), tf.TensorSpec((2,), tf.int32)
    pixels, sources = tf.map_fn(load, image_bytes, fn_output_signature=spec)
    logits = network(tf.cast(pixels, tf.float32), training=False)
    png = tf.map_fn(
        back, (logits, sources), fn_output_signature=tf.TensorSpec((), tf.string)
    )
    return {
        "class_map_png_bytes": png,
        "class_map": class_map(logits),
        "probabilities": tf.nn.softmax(logits),
    }
