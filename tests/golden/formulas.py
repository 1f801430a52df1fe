"""A picture and weights by formula: what scripts and tests share without storing it."""

import zlib

import numpy as np


def picture(height, width):
    """(1, height, width, 3) float32, whole numbers 0..255."""
    row, column, channel = np.ogrid[:height, :width, :3]
    image = (7 * row + 13 * column + 101 * channel + row * column) % 256
    return image[None].astype("float32")


def weights(name, shapes):
    """The weights of the layer called `name`, in Keras' order and layout."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shapes) == 4:  # gamma, beta, moving mean, moving variance
        return [
            rng.uniform(0.8, 1.2, shapes[0]),
            rng.normal(0, 0.1, shapes[1]),
            rng.normal(0, 0.1, shapes[2]),
            rng.uniform(0.8, 1.2, shapes[3]),
        ]
    kernel = shapes[0]
    fan_in = np.prod(kernel[:2] if kernel[3] == 1 else kernel[:3])
    return [rng.normal(0, (1.5 / fan_in) ** 0.5, kernel)] + [
        rng.normal(0, 0.1, shape) for shape in shapes[1:]
    ]


def tensors(shapes):
    """The state dictionary of a network of Torch, from {name: shape}: as if it had been
    trained, and such that its answers are neither tiny nor huge."""
    found = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if name.endswith("num_batches_tracked"):
            found[name] = np.int64(7)
            continue
        if name.endswith(("running_mean", "bias")):
            values = rng.normal(0, 0.1, shape)
        elif len(shape) == 1:
            values = rng.uniform(0.7, 1.3, shape)
        else:
            values = rng.normal(0, (1.5 / np.prod(shape[1:])) ** 0.5, shape)
        found[name] = values.astype("float32")
    return found
