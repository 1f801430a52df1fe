"""What all sides work on: sizes, and synthetic street scenes drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

DRAWN = 50
"""Different pictures; from here on they come again, for drawing one takes 60 ms."""


@dataclass(frozen=True)
class Work:
    """folder: for files of this benchmark; size, crop: height and width of images and
    of training crops; count: images on disk; run: a run for inference, or ""; old:
    a checkout of another version, or ""."""

    folder: str
    model: str = "deeplab_v3plus_efficientnet_lite0"
    classes: int = 11
    batch: int = 8
    size: tuple[int, int] = (360, 480)
    crop: tuple[int, int] = (288, 384)
    count: int = 400
    run: str = ""
    old: str = ""

    def files(self) -> list[tuple[Path, Path]]:
        """Images (JPEG, quality 90) and their labels (PNG), drawn when first asked."""
        import cv2

        folder = Path(self.folder, "files")
        pairs = [
            (folder / f"{number}.jpg", folder / f"{number}.png")
            for number in range(self.count)
        ]
        if not folder.exists():
            folder.mkdir()
            for number, (image_file, label_file) in enumerate(pairs):
                image, label = self._scene(number)
                quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
                cv2.imwrite(str(image_file), image[..., ::-1], quality)
                cv2.imwrite(str(label_file), label)
        return pairs

    def records(self) -> Path:
        """The same images as records."""
        out = Path(self.folder, "records")
        if not out.exists():
            self.write_records(out)
        return out

    def write_records(self, out: Path) -> None:
        """Writes `files` as records into a folder."""
        from kerasseg.data import records
        from kerasseg.data.sample import Samples
        from kerasseg.taxonomy import Taxonomy

        splits = {"train": Samples(self.files(), _read)}
        taxonomy = Taxonomy.numbered(self.classes)
        records.write_splits(splits, out, taxonomy=taxonomy, progress=False)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """A batch: uint8 images (B, H, W, 3) and labels (B, H, W)."""
        images, labels = zip(*map(self._scene, range(self.batch)), strict=True)
        return np.stack(images), np.stack(labels)

    def network(self, size: tuple[int, int]):
        """A network of random weights; nothing is downloaded."""
        from kerasseg import models

        options = {"weights": "none"} if self.model.startswith("deeplab_v3") else {}
        return models.build(self.model, self.classes, (*size, 3), **options)

    def _scene(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Image and label of a street; no pixel is ignored, peers cannot do that."""
        from kerasseg.data.synthetic import scene

        height, width = self.size
        drawn = scene(0, number % DRAWN, height=height, width=width)
        return drawn.image, drawn.label % self.classes


def _read(pair: tuple[Path, Path]):
    from kerasseg.data.reading.masks.mask import read_mask
    from kerasseg.data.reading.pictures.image import read_image
    from kerasseg.data.sample import Sample

    image, encoded = read_image(pair[0])
    return Sample(pair[0].stem, image, read_mask(pair[1])[0], None, encoded)
