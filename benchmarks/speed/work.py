"""What is worked on: sizes, and pictures drawn once for all sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Work:
    """folder: for files of this run; size, crop: height and width of images and of
    training crops; count: images on disk; run: a trained run for inference, or none."""

    folder: str
    model: str = "deeplab_v3plus_efficientnet_lite0"
    classes: int = 11
    batch: int = 8
    size: tuple[int, int] = (360, 480)
    crop: tuple[int, int] = (288, 384)
    count: int = 400
    run: str = ""

    def files(self) -> list[tuple[Path, Path]]:
        """Images (JPEG, quality 90) and their labels (PNG), drawn when first asked."""
        folder = Path(self.folder, "files")
        pairs = [
            (folder / f"{number}.jpg", folder / f"{number}.png")
            for number in range(self.count)
        ]
        if not folder.exists():
            folder.mkdir()
            rng = np.random.default_rng(0)
            for pair in pairs:
                self._draw(rng, *pair)
        return pairs

    def records(self) -> Path:
        """The same images as records."""
        out = Path(self.folder, "records")
        if not out.exists():
            self.write_records(out)
        return out

    def write_records(self, out: Path) -> None:
        from kerasseg.data import records
        from kerasseg.data.sample import Samples
        from kerasseg.taxonomy import Taxonomy

        splits = {"train": Samples(self.files(), _read)}
        taxonomy = Taxonomy.numbered(self.classes)
        records.write_splits(splits, out, taxonomy=taxonomy, progress=False)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """A batch: uint8 images (B, H, W, 3) and labels (B, H, W)."""
        rng = np.random.default_rng(0)
        drawn = [self._scene(rng) for _ in range(self.batch)]
        images, labels = zip(*drawn, strict=True)
        return np.stack(images), np.stack(labels)

    def network(self, size: tuple[int, int]):
        """A network of random weights, none is downloaded."""
        from kerasseg import models

        options = {"weights": "none"} if self.model.startswith("deeplab_v3") else {}
        return models.build(self.model, self.classes, (*size, 3), **options)

    def _scene(self, rng):
        import cv2

        height, width = self.size
        blocks = rng.integers(0, self.classes, (6, 8), np.uint8)
        label = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)
        noise = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
        image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        return image // 3 + label[..., None] * np.uint8(160 // self.classes), label

    def _draw(self, rng, image_file: Path, label_file: Path) -> None:
        import cv2

        image, label = self._scene(rng)
        cv2.imwrite(str(image_file), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        cv2.imwrite(str(label_file), label)


def _read(pair: tuple[Path, Path]):
    from kerasseg.data.datasets.reading.images import read_image
    from kerasseg.data.datasets.reading.masks import read_mask
    from kerasseg.data.sample import Sample

    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, read_mask(pair[1])[0], None, encoded)
