"""Training on a GPU: kerasseg's networks under JAX against the same ones in Torch.

    python benchmarks/gpu.py [--only unet,augmentation] [--rounds 5] [--quick]

Needs jax and torch for the card in one environment, and no TensorFlow. Both sides work
in turns on the same card; all in bfloat16 with float32 weights, AdamW, cross entropy:

kerasseg, bare step   forward, backward and update, on a batch that lies on the card
kerasseg, fit         as `python -m kerasseg.train`: the batch is sent, augmented,
                      one-hot; confusion matrix, running means of the weights, guard
Torch, compiled       as the bare step: torch.compile, channels_last, autocast

The layers are the same (tests/benchmarks/test_gpu.py compares the logits). Shares are
of the card's own rate in a bfloat16 matrix product, measured first; a step counts as
three times the multiply-adds of its forward pass.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
# Torch needs its part of the card.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

from benchmarks.speed import table
from benchmarks.speed.turns import Part, Side, peer, take_turns

SIZES = {
    "unet": (16, (512, 512)),
    "fc_densenet103": (16, (256, 256)),
    "deeplab_v3plus_resnet50": (16, (512, 512)),
    "augmentation": (16, (512, 512)),
}
"""part -> images in a batch, their height and width"""
QUICK = (2, (64, 64))
CLASSES, STEPS = 11, 10
BARE, FIT, TORCH = "kerasseg, bare step", "kerasseg, fit", "Torch, compiled"


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--only", default=",".join(SIZES), help="parts, with commas")
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--limit", type=float, default=60.0, help="seconds of a side")
    flags.add_argument(
        "--quick", action="store_true", help="whether all runs, not how fast; any CPU"
    )
    asked = flags.parse_args()
    import jax
    import keras

    card = jax.devices()[0]
    if card.platform != "gpu" and not asked.quick:
        flags.error(
            f"JAX sees no GPU, only {card.device_kind}. Install jax[cuda13], or use "
            "--quick to try this script on a CPU."
        )
    names = [name.strip() for name in asked.only.split(",")]
    if unknown := set(names) - set(SIZES):
        flags.error(f"unknown part {unknown.pop()!r}. Known: {', '.join(SIZES)}.")
    versions = ", ".join(f"{one} {metadata.version(one)}" for one in ("jax", "keras"))
    peak = matrix_rate(512 if asked.quick else 8192)
    print(f"{card.device_kind}; {versions}; {datetime.now(UTC):%Y-%m-%d}")
    print(f"bfloat16 matrix product: {peak / 1e12:.3g} TFLOP/s\n", flush=True)
    for name in names:
        batch, size = QUICK if asked.quick else SIZES[name]
        steps = 1 if asked.quick else STEPS
        part, flops = (
            (augmentation(batch, size, steps), 0)
            if name == "augmentation"
            else training(name, batch, size, steps, compiled=not asked.quick)
        )
        result = take_turns(part, 2 if asked.quick else asked.rounds, asked.limit)
        found = table.summary(result)
        print(table.markdown(found))
        for side, row in found["sides"].items() if flops else ():
            share = flops * row["images_a_second"] / peak
            print(f"{side}: {share:.1%} of the matrix product's rate")
        print(flush=True)
        del part, result
        keras.backend.clear_session()  # the next networks need the card's memory
        gc.collect()


def matrix_rate(width: int) -> float:
    """FLOP/s of a bfloat16 matrix product, the best of five turns."""
    import jax
    import jax.numpy as jnp

    one = jax.random.normal(jax.random.key(0), (width, width), jnp.bfloat16)
    product = jax.jit(lambda a, b: a @ b)
    product(one, one).block_until_ready()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10):
            found = product(one, one)
        found.block_until_ready()
        seconds.append((time.perf_counter() - began) / 10)
    return 2 * width**3 / min(seconds)


def training(name: str, batch: int, size, steps: int, *, compiled: bool):
    """(Part, floating point operations of the training step for one image)"""
    from kerasseg.models.analysis.cost import multiply_adds

    work = {"model": name, "classes": CLASSES, "batch": batch, "size": size}
    work |= {"steps": steps, "compiled": compiled}
    command = [sys.executable, str(Path(__file__).parent / "peer" / "steps.py")]
    part = Part(
        f"{steps} training steps of {name}, {batch} x {size[0]}x{size[1]}, bfloat16",
        steps * batch,
        BARE,
        {
            BARE: lambda: bare(name, batch, size, steps),
            FIT: lambda: fit(name, batch, size, steps),
            TORCH: lambda: peer(command, work),
        },
        ((TORCH, BARE, "Torch / bare step"), (FIT, BARE, "fit / bare step")),
    )
    return part, 2 * 3 * multiply_adds(network_of(name, size))


def bare(name: str, batch: int, size, steps: int) -> Side:
    import jax
    import keras
    import numpy as np
    from jax import numpy as jnp

    network = network_of(name, size)
    optimizer = keras.optimizers.AdamW(1e-4)
    optimizer.build(network.trainable_variables)
    rng = np.random.default_rng(0)
    image = jnp.asarray(255 * rng.random((batch, *size, 3), np.float32))
    label = jnp.asarray(rng.integers(0, CLASSES, (batch, *size)))

    def objective(trained, others, image, label):
        logits, others = network.stateless_call(trained, others, image, training=True)
        log = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(log, label[..., None], -1).mean(), others

    def step(trained, others, moments, image, label):
        gradient = jax.value_and_grad(objective, has_aux=True)
        (loss, others), found = gradient(trained, others, image, label)
        trained, moments = optimizer.stateless_apply(moments, found, trained)
        return loss, trained, others, moments

    step = jax.jit(step, donate_argnums=(0, 1, 2))
    state = [
        [variable.value + 0 for variable in variables]
        for variables in (
            network.trainable_variables,
            network.non_trainable_variables,
            optimizer.variables,
        )
    ]

    def turn():
        for _ in range(steps):
            loss, *state[:] = step(*state, image, label)  # what came before is donated
        loss.block_until_ready()

    trainable = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    return Side(turn, lambda: f"{trainable:,} trainable parameters")


def fit(name: str, batch: int, size, steps: int) -> Side:
    from itertools import repeat

    from kerasseg import augment, config, losses
    from kerasseg.fit import from_settings
    from kerasseg.fit.devices import Devices

    loss = losses.total({"cross_entropy": 1}, [1.0] * CLASSES)
    values = {"learning_rate": 1e-4, "weight_decay": 1e-4, "ema": 0.99}
    values |= {"schedule": "constant", "precision": "mixed_bfloat16"}
    settings = config.Config(augment=augment.POLICIES["road"], fit=config.Fit(**values))
    trainer = from_settings.trainer_of(
        settings, lambda: network_of(name, size), loss, size, steps, Devices(gpu=True)
    )
    one = larger(batch, size)

    def turn():
        trainer.fit(
            ((each,) for each in repeat(one)),
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
        )

    return Side(turn)


def augmentation(batch: int, size, steps: int) -> Part:
    """Policy "road" on batches that lie on the card."""

    def build() -> Side:
        import jax

        from kerasseg.augment import POLICIES, apply

        one = jax.device_put(larger(batch, size))

        @jax.jit
        def move(image, label, numbers):
            return apply(image, label, numbers, POLICIES["road"], size)

        def turn():
            for _ in range(steps):
                moved = move(one["image"], one["label"], one["numbers"])
            jax.block_until_ready(moved)

        return Side(turn)

    title = f"augmentation, policy road, {batch} x {size[0]}x{size[1]}"
    return Part(title, steps * batch, "kerasseg", {"kerasseg": build})


def larger(batch: int, size) -> dict:
    """A batch of images a quarter larger than the crops made of it, in host memory."""
    import numpy as np

    from kerasseg import augment

    rng, shape = np.random.default_rng(0), [batch, *(5 * n // 4 for n in size)]
    return {
        "image": rng.integers(0, 256, (*shape, 3), np.uint8),
        "label": rng.integers(0, CLASSES, shape, np.uint8),
        "numbers": rng.random((batch, augment.NUMBERS), np.float32),
    }


def network_of(name: str, size):
    import keras

    from kerasseg import models

    options = {"weights": "none"} if name.startswith("deeplab") else {}
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = models.build(name, CLASSES, (*size, 3), **options)
    keras.config.set_dtype_policy("float32")
    return network


if __name__ == "__main__":
    main()
