"""From pictures of any size to class maps of that size: the one way to run a network.

`predict`, the SavedModel and the evaluation of records all use these functions, so what
was scored is what is served.
"""

from __future__ import annotations

import tensorflow as tf

from kerasseg.data.resize import resize_image


def network_size(network) -> tuple[int, int]:
    """Height and width a network was built for."""
    return tuple(network.input_shape[1:3])


def class_map(logits):
    """(..., C) logits -> uint8 ids. tf.argmax: keras.ops' needs a Flex operator."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)


def logits_at_size(network, image):
    """Logits (B, H, W, C) of images (B, H, W, 3), 0..255, of any size H, W.

    The images are stretched to the network's size and the logits back, bilinear.
    """
    size = tf.shape(image)[1:3]
    pixels = resize_image(image, network_size(network))
    logits = network(tf.cast(pixels, tf.float32), training=False)
    return tf.image.resize(logits, size, method="bilinear")


def segmenter(network):
    """Function: uint8 image (H, W, 3) of any size -> class map uint8 (H, W)."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])
    def segment(image):
        return class_map(logits_at_size(network, image[None]))[0]

    return lambda image: segment(image).numpy()
