"""`python -m benchmarks.volumes`: a training step of the 3-D U-Net, and Torch's.

The same layers (unet_3d with transposed convolutions) in kerasseg's whole training step
(augmentation, one-hot, confusion matrix, running mean of the weights) and in Torch,
bare (channels_last_3d, compiled by torch.compile), in turns, each in a process of its
own. Seconds by the clock and of the processor: on a busy machine only the latter mean
anything. Needs kerasseg[torch] and, to compile, a C++ compiler.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from kerasseg.console import command, start_tensorflow

SIZE, CLASSES = (40, 56, 40), 3


@dataclass(frozen=True)
class Volumes:
    """Time a training step on patches of volumes, in turns with Torch."""

    filters: int = 16
    """Of the first level; there are four levels."""
    batch: int = 2
    """Patches of a step."""
    turns: int = 5
    """Steps of each side that are counted, after one that is not."""
    compiled: bool = True
    """Compile Torch's network."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Volumes, args=argv, prog="python -m benchmarks.volumes")
    sides = {"kerasseg, whole step": _kerasseg, "Torch, bare step": _torch}
    spawned = multiprocessing.get_context("spawn")
    pipes, works, clock, processor = {}, [], {}, {}
    for name, build in sides.items():
        pipes[name], theirs = spawned.Pipe()
        work = spawned.Process(target=_work, args=(build, asked, theirs), daemon=True)
        work.start()
        works.append(work)
        theirs.close()
        clock[name], processor[name] = [], []
    for number in range(asked.turns + 1):
        for name, pipe in pipes.items():
            pipe.send("step")
            seconds, used = pipe.recv()
            if number:  # the first one compiles
                clock[name].append(seconds)
                processor[name].append(used)
    for name in sides:
        print(
            f"{name:22}  {statistics.median(clock[name]):.3f} s  "
            f"{statistics.median(processor[name]):.3f} processor s"
        )
    for unit, found in (("processor time", processor), ("time", clock)):
        ours, theirs = (statistics.median(found[name]) for name in sides)
        print(f"Torch / kerasseg: {theirs / ours:.2f} in {unit}")
    for pipe, work in zip(pipes.values(), works, strict=True):
        pipe.send("")
        work.join()


def _work(build: Callable[[Volumes], Callable], asked: Volumes, pipe: Any) -> None:
    """Makes a step whenever asked, and says its two times."""
    step = build(asked)
    while pipe.recv():
        began, used = time.perf_counter(), time.process_time()
        step()
        pipe.send((time.perf_counter() - began, time.process_time() - used))


def _arrays(asked: Volumes) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(asked.batch, *SIZE, 1)).astype("float32")
    return image, rng.integers(0, CLASSES, (asked.batch, *SIZE)).astype("uint8")


def _kerasseg(asked: Volumes) -> Callable[[], object]:
    start_tensorflow()
    from kerasseg import augment, config, losses, models
    from kerasseg.fit import from_settings
    from kerasseg.fit.devices import Devices
    from kerasseg.image_format import BandStatistics, ImageFormat, InputRange
    from kerasseg.volume_format import VolumeFormat

    bands = (BandStatistics(-3, 9, 0, 1, -2, 3),)
    images = ImageFormat.of(("mr",), "float32").with_statistics(bands)
    plain = InputRange((-np.inf,), (np.inf,), (0.0,), (1.0,))
    fit = config.Fit(learning_rate=1e-3, schedule="constant", ema=0.99)
    settings = config.Config(augment=augment.POLICIES["volume"], fit=fit)
    cpu = Devices(gpu=False)

    def build():
        options = {"filters": asked.filters, "depth": 3}
        network = models.build("unet_3d", CLASSES, (*SIZE, 1), plain, **options)
        return cpu.as_trained_here(network, xla=False)

    loss = losses.total({"cross_entropy": 1, "soft_dice": 1})
    of = build, loss, SIZE, 100, cpu, images
    trainer = from_settings.trainer_of(settings, *of, volume=VolumeFormat())
    image, label = _arrays(asked)
    numbers = np.random.default_rng(1).random((asked.batch, augment.NUMBERS))
    batch = {"image": image, "label": label, "numbers": numbers.astype("float32")}
    return lambda: trainer.train_on_batch(batch)


def _torch(asked: Volumes) -> Callable[[], object]:
    import torch
    from torch import nn
    from torch.nn import functional

    def block(before: int, behind: int, stride: int = 1) -> nn.Sequential:
        parts: list[nn.Module] = []
        for ins, step in ((before, stride), (behind, 1)):
            parts.append(nn.Conv3d(ins, behind, 3, step, 1, bias=False))
            parts += [nn.InstanceNorm3d(behind, affine=True), nn.LeakyReLU(0.01)]
        return nn.Sequential(*parts)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [asked.filters * 2**level for level in range(4)]
            ins = [1, *widths[:-1]]
            down = [
                block(i, w, 1 if n == 0 else 2)
                for n, (i, w) in enumerate(zip(ins, widths, strict=True))
            ]
            self.down = nn.ModuleList(down)
            pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
            self.up = nn.ModuleList(nn.ConvTranspose3d(i, w, 2, 2) for i, w in pairs)
            self.behind = nn.ModuleList(block(2 * w, w) for _, w in pairs)
            self.logits = nn.Conv3d(widths[0], CLASSES, 1)

        def forward(self, x):
            skips = []
            for part in self.down:
                x = part(x)
                skips.append(x)
            skips.pop()
            for up, behind in zip(self.up, self.behind, strict=True):
                x = behind(torch.cat([up(x), skips.pop()], 1))
            return self.logits(x)

    network = Network().to(memory_format=torch.channels_last_3d)
    forward = torch.compile(network) if asked.compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    image, label = _arrays(asked)
    x = torch.from_numpy(image.transpose(0, 4, 1, 2, 3).copy())
    x = x.to(memory_format=torch.channels_last_3d)
    y = torch.from_numpy(label.astype("int64"))
    hot = functional.one_hot(y, CLASSES).permute(0, 4, 1, 2, 3).float()

    def step() -> None:
        optimizer.zero_grad()
        logits = forward(x)
        share, axes = logits.softmax(1), (2, 3, 4)
        both = (share * hot).sum(axes)
        dice = 1 - (2 * both / (share.sum(axes) + hot.sum(axes))).mean()
        (functional.cross_entropy(logits, y) + dice).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
