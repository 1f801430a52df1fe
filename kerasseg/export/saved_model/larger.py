"""Checks the SavedModel on a picture larger than the network, against kerasseg's own.

The gate scores pictures of the network's size; these alone would not show wrong tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.answers import ids_of
from kerasseg.inference.class_maps import network_size, probabilities
from kerasseg.inference.scales import Sized
from kerasseg.taxonomy import label_type


def agreement(
    network: keras.Model,
    folder: Path,
    images: np.ndarray,
    overlap: int = 0,
    flip: bool = False,
    image_format: ImageFormat = RGB,
    exclusive: bool = True,
    passes: Sequence[Sized] = (),
) -> float:
    """Share of pixels that get the class that `inference.class_maps.probabilities`
    gives.

    images: (B, h, w, bands) at the network's size, put side by side to a picture that
    is not a multiple of it in either direction. All signatures that take any size are
    asked: serving_default, and serve_bytes where there is one; the lower share counts.
    With `overlap` this compares the graph's tiles with `kerasseg.tiles.predict`;
    without, both stretch. exclusive: see `Taxonomy`; where classes overlap, pixels
    are counted class by class. passes: of the SavedModel.
    """
    picture = mosaic(np.asarray(images), network_size(network))
    options = overlap, flip, image_format, exclusive, passes
    expected = ids_of(probabilities(network, picture, *options), exclusive)
    signatures = tf.saved_model.load(str(folder)).signatures
    ask = signatures["serving_default"]
    found = [ask(image=tf.cast(picture[None], tf.float32))["class_map"][0].numpy()]
    if "serve_bytes" in signatures:
        ask = signatures["serve_bytes"]
        answer = ask(image_bytes=tf.io.encode_png(picture)[None])
        kind = label_type(network.output_shape[-1])
        planes = [
            tf.io.decode_png(png, dtype=kind)[..., 0].numpy()
            for png in tf.reshape(answer["class_map_png_bytes"], (-1,))
        ]
        found.append(planes[0] if exclusive else np.stack(planes, -1))
    return min(float((ids == expected).mean()) for ids in found)


def mosaic(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Four images (B, h, w, C), from the first again if there are fewer, as one picture
    of 5/3 of the network's size (height, width), rounded up."""
    upper, lower = (
        np.concatenate([images[(row + side) % len(images)] for side in (0, 1)], axis=1)
        for row in (0, 2)
    )
    height, width = (2 * side - side // 3 for side in size)
    return np.ascontiguousarray(np.concatenate([upper, lower])[:height, :width])
