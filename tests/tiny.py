"""A network that is built and exported in a moment; see the fixtures of conftest.py."""

import keras
import numpy as np

from kerasseg import models
from kerasseg.taxonomy import Taxonomy

SIZE = (32, 48)
TAXONOMY = Taxonomy(("road", "sky", "tree"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)))


def network(size=SIZE, classes=3):
    """The same weights each time; a mistake does not hide behind zeros and ones."""
    keras.utils.set_random_seed(0)
    made = models.build("unet_small", classes, (*size, 3), filters=4, depth=2)
    return normalised(made)


def normalised(network):
    """The network with numbers other than 0 and 1 in its batch normalisations."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.path.endswith(("beta", "moving_mean")):
            weight.assign(rng.normal(0, 0.2, weight.shape))
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    return network


def convolution(classes=3):
    """For tests of what surrounds a network: its graph is traced in a moment."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = keras.layers.Conv2D(8, 9, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Conv2D(classes, 1, name="logits")(x))
