"""The U-Net that a Keras user writes in thirty lines, for `benchmarks.planner`.

What tutorials have: images stretched to 160 x 160, a U-Net of four levels, cross
entropy, Adam at 1e-3, batch 16, no augmentation, the last weights.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
from keras import layers
from small_sets import IGNORE, Work

SIDE = 160


def unet(classes: int) -> keras.Model:
    def block(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    image = keras.Input((SIDE, SIDE, 3))
    x, skips = layers.Rescaling(1 / 255)(image), []
    for filters in (32, 64, 128):
        skips.append(block(x, filters))
        x = layers.MaxPooling2D()(skips[-1])
    x = block(x, 256)
    for filters in (128, 64, 32):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = block(layers.Concatenate()([x, skips.pop()]), filters)
    return keras.Model(image, layers.Conv2D(classes, 1)(x))


class Until(keras.callbacks.Callback):
    """Ends when the time is over."""

    def __init__(self, work: Work):
        super().__init__()
        self.work, self.steps = work, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.model.stop_training = self.work.share >= 1


def main() -> None:
    work = Work()
    keras.utils.set_random_seed(work.seed)
    both = (SIDE, SIDE)
    x = np.stack([cv2.resize(one, both) for one, _ in work.train])
    near = cv2.INTER_NEAREST_EXACT
    y = np.stack([cv2.resize(one, both, interpolation=near) for _, one in work.train])
    model, until = unet(work.classes), Until(work)
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=IGNORE)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(x, y, 16, epochs=10**6, verbose=0, callbacks=[until])

    def ids_of(image: np.ndarray) -> np.ndarray:
        small = cv2.resize(image, both)[None]
        ids = np.asarray(model(small, training=False))[0].argmax(-1).astype("uint8")
        return cv2.resize(ids, image.shape[1::-1], interpolation=near)

    work.answer(ids_of, until.steps)


if __name__ == "__main__":
    main()
