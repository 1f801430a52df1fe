"""Augmentation speed: policy "road" of kerasseg, of Keras layers, of albumentations.

    python benchmarks/augment.py [--rounds 15] [--batch 8]

The same work on each side: mirror, scale 0.6 to 1.8, turn up to 3 degrees, crop
288 x 384 out of 360 x 480, brightness, contrast, saturation, hue, gamma, noise; image
bilinear and label nearest. The sides take turns, so that a busy machine slows all of
them alike; on a busy one compare the processor time: it counts all threads and leaves
out waiting. kerasseg runs as in training (`fused.augmentation`), Keras as one compiled
TensorFlow graph per batch, albumentations in one thread per core, with OpenCV on one
thread in each. A side whose package is missing is left out by name.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np

SOURCE, CROP = (360, 480), (288, 384)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--rounds", type=int, default=15)
    flags.add_argument("--batch", type=int, default=8)
    asked = flags.parse_args()
    image, label = scenes(asked.batch)
    sides = {}
    for build in (kerasseg, keras_layers, albumentations):
        try:
            sides[build.__name__] = build(image, label)
        except ImportError as error:
            print(f"left out: {build.__name__} ({error})")
    wall, busy = ({name: [] for name in sides} for _ in range(2))
    for side in sides.values():  # traces and warms caches
        side(0), side(1)
    for number in range(asked.rounds):
        for name, side in sides.items():
            begin, work = time.perf_counter(), time.process_time()
            side(number)
            wall[name].append(time.perf_counter() - begin)
            busy[name].append(time.process_time() - work)
    print(
        f"{os.cpu_count()} cores, batch {asked.batch}, medians of {asked.rounds} rounds"
    )
    for name in sides:
        texts = []
        for what, times in (("wall", wall), ("processor", busy)):
            median = statistics.median(times[name])
            ratio = median / statistics.median(times["kerasseg"])
            texts.append(f"{what} {median * 1e3:7.1f} ms = {ratio:5.2f} x kerasseg")
        print(f"{name:15} {'   '.join(texts)}")


def scenes(batch: int):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 11, (batch, 12, 16)).repeat(30, 1).repeat(30, 2)
    image = label[..., None] * 20 + rng.integers(0, 40, (batch, *SOURCE, 3))
    return image.astype("uint8"), label.astype("uint8")


def kerasseg(image, label):
    import tensorflow as tf

    from kerasseg import augment
    from kerasseg.fused import augmentation

    move = augmentation(augment.POLICIES["road"], CROP)
    image, label = tf.constant(image), tf.constant(label)

    def side(number):
        numbers = tf.random.stateless_uniform(
            (image.shape[0], augment.NUMBERS), (0, number)
        )
        return [x.numpy() for x in move(image, label, numbers)]

    return side


def keras_layers(image, label):
    import tensorflow as tf
    from keras import layers

    chain = [
        layers.RandomFlip("horizontal"),
        layers.RandomZoom((-0.44, 0.67), fill_mode="constant"),
        layers.RandomRotation(3 / 360, fill_mode="constant"),
        layers.RandomCrop(*CROP),
        layers.RandomBrightness(0.25, value_range=(0, 255)),
        layers.RandomContrast(0.25, value_range=(0, 255)),
        layers.RandomSaturation((0.3, 0.7), value_range=(0, 255)),
        layers.RandomHue(0.03, value_range=(0, 255)),
    ]

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *SOURCE, 3)),
            tf.TensorSpec((None, *SOURCE, 1)),
        ]
    )
    def move(image, label):
        both = {"images": image, "segmentation_masks": label}
        for layer in chain:
            both = layer(both, training=True)
        image = both["images"]
        count = tf.shape(image)[0]
        gamma = tf.random.uniform((count, 1, 1, 1), 0.6, 1.6)
        image = 255 * tf.pow(tf.clip_by_value(image / 255, 0, 1), gamma)
        image = image + tf.random.normal(tf.shape(image), 0, 3)
        return tf.clip_by_value(image, 0, 255), both["segmentation_masks"]

    image = tf.constant(image, tf.float32)
    label = tf.constant(label[..., None], tf.float32)
    return lambda number: [x.numpy() for x in move(image, label)]


def albumentations(image, label):
    import albumentations as a
    import cv2

    cv2.setNumThreads(1)
    chain = a.Compose(
        [
            a.HorizontalFlip(p=0.5),
            a.Affine(scale=(0.6, 1.8), rotate=(-3, 3), fill=114, fill_mask=255, p=1),
            a.RandomCrop(*CROP),
            a.ColorJitter(0.25, 0.25, 0.4, 0.03, p=1),
            a.RandomGamma((60, 160), p=1),
            a.GaussNoise((0.005, 0.03), p=0.3),
        ]
    )
    pool = ThreadPoolExecutor(os.cpu_count())

    def one(pair):
        moved = chain(image=pair[0], mask=pair[1])
        return moved["image"].astype("float32"), moved["mask"].astype("int32")

    def side(number):
        images, labels = zip(
            *pool.map(one, zip(image, label, strict=True)), strict=True
        )
        return np.stack(images), np.stack(labels)

    return side


if __name__ == "__main__":
    main()
