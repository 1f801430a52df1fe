"""Overlays drawn with OpenCV alone, fast enough for every frame of a video."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.drawing.blending import unpainted
from kerasseg.labels.pixel_counts import pixel_counts
from kerasseg.taxonomy import Taxonomy

FONT = cv2.FONT_HERSHEY_SIMPLEX
"""The font of captions, which OpenCV brings along."""


def overlay(
    image: np.ndarray, label: np.ndarray, taxonomy: Taxonomy, alpha: float = 0.5
) -> np.ndarray:
    """Class colours blended over an RGB image uint8 (H, W, 3).

    label: ids (H, W); of two classes the first, the background, keeps the image. Where
    classes overlap 0 and 1 (H, W, C): the mean of the colours of the classes that are
    there, and the outline of each.
    """
    if taxonomy.exclusive:
        colours = np.take(taxonomy.palette(), label, axis=0)
        mixed = cv2.addWeighted(colours, alpha, image, 1 - alpha, 0)
        background = label == unpainted(taxonomy)
        return np.where(background[..., None], image, mixed)
    there = (label == 1).astype(np.float32)
    number = there.sum(-1, keepdims=True)
    own = np.asarray(taxonomy.colours, np.float32)
    mean = (there @ own) / np.maximum(number, 1)
    mixed = cv2.addWeighted(mean.astype(np.uint8), alpha, image, 1 - alpha, 0)
    drawn = np.where(number > 0, mixed, image)
    thick = max(1, min(image.shape[:2]) // 300)
    for plane, colour in enumerate(taxonomy.colours):
        mask = np.ascontiguousarray(label[..., plane] == 1, np.uint8)
        lines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, tuple(map(int, colour)), thick)
    return drawn


def captioned(
    picture: np.ndarray,
    taxonomy: Taxonomy,
    label: np.ndarray,
    frames_per_second: float = 0,
) -> np.ndarray:
    """A picture uint8 (H, W, 3) with a caption in its upper left corner.

    The caption lists the classes in `label`, as of `overlay`, by name and colour and,
    above them, the frame rate unless it is 0.
    """
    out = np.ascontiguousarray(picture)
    scale = max(0.4, min(out.shape[:2]) / 900)
    step = round(32 * scale)
    counts = pixel_counts(label, taxonomy.num_classes)
    # Classes of a few stray pixels would only flicker.
    seen = np.flatnonzero(counts > label.shape[0] * label.shape[1] / 500)
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


def legend(taxonomy: Taxonomy, present: Iterable[int]) -> np.ndarray:
    """A white panel uint8 RGB (H, W, 3) with the colours and names of some classes."""
    ids, step, scale = list(present), 32, 0.6
    wide = max((_width(taxonomy.names[i], scale) for i in ids), default=0)
    panel = np.full((step * max(len(ids), 1) + 16, wide + 72, 3), 255, np.uint8)
    for row, i in enumerate(ids):
        top = 8 + row * step
        colour = tuple(map(int, taxonomy.colours[i]))
        if i == unpainted(taxonomy):
            colour = (255, 255, 255)
        cv2.rectangle(panel, (12, top + 5), (33, top + 26), colour, -1)
        cv2.rectangle(panel, (12, top + 5), (33, top + 26), (110, 110, 110), 1)
        place, ink = (46, top + 23), (28, 30, 34)
        cv2.putText(panel, taxonomy.names[i], place, FONT, scale, ink, 1, cv2.LINE_AA)
    return panel


def open_window(title: str) -> None:
    """Opens a window for `show`.

    Raises UserError where OpenCV was built without windows.
    """
    try:
        cv2.namedWindow(title)
    except cv2.error as error:
        raise UserError(
            "--show: this OpenCV has no windows. Install opencv-python in place of "
            "opencv-python-headless, or leave --show out: the video is written."
        ) from error


def show(title: str, frame: np.ndarray) -> bool:
    """Shows a frame uint8 RGB (H, W, 3) in the window; whether q was pressed."""
    cv2.imshow(title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return cv2.waitKey(1) & 0xFF == ord("q")


def _width(words: str, scale: float) -> int:
    return cv2.getTextSize(words, FONT, scale, 1)[0][0]
