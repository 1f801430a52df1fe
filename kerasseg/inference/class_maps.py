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
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.taxonomy import Tensor


def network_size(network: Any) -> tuple[int, int]:
    """Height and width that a network was built for, pixels."""
    height, width = network.input_shape[1:3]
    return height, width


def class_map(logits: Tensor) -> Tensor:
    """Logits (..., C) -> uint8 ids (...)."""
    # tf.argmax, as that of keras.ops needs a Flex operator in LiteRT.
    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)


def logits_at_size(network: Any, image: Tensor) -> Tensor:
    """Logits (B, H, W, C) of images (B, H, W, 3), 0..255, of any size H, W.

    The images are stretched to the network's size and the logits back, bilinear.
    """
    size = tf.shape(image)[1:3]
    pixels = resize_image(image, network_size(network))
    logits = network(tf.cast(pixels, tf.float32), training=False)
    return tf.image.resize(logits, size, method="bilinear")


def predictor(network: Any, flip: bool = False) -> Callable[[Tensor], Tensor]:
    """Function: uint8 images (B, H, W, 3) -> probabilities float32 (B, H, W, C).

    The images have the network's size. flip: the mean of the probabilities of the image
    and of its mirror image.
    """

    @functools.partial(tf.function, reduce_retracing=True)
    def predict(image):
        image = tf.cast(image, tf.float32)
        return mirrored_mean(one, image) if flip else one(image)

    def one(image):
        return tf.nn.softmax(network(image, training=False))

    return predict


def segmenter(
    network: Any, overlap: int = 0, flip: bool = False, crf: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """Function: uint8 image (H, W, 3) of any size -> class map uint8 (H, W).

    overlap: pixels > 0, even: an image that is higher or wider than the network's size
        is not shrunk, but cut into tiles of that size which share so many pixels.
    flip: the mean of the probabilities of the image and of its mirror image.
    crf: sharpened along the edges of the image (`kerasseg.crf.dense_crf`).
    """
    whole = tf.TensorSpec((None, None, 3), tf.uint8)

    @functools.partial(tf.function, input_signature=[whole])
    def segment(image):
        return class_map(logits_at_size(network, image[None]))[0]

    if not (overlap or flip or crf):
        return lambda image: segment(image).numpy()

    def careful(image):
        found = probabilities(network, image, overlap, flip)
        if crf:
            from kerasseg.crf import dense_crf

            found = dense_crf(found, image)
        return np.argmax(found, axis=-1).astype(np.uint8)

    return careful


def probabilities(
    network: Any, image: np.ndarray, overlap: int = 0, flip: bool = False
) -> np.ndarray:
    """float32 (H, W, C) of a uint8 image (H, W, 3); options as in `segmenter`."""
    size = network_size(network)
    larger = any(have > want for have, want in zip(image.shape, size, strict=False))

    def one(image):
        if overlap and larger:
            run = functools.partial(_logits, network)
            return tf.nn.softmax(tiles.predict(run, image, size, overlap))
        return tf.nn.softmax(logits_at_size(network, image[None]))[0]

    return (mirrored_mean(one, image) if flip else one(image)).numpy()


def _logits(network: Any, image: Tensor) -> Tensor:
    return network(tf.cast(image, tf.float32), training=False)
