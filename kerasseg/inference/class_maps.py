"""Runs a Keras network: from pictures of any size to class maps of that size.

`predict`, the SavedModel and the evaluation of records all use these functions, so what
was scored is what is served.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerasseg import tiles
from kerasseg.data.resize import resize_image
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference import resampling, strips
from kerasseg.inference.answers import Segment, ids_of, stacked
from kerasseg.inference.mirror import mean_with_mirrored, mirrored_mean
from kerasseg.inference.pixels import checked
from kerasseg.inference.scales import Sized
from kerasseg.taxonomy import IGNORE, Tensor, label_type

LARGE = 1 << 26
"""Bytes of an image from which on TensorFlow is given parts of it only."""


def network_size(network: Any) -> tuple[int, int]:
    """Height and width that a network was built for, pixels."""
    height, width = network.input_shape[1:3]
    return height, width


def class_map(
    scores: Tensor, num_classes: int = 0, exclusive: bool = True, least: float = 0.0
) -> Tensor:
    """Logits (..., C) -> ids (...), uint8; of more than 255 classes uint16.

    num_classes: C, where the graph does not know it.
    exclusive: False: the classes overlap: uint8 (..., C), 1 where a logit is above
        `least` (of probabilities: 0.5), else 0.
    """
    if not exclusive:
        return tf.cast(scores > least, tf.uint8)
    # tf.argmax, as that of keras.ops needs a Flex operator in LiteRT.
    ids = tf.argmax(scores, axis=-1, output_type=tf.int32)
    return tf.cast(ids, label_type(num_classes or scores.shape[-1]))


def device_class_map(logits: Tensor, exclusive: bool = True) -> Tensor:
    """The same for files that other engines run: of more than 255 classes int32, since
    LiteRT in Java and Kotlin has no uint16."""
    if not exclusive:
        return class_map(logits, exclusive=False)
    ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.cast(ids, tf.uint8) if logits.shape[-1] <= IGNORE else ids


def probabilities_of(logits: Tensor, exclusive: bool = True) -> Tensor:
    """Softmax over the classes; where they overlap the sigmoid of each."""
    return tf.nn.softmax(logits) if exclusive else tf.sigmoid(logits)


def logits_at_size(
    network: Any, image: Tensor, image_format: ImageFormat = RGB
) -> Tensor:
    """Logits (B, H, W, classes) of images (B, H, W, C) of any size H, W.

    The images are in the units of the data and of any type. They are stretched to the
    network's size and the logits back, bilinear.
    """
    logits = _logits_of_any(network, image, image_format)
    return tf.image.resize(logits, tf.shape(image)[1:3], method="bilinear")


def stretched(
    image: Tensor, size: tuple[int, int], image_format: ImageFormat = RGB
) -> Tensor:
    """(..., H, W, C) of any type -> float32 (..., h, w, C): what a network is given.

    Invalid pixels are `zeroed`, then the image is resized as records are, to numbers
    that the type of the data holds.
    """
    image = tf.convert_to_tensor(image)
    if image.dtype.is_floating or image_format.nodata is not None:
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


def shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A large image (H, W, C) of whole numbers at the network's size, others as they
    are: TensorFlow would copy it twice."""
    if image.nbytes < LARGE or not np.issubdtype(image.dtype, np.integer):
        return image
    return resampling.stretched(image, *size)


def predictor(
    network: Any, flip: bool = False, exclusive: bool = True
) -> Callable[[Tensor], Tensor]:
    """Function: images (B, H, W, C) -> probabilities float32 (B, H, W, classes).

    The images have the network's size, and the type of the data. flip: the mean of the
    probabilities of the image and of its mirror image. exclusive: see `Taxonomy`.
    """

    @functools.partial(tf.function, reduce_retracing=True)
    def predict(image):
        image = tf.cast(image, tf.float32)
        return mirrored_mean(one, image) if flip else one(image)

    def one(image):
        return probabilities_of(network(image, training=False), exclusive)

    return predict


