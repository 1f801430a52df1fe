"""The SavedModel on a picture larger than the network's size, against the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasseg.inference.class_maps import network_size, probabilities


def agreement(
    network, folder: Path, images, overlap: int = 0, flip: bool = False
) -> float:
    """Share of pixels of the class that `inference.class_maps.probabilities` gives.

    images: uint8 (B, h, w, 3) at the network's size, put side by side to a picture that
    is no multiple of it in either direction. Both signatures that take any size are
    asked, serving_default and serve_bytes; the lower share counts. With `overlap` this
    is the graph's tiles against `kerasseg.tiles.predict`; without, both stretch.
    """
    picture = mosaic(np.asarray(images), network_size(network))
    expected = probabilities(network, picture, overlap, flip).argmax(-1)
    served = tf.saved_model.load(str(folder))
    ask = served.signatures["serving_default"]
    floats = ask(image=tf.cast(picture[None], tf.float32))["class_map"][0].numpy()
    ask = served.signatures["serve_bytes"]
    answer = ask(image_bytes=tf.io.encode_png(picture)[None])["class_map_png_bytes"]
    ids = tf.io.decode_png(answer[0])[..., 0].numpy()
    return min(float((found == expected).mean()) for found in (floats, ids))


def mosaic(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Four of the images (from the first again, if there are fewer) as one picture."""
    upper, lower = (
        np.concatenate([images[(row + side) % len(images)] for side in (0, 1)], axis=1)
        for row in (0, 2)
    )
    height, width = (2 * side - side // 3 for side in size)
    return np.ascontiguousarray(np.concatenate([upper, lower])[:height, :width])
