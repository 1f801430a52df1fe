"""Contact sheets of what was scored: image, truth, prediction and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasseg.drawing import bands, pictures
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class Scored:
    """One image (H, W, bands) with its label and its prediction, (H, W), or where the
    classes overlap (H, W, C). number: from 1. miou: NaN where nothing was to score."""

    name: str
    number: int
    miou: float
    image: np.ndarray
    label: np.ndarray
    ids: np.ndarray


class Sheets:
    """Keeps a few images of many for the sheets.

    shown: images on a sheet. image_format: what the images are.
    """

    def __init__(self, taxonomy: Taxonomy, image_format: ImageFormat, shown: int = 6):
        self._taxonomy, self._format, self._shown = taxonomy, image_format, shown
        self._kept: list[Scored] = []
        self._worst: list[Scored] = []

    def add(self, one: Scored) -> None:
        """Takes the next image."""
        self._kept.append(one)
        if len(self._kept) > 2 * self._shown:
            # Keeps a spread of examples without knowing how many there will be.
            self._kept = self._kept[::2]
        if not np.isnan(one.miou):
            worst = sorted([*self._worst, one], key=lambda s: (s.miou, s.number))
            self._worst = worst[: self._shown]

    @property
    def worst(self) -> list[dict]:
        """Name and mIoU of the images of the lowest mIoU, the lowest first."""
        return [{"image": one.name, "miou": one.miou} for one in self._worst]

    def drawn(self) -> dict[str, np.ndarray]:
        """ "examples" and "worst", uint8 RGB (H, W, 3) each."""
        sheets = {"examples": self._kept[: self._shown], "worst": self._worst}
        return {name: self._sheet(some) for name, some in sheets.items() if some}

    def _sheet(self, samples: Sequence[Scored]) -> np.ndarray:
        taxonomy = self._taxonomy
        rows, titles = [], []
        for one in samples:
            image = bands.shown(one.image, self._format)
            truth = pictures.overlay(image, one.label, taxonomy)
            seen = pictures.overlay(image, one.ids, taxonomy)
            rows.append([image, truth, seen, _errors(one.label, one.ids, taxonomy)])
            titles.append(
                [one.name, "truth", f"prediction, mIoU {one.miou:.2f}", "errors"]
            )
        sheet = pictures.contact_sheet(rows, titles, 1600)
        shape = -1, *taxonomy.planes
        label = np.concatenate([one.label.reshape(shape) for one in samples])[None]
        return pictures.with_legend(sheet, taxonomy, label)


def _errors(label: np.ndarray, ids: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """`pictures.error_map`; where classes overlap, of pixels with any wrong answer."""
    if taxonomy.exclusive:
        return pictures.error_map(label, ids, taxonomy.ignore)
    known = label != IGNORE
    right = np.where(known.any(-1), 0, IGNORE).astype(np.uint8)
    return pictures.error_map(right, (known & (label != ids)).any(-1))
