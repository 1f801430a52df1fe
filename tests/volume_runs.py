"""Runs of volumes that nobody trained: for what is made of a network afterwards."""

import keras
import numpy as np
from keras import layers

from kerasseg import config, runs
from kerasseg.data import records as shards
from kerasseg.data.datasets import synthetic_volumes

SHAPE, SIZE = (10, 20, 18), (8, 16, 16)


def records(out, train=3):
    """Volumes that are no multiple of a patch; three to validate on."""
    taxonomy, splits = synthetic_volumes.load(train=train, val=3, shape=SHAPE)
    for split, samples in splits.items():
        options = {"taxonomy": taxonomy, "shards": 1, "progress": False}
        shards.write(samples, out, split, **options)
    return out


def network(channels=1, classes=4, size=SIZE):
    """Classes by the gray value, but for a blur: better than chance, and untrained."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*size, channels), name="image")
    x = layers.Conv3D(4, 3, padding="same", kernel_initializer="ones")(image)
    x = layers.LeakyReLU(0.1)(layers.BatchNormalization()(x))
    logits = layers.Conv3D(classes, 1, name="logits")(layers.Add()([x, image]))
    made = keras.Model(image, logits, name="blur")
    kernel, bias = made.get_layer("logits").get_weights()
    kernel[:] = np.linspace(-1, 1, classes)
    made.get_layer("logits").set_weights([kernel, bias])
    return made


def run(folder, records, made=None):
    """A run folder over these records, as a training leaves it."""
    described = shards.describe(records)
    folder.mkdir(parents=True)
    data = config.Data(records=str(records), size=SIZE, crop=SIZE)
    (folder / "config.toml").write_text(config.to_toml(config.Config(data=data)))
    taxonomy, volume = described.taxonomy, described.volume
    runs.describe(folder, taxonomy, described.image_format, volume)
    runs.save(made or network(), folder / "network.keras")
    return folder
