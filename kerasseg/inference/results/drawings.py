"""Overlays, their legend, and the contact sheet of the first few."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from kerasseg.drawing import bands
from kerasseg.drawing.blending import strips
from kerasseg.inference.inputs import Source
from kerasseg.inference.maps import Network
from kerasseg.inference.results.made import Made
from kerasseg.labels.pixel_counts import pixel_counts
from kerasseg.taxonomy import IGNORE

OVERLAY = "_overlay.jpg"
"""What is added to the name of a picture."""
LEGEND = "overlay_legend.png"
SHEET = "contact_sheet.jpg"
MOST = 24
"""The largest number of pictures on the contact sheet."""
SIDE = 800
"""The longer side of a picture that waits for the contact sheet, pixels."""
LONGEST = 65000
"""The longer side of an overlay, pixels; JPEG ends at 65535."""
Shown: TypeAlias = tuple[str, np.ndarray, np.ndarray]
"""Name of a source, the picture that is seen of it, its overlay; small ones."""


class Drawings:
    """Draws overlays as large as their pictures, and one legend for all of them.

    alpha: opacity of the colours. light: with OpenCV alone, without a contact sheet.
    """

    def __init__(self, network: Network, to: Made, alpha: float, light: bool) -> None:
        self._network, self._to = network, to
        self._alpha, self._light = alpha, light
        self._sheet: list[Shown] = []
        self._pixels = np.zeros(network.taxonomy.num_classes, np.int64)

    def overlay(
        self, source: Source, pixels: np.ndarray, label: np.ndarray, target: Path
    ) -> None:
        """Writes TARGET_overlay.jpg: class colours over an image (H, W, bands)."""
        seen = bands.shown(pixels, self._network.image_format)
        taxonomy = self._network.taxonomy
        if self._light:
            from kerasseg.drawing import video_frames

            drawn = video_frames.overlay(seen, label, taxonomy, self._alpha)
        else:
            from kerasseg.drawing import pictures

            drawn = pictures.overlay(seen, label, taxonomy, self._alpha)
            if len(self._sheet) < MOST:
                name = Path(str(source)).name
                self._sheet.append((name, _within(seen, SIDE), _within(drawn, SIDE)))
        self._pixels += pixel_counts(label, taxonomy.num_classes)
        file = target.with_name(f"{target.name}{OVERLAY}")
        self._to.write(file, _jpeg(drawn), source)

    def finish(self, folder: Path) -> None:
        """Writes the legend and the contact sheet of what was drawn, if any."""
        if self._pixels.any():
            self._to.write(folder / LEGEND, _png(self._legend()), folder)
        if self._sheet:
            self._contact_sheet(folder)

    def _legend(self) -> np.ndarray:
        """Of the classes that were found; of more than 255 the most frequent."""
        found = np.flatnonzero(self._pixels)
        most = np.argsort(-self._pixels, kind="stable")[:IGNORE]
        shown = [i for i in found.tolist() if i in set(most.tolist())]
        if self._light:
            from kerasseg.drawing import video_frames

            return video_frames.legend(self._network.taxonomy, shown)
        from kerasseg.drawing import pictures

        height = 60 + 32 * min(len(shown), 32)
        return pictures.legend(self._network.taxonomy, height, shown)

    def _contact_sheet(self, folder: Path) -> None:
        from kerasseg.drawing import pictures

        rows, titles = [], []
        for start in range(0, len(self._sheet), 2):
            pair = self._sheet[start : start + 2]
            rows.append([one for _, seen, drawn in pair for one in (seen, drawn)])
            titles.append([text for name, _, _ in pair for text in (name, "")])
        sheet = pictures.contact_sheet(rows, titles, 1600)
        self._to.write(folder / SHEET, _jpeg(sheet), folder)


def _within(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longer side is at most so long."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, int(scale * length)) for length in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()


def _jpeg(picture: np.ndarray) -> bytes:
    picture = _within(picture, LONGEST)
    for first, end in strips(*picture.shape[:2]):  # in place: it may be large
        picture[first:end] = picture[first:end, :, ::-1].copy()
    return cv2.imencode(".jpg", picture)[1].tobytes()
