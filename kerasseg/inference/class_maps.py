"""Runs a Keras network: from pictures of any size to class maps of that size.

`predict`, the SavedModel and the evaluation of records all use these functions, so what
was scored is what is served.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg import tiles
from kerasseg.data.resize import resize_image
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.inference.pixels import checked
from kerasseg.taxonomy import IGNORE, Tensor, label_type


def network_size(network: Any) -> tuple[int, int]:
    """Height and width that a network was built for, pixels."""
    height, width = network.input_shape[1:3]
    return height, width


def class_map(logits: Tensor, num_classes: int = 0) -> Tensor:
    """Logits (..., C) -> ids (...), uint8; of more than 255 classes uint16.

    num_classes: C, where the graph does not know it.
    """
    # tf.argmax, as that of keras.ops needs a Flex operator in LiteRT.
    ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.cast(ids, label_type(num_classes or logits.shape[-1]))


def device_class_map(logits: Tensor) -> Tensor:
    """The same for files that other engines run: of more than 255 classes int32, since
    LiteRT in Java and Kotlin has no uint16."""
    ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.cast(ids, tf.uint8) if logits.shape[-1] <= IGNORE else ids


def logits_at_size(
    network: Any, image: Tensor, image_format: ImageFormat = RGB
) -> Tensor:
    """Logits (B, H, W, classes) of images (B, H, W, C) of any size H, W.

    The images are in the units of the data and of any type. They are stretched to the
    network's size and the logits back, bilinear.
    """
    size = tf.shape(image)[1:3]
    pixels = stretched(image, network_size(network), image_format)
    logits = network(pixels, training=False)
    return tf.image.resize(logits, size, method="bilinear")


def stretched(
    image: Tensor, size: tuple[int, int], image_format: ImageFormat = RGB
) -> Tensor:
    """(..., H, W, C) of any type -> float32 (..., h, w, C): what a network is given.

    Invalid pixels are `zeroed`, then the image is resized as records are, to numbers
    that the type of the data holds.
    """
    image = zeroed(tf.cast(image, tf.float32), image_format)
    return whole(tf.cast(resize_image(image, size), tf.float32), image_format)


def zeroed(image: Tensor, image_format: ImageFormat) -> Tensor:
    """float32 (..., C) with 0 in all bands of an invalid pixel, as `pixels.checked`.

    Also of whole numbers that a request sends as floats.
    """
    if image_format.is_rgb8:
        return image
    valid = tf.reduce_all(tf.math.is_finite(image), -1, keepdims=True)
    if image_format.nodata is not None:
        measured = image != tf.constant(image_format.nodata, tf.float32)
        valid &= tf.reduce_any(measured, -1, keepdims=True)
    return tf.where(valid, image, 0.0)


def whole(image: Tensor, image_format: ImageFormat) -> Tensor:
    """float32 values, rounded and clipped to what the type of the data holds."""
    if image_format.type == "float32":
        return image
    low, high = image_format.limits
    return tf.clip_by_value(tf.round(image), low, high)


def predictor(network: Any, flip: bool = False) -> Callable[[Tensor], Tensor]:
    """Function: images (B, H, W, C) -> probabilities float32 (B, H, W, classes).

    The images have the network's size, and the type of the data. flip: the mean of the
    probabilities of the image and of its mirror image.
    """

    @functools.partial(tf.function, reduce_retracing=True)
    def predict(image):
        image = tf.cast(image, tf.float32)
        return mirrored_mean(one, image) if flip else one(image)

    def one(image):
        return tf.nn.softmax(network(image, training=False))

    return predict


def segmenter(
    network: Any,
    overlap: int = 0,
    flip: bool = False,
    crf: bool = False,
    image_format: ImageFormat = RGB,
) -> Callable[[np.ndarray], np.ndarray]:
    """Function: image (H, W, C) of any size -> class map (H, W), as `class_map`.

    overlap: pixels > 0, even: an image that is higher or wider than the network's size
        is not shrunk, but cut into tiles of that size which share so many pixels.
    flip: the mean of the probabilities of the image and of its mirror image.
    crf: sharpened along the edges of the image (`kerasseg.crf.dense_crf`).
    image_format: bands and type of the images that the network was trained on; the
        function raises UserError for others.
    """
    pixels = tf.TensorSpec((None, None, image_format.channels), image_format.type)

    @functools.partial(tf.function, input_signature=[pixels])
    def segment(image):
        return class_map(logits_at_size(network, image[None], image_format))[0]

    if not (overlap or flip or crf):
        return lambda image: segment(checked(image, image_format)).numpy()

    def careful(image):
        image = checked(image, image_format)
        found = probabilities(network, image, overlap, flip, image_format)
        if crf:
            from kerasseg.crf import dense_crf

            found = dense_crf(found, image, image_format=image_format)
        return np.argmax(found, axis=-1).astype(label_type(found.shape[-1]))

    return careful


def probabilities(
    network: Any,
    image: np.ndarray,
    overlap: int = 0,
    flip: bool = False,
    image_format: ImageFormat = RGB,
) -> np.ndarray:
    """float32 (H, W, classes) of an image (H, W, C); options as in `segmenter`.

    Raises UserError for an image of other bands or type.
    """
    image = checked(image, image_format)
    size = network_size(network)
    larger = any(have > want for have, want in zip(image.shape, size, strict=False))

    def one(image):
        if overlap and larger:
            run = functools.partial(_logits, network)
            return tf.nn.softmax(tiles.predict(run, image, size, overlap))
        return tf.nn.softmax(logits_at_size(network, image[None], image_format))[0]

    return (mirrored_mean(one, image) if flip else one(image)).numpy()


def _logits(network: Any, image: Tensor) -> Tensor:
    return network(tf.cast(image, tf.float32), training=False)