def segmenter(
    network: Any,
    overlap: int = 0,
    flip: bool = False,
    crf: bool = False,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
    passes: Sequence[Sized] = (),
) -> Segment:
    """Function: image (H, W, C) of any size -> class map (H, W), as `class_map`; where
    classes overlap (H, W, classes).

    overlap: pixels > 0, even: an image that is higher or wider than the network's size
        is not shrunk, but cut into tiles of that size which share so many pixels.
    flip: the mean of the probabilities of the image and of its mirror image.
    crf: sharpened along the edges of the image (`kerasseg.crf.dense_crf`); of exclusive
        classes alone.
    image_format: bands and type of the images that the network was trained on; the
        function raises UserError for others.
    exclusive: see `Taxonomy`.
    passes: the network at several sizes: the mean of their probabilities. Tiles keep
        the network's own size, and each is run at all of them.

    The memory does not grow with pixels times classes, but for the CRF and for `each`
    that keeps them.
    """
    pixels = tf.TensorSpec((None, None, image_format.channels), image_format.type)
    axes, kind = (1, None, None), label_type(network.output_shape[-1])
    ids = tf.TensorSpec(axes if exclusive else (*axes, None), kind)

    def at_size(one):
        @functools.partial(tf.function, input_signature=[pixels])
        def logits_of(image):
            return one.run(stretched(image[None], one.size, image_format))

        return lambda image: logits_of(shrunk(image, one.size))

    own = Sized.of(network)
    logits_of = at_size(own)
    each_pass = [logits_of if one is own else at_size(one) for one in passes or (own,)]

    @functools.partial(tf.function, reduce_retracing=True)
    def enlarged(logits, size):
        return strips.enlarged(logits, size, ids_of_logits, ids)

    def ids_of_logits(logits):
        return class_map(logits, exclusive=exclusive)

    def plain(image, each):
        size = tf.constant(image.shape[:2])
        logits = logits_of(image)
        if each is None and image.nbytes < LARGE:
            return enlarged(logits, size).numpy()[0]

        def ids(strip):
            if each:
                each(probabilities_of(strip[0], exclusive).numpy())
            return ids_of_logits(strip[0]).numpy()

        return stacked(map(ids, strips.of(logits, size)), len(image))

    def careful(image, each):
        options = image, own.size, overlap, flip, exclusive

        def ids(strip):
            if each:
                each(strip)
            return ids_of(strip, exclusive)

        if crf:
            from kerasseg.crf import check_memory, dense_crf

            check_memory(*image.shape[:2], network.output_shape[-1])
            found = stacked(_strips(each_pass, *options), len(image))
            return ids(dense_crf(found, image, image_format=image_format))
        return stacked(map(ids, _strips(each_pass, *options)), len(image))

    def segment(image, each=None):
        image = checked(image, image_format)
        return (careful if overlap or flip or crf or passes else plain)(image, each)

    return segment


def probabilities(
    network: Any,
    image: np.ndarray,
    overlap: int = 0,
    flip: bool = False,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
    passes: Sequence[Sized] = (),
) -> np.ndarray:
    """float32 (H, W, classes) of an image (H, W, C); options as in `segmenter`.

    Raises UserError for an image of other bands or type.
    """
    image, own = checked(image, image_format), Sized.of(network)

    def at_size(one):
        def logits_of(image):
            image = shrunk(image, one.size)
            return one.run(stretched(image[None], one.size, image_format))

        return logits_of

    each_pass = [at_size(one) for one in passes or (own,)]
    found = _strips(each_pass, image, own.size, overlap, flip, exclusive)
    return stacked(found, len(image))


def _strips(
    each_pass: Sequence[Callable[[np.ndarray], Tensor]],
    image: np.ndarray,
    size: tuple[int, int],
    overlap: int,
    flip: bool,
    exclusive: bool,
) -> Iterator[np.ndarray]:
    """Probabilities (rows, W, classes) from the top of an image to its bottom.

    each_pass: functions (H, W, C) of any size -> logits (1, h, w, classes), of which
    the mean is taken; size: of the network. A graph takes a quarter of the time of
    layers called one by one, and less memory.
    """
    larger = any(have > want for have, want in zip(image.shape, size, strict=False))

    def one(image, logits_of):
        def of_tile(tile):
            return tf.image.resize(logits_of(tile[0]), size, method="bilinear")

        if overlap and larger:
            found = tiles.strips(of_tile, image, size, overlap)
        else:
            logits = logits_of(image)
            found = (strip[0] for strip in strips.of(logits, image.shape[:2]))
        return (probabilities_of(scores, exclusive).numpy() for scores in found)

    def both(logits_of):
        if not flip:
            return one(image, logits_of)
        mirrored = one(image[:, ::-1], logits_of)
        return map(mean_with_mirrored, one(image, logits_of), mirrored)

    if len(each_pass) == 1:
        return both(each_pass[0])
    rows = zip(*map(both, each_pass), strict=True)
    return (sum(found) / np.float32(len(found)) for found in rows)


def _logits_of_any(network: Any, image: Tensor, image_format: ImageFormat) -> Tensor:
    """Logits (B, h, w, classes) at the network's size, of images of any size."""
    pixels = stretched(image, network_size(network), image_format)
    return network(pixels, training=False)
