"""MONAI's network and transforms on volumes, for a time; run by benchmarks.hippocampus.

    python benchmarks/peer/monai_volumes.py ARRAYS.npz MINUTES NETWORK

ARRAYS.npz holds x0, y0, ... of the training (standardised, (D, H, W)) and vx0, vy0, ...
of the validation. Prints a JSON line: steps, seconds, and Dice of each class and case.
The recipe is that of MONAI's tutorials: flips, turns, scales, noise and light, Dice and
cross entropy, AdamW with a cosine that knows the time, a Gaussian window. Memory is
channels_last_3d, which is as fast here as any.
"""

from __future__ import annotations

import json
import math
import sys
import time

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet, DynUNet
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    EnsureTyped,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropd,
    SpatialPadd,
)
from protocol import cores
from small_sets import pairs

PATCH, BATCH, CLASSES, RATE = (40, 56, 40), 2, 3, 2e-3
KEYS = ["image", "label"]


def network(name: str) -> torch.nn.Module:
    if name == "basic":  # with its default widths
        return BasicUNet(3, 1, CLASSES)
    return DynUNet(
        3,
        1,
        CLASSES,
        kernel_size=[3] * 4,
        strides=[1, 2, 2, 2],
        upsample_kernel_size=[2] * 3,
        filters=[16, 32, 64, 128],
        norm_name=("INSTANCE", {"affine": True}),
    )


def transforms() -> Compose:
    light = {"keys": ["image"], "prob": 0.3}
    return Compose(
        [
            EnsureChannelFirstd(KEYS, channel_dim="no_channel"),
            SpatialPadd(KEYS, PATCH),
            RandAffined(
                KEYS,
                prob=0.5,
                rotate_range=[0.26] * 3,  # 15 degrees
                scale_range=[0.2] * 3,
                mode=["bilinear", "nearest"],
                padding_mode="zeros",
            ),
            RandSpatialCropd(KEYS, PATCH, random_size=False),
            *[RandFlipd(KEYS, 0.5, axis) for axis in range(3)],
            RandGaussianNoised(**light, std=0.1),
            RandScaleIntensityd(**light, factors=0.25),
            RandShiftIntensityd(**light, offsets=0.1),
            EnsureTyped(KEYS, track_meta=False),
        ]
    )


def main() -> None:
    arrays, minutes, name = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    torch.manual_seed(0)
    torch.set_num_threads(cores())
    data = np.load(arrays)
    cases = [dict(zip(KEYS, pair, strict=True)) for pair in pairs(data, "")]
    change = transforms()
    change.set_random_state(0)
    model, loss = network(name), DiceCELoss(to_onehot_y=True, softmax=True)
    model = model.to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-4)
    random = np.random.default_rng(0)
    began, steps = time.monotonic(), 0
    while (share := (time.monotonic() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * share)) / 2
        chosen = [change(cases[n]) for n in random.integers(0, len(cases), BATCH)]
        image, label = (torch.stack([one[key] for one in chosen]) for key in KEYS)
        optimizer.zero_grad()
        image = image.to(memory_format=torch.channels_last_3d)
        loss(model(image), label).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 12.0)
        optimizer.step()
        steps += 1
    seconds = time.monotonic() - began
    model.eval()
    found = []
    with torch.no_grad():
        for volume, label in pairs(data, "v"):
            image = torch.from_numpy(volume)[None, None]
            logits = sliding_window_inference(
                image, PATCH, 4, model, overlap=0.5, mode="gaussian"
            )
            ids = logits[0].argmax(0).numpy()
            found.append(
                [
                    2
                    * float(((ids == c) & (label == c)).sum())
                    / max(float((ids == c).sum() + (label == c).sum()), 1.0)
                    for c in range(1, CLASSES)
                ]
            )
    weights = sum(one.numel() for one in model.parameters())
    told = {"steps": steps, "seconds": seconds, "parameters": weights, "dice": found}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
