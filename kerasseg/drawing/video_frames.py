"""Overlays drawn with OpenCV alone, fast enough for every frame of a video."""

from __future__ import annotations

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import Taxonomy

FONT = cv2.FONT_HERSHEY_SIMPLEX
"""The font of captions, which OpenCV brings along."""


def overlay(
    image: np.ndarray, label: np.ndarray, taxonomy: Taxonomy, alpha: float = 0.5
) -> np.ndarray:
    """Class colours blended over an RGB image uint8 (H, W, 3); label (H, W) ids."""
    colours = taxonomy.palette()[label]
    return cv2.addWeighted(colours, alpha, image, 1 - alpha, 0)


def captioned(
    picture: np.ndarray,
    taxonomy: Taxonomy,
    label: np.ndarray,
    frames_per_second: float = 0,
) -> np.ndarray:
    """A picture uint8 (H, W, 3) with a caption in its upper left corner.

    The caption lists the classes in `label` (H, W) by name and colour and, above them,
    the frame rate unless it is 0.
    """
    out = np.ascontiguousarray(picture)
    scale = max(0.4, min(out.shape[:2]) / 900)
    step = round(32 * scale)
    counts = np.bincount(label.ravel(), minlength=taxonomy.ignore + 1)
    counts = counts[: taxonomy.num_classes]
    # Classes of a few stray pixels would only flicker.
    seen = np.flatnonzero(counts > label.size / 500)
    lines: list[tuple[str, tuple[int, ...] | None]] = [
        (taxonomy.names[i], taxonomy.colours[i]) for i in seen
    ]
    if frames_per_second:
        lines.insert(0, (f"{frames_per_second:.1f} frames a second", None))
    width = max((_width(words, scale) for words, _ in lines), default=0)
    panel = out[: step * len(lines) + step // 2, : width + 2 * step]
    panel[:] = panel // 3
    for row, (words, colour) in enumerate(lines):
        top = step // 4 + row * step
        left = step // 2
        if colour is not None:
            corner = (left + step // 2, top + 3 * step // 4)
            colour = tuple(int(c) for c in colour)
            cv2.rectangle(out, (left, top + step // 4), corner, colour, -1)
            left += step
        place = (left, top + 3 * step // 4)
        cv2.putText(out, words, place, FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def show(title: str, frame_bgr: np.ndarray) -> bool:
    """Shows a frame in a window; whether q was pressed.

    Raises UserError where OpenCV was built without windows.
    """
    try:
        cv2.imshow(title, frame_bgr)
        return cv2.waitKey(1) & 0xFF == ord("q")
    except cv2.error as error:
        raise UserError(
            "--show: this OpenCV has no windows. Install opencv-python in place of "
            "opencv-python-headless, or leave --show out: the video is written."
        ) from error


def _width(words: str, scale: float) -> int:
    return cv2.getTextSize(words, FONT, scale, 1)[0][0]
