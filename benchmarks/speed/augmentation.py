"""What happens to pixels before the network: augmentation, border weights."""

from __future__ import annotations

import numpy as np

from benchmarks.speed.turns import Part, Side
from benchmarks.speed.work import Work

MAPS, SIDE, CELLS = 8, 256, 60


def augment(work: Work) -> Part:
    """Policy "road" on a batch of uint8 images: mirror, scale 0.6 to 1.8, turn up to 3
    degrees, crop, brightness, contrast, saturation, hue, gamma, noise; image bilinear,
    label nearest. Kerasseg as in training, Keras as one compiled graph."""
    return Part(
        f"augmentation, {work.batch} images {work.size[0]}x{work.size[1]} to "
        f"{work.crop[0]}x{work.crop[1]}",
        work.batch,
        "kerasseg",
        {"kerasseg": lambda: _ours(work), "Keras layers": lambda: _keras(work)},
    )


def border(work: Work) -> Part:
    """U-Net's border weights. scipy's side is the usual recipe: one exact distance
    transform for every instance, then the two smallest."""
    rng = np.random.default_rng(0)
    batch = np.stack([_cells(rng) for _ in range(MAPS)])
    return Part(
        f"border weights, {MAPS} maps of {SIDE}x{SIDE} with {CELLS} objects",
        MAPS,
        "kerasseg",
        {
            "kerasseg": lambda: _border_graph(batch),
            "kerasseg, OpenCV on the host": lambda: _border_host(batch),
            "scipy, one transform per object": lambda: _border_scipy(batch),
        },
    )


def keras_chain(size: tuple[int, int], crop: tuple[int, int]):
    """Policy "road" of Keras layers: float image (B, H, W, 3) and label (B, H, W, 1),
    to be compiled or used in tf.data."""
    import tensorflow as tf
    from keras import layers

    chain = [
        layers.RandomFlip("horizontal"),
        layers.RandomZoom((-0.44, 0.67), fill_mode="constant"),
        layers.RandomRotation(3 / 360, fill_mode="constant"),
        layers.RandomCrop(*crop),
        layers.RandomBrightness(0.25, value_range=(0, 255)),
        layers.RandomContrast(0.25, value_range=(0, 255)),
        layers.RandomSaturation((0.3, 0.7), value_range=(0, 255)),
        layers.RandomHue(0.03, value_range=(0, 255)),
    ]
    spec = [tf.TensorSpec((None, *size, channels)) for channels in (3, 1)]

    @tf.function(input_signature=spec)
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

    return move


def _ours(work: Work) -> Side:
    import tensorflow as tf

    from kerasseg import augment as module
    from kerasseg.fit.augmentation import augmentation

    move = augmentation(module.POLICIES["road"], work.crop)
    image, label = map(tf.constant, work.arrays())
    seed = iter(range(10**9))

    def turn():
        shape = (work.batch, module.NUMBERS)
        numbers = tf.random.stateless_uniform(shape, (0, next(seed)))
        for moved in move(image, label, numbers):
            moved.numpy()

    return Side(turn)


def _keras(work: Work) -> Side:
    import tensorflow as tf

    move = keras_chain(work.size, work.crop)
    image, label = work.arrays()
    image = tf.constant(image, tf.float32)
    label = tf.constant(label[..., None], tf.float32)

    def turn():
        for moved in move(image, label):
            moved.numpy()

    return Side(turn)


def _border_graph(batch) -> Side:
    import tensorflow as tf

    from kerasseg.border import border_weights

    graph, batch = tf.function(border_weights, autograph=False), tf.constant(batch)

    def turn():
        graph(batch).numpy()

    return Side(turn)


def _border_host(batch) -> Side:
    from kerasseg.border import border_weight_map

    def turn():
        for instance in batch:
            border_weight_map(instance)

    return Side(turn)


def _border_scipy(batch, w0=10.0, sigma=5.0) -> Side:
    from scipy import ndimage

    def turn():
        for instance in batch:
            numbers = np.unique(instance[instance > 0])
            far = [ndimage.distance_transform_edt(instance != n) for n in numbers]
            d1, d2 = np.partition(far, 1, axis=0)[:2]
            term = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
            np.where(instance > 0, 0, term)

    return Side(turn)


def _cells(rng) -> np.ndarray:
    """(SIDE, SIDE) ids of CELLS ellipses of nucleus size that may touch."""
    row, column = np.mgrid[:SIDE, :SIDE]
    instance = np.zeros((SIDE, SIDE), np.int32)
    for number in range(1, CELLS + 1):
        centre, radius = rng.uniform(0, SIDE, 2), rng.uniform(5, 14, 2)
        away = ((row - centre[0]) / radius[0]) ** 2
        away += ((column - centre[1]) / radius[1]) ** 2
        instance[away <= 1] = number
    return instance
