"""Border weights of a batch: kerasseg on the device against scipy's loop.

    python benchmarks/border.py            # needs scipy

Both sides make the same maps of the same 8 images of 256 x 256 with 60 instances, in
turn, in one run. scipy's side is the usual recipe: one exact distance transform for
every instance, then the two smallest.
"""

import statistics
import time

import numpy as np
import tensorflow as tf
from scipy import ndimage

from kerasseg.border import border_weight_map, border_weights

BATCH, SIDE, CELLS, ROUNDS = 8, 256, 60, 15


def cells(rng) -> np.ndarray:
    """(SIDE, SIDE) ids of CELLS ellipses of nucleus size that may touch."""
    row, column = np.mgrid[:SIDE, :SIDE]
    instance = np.zeros((SIDE, SIDE), np.int32)
    for number in range(1, CELLS + 1):
        centre, radius = rng.uniform(0, SIDE, 2), rng.uniform(5, 14, 2)
        away = ((row - centre[0]) / radius[0]) ** 2
        away += ((column - centre[1]) / radius[1]) ** 2
        instance[away <= 1] = number
    return instance


def with_scipy(batch, w0=10.0, sigma=5.0) -> np.ndarray:
    maps = []
    for instance in batch:
        numbers = np.unique(instance[instance > 0])
        distance = [ndimage.distance_transform_edt(instance != n) for n in numbers]
        d1, d2 = np.partition(distance, 1, axis=0)[:2]
        term = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
        maps.append(np.where(instance > 0, 0, term))
    return np.stack(maps)


def main() -> None:
    rng = np.random.default_rng(0)
    batch = np.stack([cells(rng) for _ in range(BATCH)])
    tensor = tf.constant(batch)
    graph = tf.function(border_weights, autograph=False)
    xla = tf.function(border_weights, autograph=False, jit_compile=True)
    sides = {
        "scipy, one transform per instance": lambda: with_scipy(batch),
        "border_weight_map (host, OpenCV)": lambda: np.stack(
            [border_weight_map(instance) for instance in batch]
        ),
        "border_weights (TensorFlow graph)": lambda: graph(tensor).numpy(),
        "border_weights (TensorFlow, XLA)": lambda: xla(tensor).numpy(),
    }
    results = {name: side() for name, side in sides.items()}  # compiles
    times = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            times[name].append(1000 * (time.perf_counter() - start))
    usual = next(iter(sides))
    print(f"{BATCH} images of {SIDE} x {SIDE}, {CELLS} instances, {ROUNDS} rounds")
    print(f"{'':34s} {'median':>9s} {'fastest':>9s} {'faster':>7s} {'difference':>11s}")
    for name, spent in times.items():
        median = statistics.median(spent)
        gain = statistics.median(times[usual]) / median
        off = np.abs(results[name] - results[usual]).max()
        print(
            f"{name:34s} {median:6.0f} ms {min(spent):6.0f} ms {gain:6.1f}x {off:11.1e}"
        )


if __name__ == "__main__":
    main()
