"""albumentations: policy "road" of kerasseg, in one thread a core."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from protocol import cores, serve

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


def chain(crop: tuple[int, int]):
    """Function (image=uint8 (H, W, 3), mask=uint8 (H, W)) -> dict of the same."""
    import albumentations as a
    import cv2

    cv2.setNumThreads(1)
    return a.Compose(
        [
            a.HorizontalFlip(p=0.5),
            a.Affine(scale=(0.6, 1.8), rotate=(-3, 3), fill=114, fill_mask=255, p=1),
            a.RandomCrop(*crop),
            a.ColorJitter(0.25, 0.25, 0.4, 0.03, p=1),
            a.RandomGamma((60, 160), p=1),
            a.GaussNoise((0.005, 0.03), p=0.3),
        ]
    )


def build(work):
    import albumentations
    import numpy as np

    move, pool = chain(work.crop), ThreadPoolExecutor(cores())
    rng = np.random.default_rng(0)
    label = rng.integers(0, work.classes, (work.batch, *work.size), np.uint8)
    image = rng.integers(0, 256, (work.batch, *work.size, 3), np.uint8)

    def one(pair):
        moved = move(image=pair[0], mask=pair[1])
        return moved["image"].astype("float32"), moved["mask"].astype("int32")

    def turn():
        pairs = pool.map(one, zip(image, label, strict=True))
        for column in zip(*pairs, strict=True):
            np.stack(column)

    return turn, f"albumentations {albumentations.__version__}"


if __name__ == "__main__":
    serve(build)
