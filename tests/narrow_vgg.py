"""Networks on a VGG16 of a fraction of its width: their weights, what they see."""

import numpy as np
from networks import call
from receptive_field import make_positive

NARROW = 1 / 64


def set_weights(model, seed):
    """The weights of tests/golden/make_vgg_dilated.py, layer by layer."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.weights:
            shape = layer.kernel.shape
            scale = np.sqrt(2 / np.prod(shape[:3]))
            kernel = rng.normal(0, scale, shape)
            layer.set_weights([kernel, rng.normal(0, 0.1, shape[-1])])


def columns_seen(model, columns):
    """Which of the image's columns the middle of the map sees: with positive kernels it
    is zero unless the one bright column is seen."""
    make_positive(model)
    images = np.zeros((len(columns), *model.input_shape[1:]), "float32")
    for image, column in zip(images, columns, strict=True):
        image[:, column] = 1
    maps = call(model, images)
    middle = maps[:, maps.shape[1] // 2, maps.shape[2] // 2, 0]
    return [bool(value) for value in middle > 0]
