"""What the whole training step costs over the bare one, both in one process, in turns.

python benchmarks/step.py [--steps 10] [--model NAME] [--policy road]

stock: forward, backward and update of the network alone as Keras builds it, on one
cached batch with its target ready: cross entropy and Dice of a one-hot target.
bare: the same with the batch normalisation that is trained here (kerasseg/fused.py).
whole: the step of `python -m kerasseg.train`: bare, and augmentation from the source
size, one-hot, the confusion matrix.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import tyro

from kerasseg.quiet import start_tensorflow


@dataclass(frozen=True)
class Step:
    model: str = "deeplab_v3plus_efficientnet_lite0"
    policy: str = "road"
    size: tuple[int, int] = (360, 480)
    crop: tuple[int, int] = (288, 384)
    batch: int = 8
    steps: int = 10
    classes: int = 11


def main() -> None:
    asked = tyro.cli(Step)
    start_tensorflow()
    import keras

    from kerasseg import augment, losses, models
    from kerasseg.fused import fused
    from kerasseg.taxonomy import one_hot
    from kerasseg.trainer import Trainer

    rng = np.random.default_rng(0)
    batch = {
        "image": rng.integers(0, 256, (asked.batch, *asked.size, 3), np.uint8),
        "label": rng.integers(0, asked.classes, (asked.batch, *asked.size), np.uint8),
        "numbers": rng.random((asked.batch, augment.NUMBERS), np.float32),
    }
    image, label = augment.apply(*batch.values(), augment.POLICIES["none"], asked.crop)
    target = one_hot(label, asked.classes)
    loss = losses.total({"cross_entropy": 1, "soft_dice": 1}, [1.0] * asked.classes)

    def network():
        options = {"weights": "none"} if "efficientnet" in asked.model else {}
        return models.build(asked.model, asked.classes, (*asked.crop, 3), **options)

    stock, bare = network(), fused(network())
    for alone in (stock, bare):
        adam = keras.optimizers.AdamW(1e-3)
        alone.compile(optimizer=adam, loss=loss, jit_compile=False)
    policy = augment.POLICIES[asked.policy]
    whole = Trainer(fused(network()), loss, policy, asked.crop)
    whole.compile(optimizer=keras.optimizers.AdamW(1e-3), jit_compile=False)
    sides = {
        "stock": lambda: stock.train_on_batch(image, target),
        "bare": lambda: bare.train_on_batch(image, target),
        "whole": lambda: whole.train_on_batch(batch),
    }
    seconds = {name: [] for name in sides}
    for step in range(asked.steps + 1):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            if step:  # The first one compiles.
                seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        per_image = 1000 * value / asked.batch
        print(f"{name:6}{value:8.3f} s a step {per_image:8.1f} ms an image")
    for name, base in (("whole", "bare"), ("stock", "bare")):
        pairs = zip(seconds[name], seconds[base], strict=True)
        ratio = statistics.median(above / below for above, below in pairs)
        print(f"{name} / {base} {ratio:.3f} (median of {asked.steps} pairs)")


if __name__ == "__main__":
    main()
