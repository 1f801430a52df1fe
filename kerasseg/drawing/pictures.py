"""Pictures for people: overlays, legends, contact sheets, error maps.

Pictures are uint8 RGB arrays (H, W, 3); encoded ones are PNG bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.drawing.blending import blended, strips, unpainted
from kerasseg.labels.pixel_counts import pixel_counts
from kerasseg.taxonomy import IGNORE, Taxonomy

INK, FAINT = (28, 30, 34), (104, 108, 116)
"""The colours of names and of numbers on the white paper of legends and sheets."""
MOST_NAMES = 255
"""The largest number of classes in the legend beside a picture."""


def overlay(
    image: ArrayLike,
    label: ArrayLike,
    taxonomy: Taxonomy,
    alpha: float = 0.55,
    outline: bool = True,
) -> np.ndarray:
    """Class colours blended over an image: uint8 RGB (H, W, 3).

    `image` is RGB 0..255 (H, W, 3), `label` (H, W) ids. Each classified pixel becomes
    (1 - alpha) * image + alpha * colour. Of two classes the first, the background,
    keeps the image. So do ignored pixels, under a hatch. `outline` darkens the borders
    between classes, one pixel wide.

    Where classes overlap `label` is (H, W, C) of 1, 0 and 255: the colour is the mean
    of those of the classes that are there, and `outline` draws the border of each in
    its own colour.

    Raises UserError if the sizes differ or an id is not a class.
    """
    image, label = np.asarray(image), _checked(label, taxonomy)
    if image.shape != (*label.shape[:2], 3):
        raise UserError(
            f"Expected an RGB image (H, W, 3) as large as its label {label.shape}, "
            f"got {image.shape}. Resize the label to the image with nearest neighbour."
        )
    return blended(image, label, taxonomy, alpha, outline)


def legend(
    taxonomy: Taxonomy,
    height: int,
    present: Iterable[int] | None = None,
    shares: Sequence[float] | np.ndarray | None = None,
) -> np.ndarray:
    """A white panel with a colour swatch and the name of each class.

    `height`: of the panel, pixels. `present`: the class ids to list, default all.
    `shares`: (C,) fractions of the pixels, written behind the names in percent. The
    letters grow with the height, from 11 to 28 pixels; what does not fit goes into
    further columns. Returns uint8 RGB (height, W, 3), as wide as the names need.
    """
    ids = list(range(taxonomy.num_classes) if present is None else present)
    size = int(np.clip(height / 1.7 / max(len(ids), 12), 11, 28))
    font, step, gap = _font(size), round(size * 1.7), size // 2 + 2
    above = min(gap, max(0, (height - size) // 2))
    per_column = max(1, (height - 2 * above) // step)
    numbers = [f"{100 * shares[i]:.1f} %" if shares is not None else "" for i in ids]
    panels = []
    for start in range(0, max(1, len(ids)), per_column):
        part = slice(start, start + per_column)
        names = [taxonomy.names[i] for i in ids[part]]
        wide = max((_width(n, font) for n in names), default=0)
        number = max((_width(n, font) for n in numbers[part]), default=0)
        left = gap + size + gap
        right = left + wide + 2 * gap + number
        width = gap + (right if number else left + wide)
        panel, texts = np.full((height, width, 3), 255, np.uint8), []
        for row, (i, name) in enumerate(zip(ids[part], names, strict=True)):
            top, colour = above + row * step, np.array(taxonomy.colours[i])
            swatch = panel[top : top + size, gap : gap + size]
            swatch[:] = 0.55 * colour
            swatch[1:-1, 1:-1] = 255 if i == unpainted(taxonomy) else colour
            middle = top + size / 2
            texts.append((left, middle, name, INK, "lm"))
            texts.append((right, middle, numbers[part][row], FAINT, "rm"))
        panels.append(_written(panel, texts, font))
    return np.concatenate(panels, axis=1)


def with_legend(picture: ArrayLike, taxonomy: Taxonomy, label: ArrayLike) -> np.ndarray:
    """A picture with the legend of the classes in `label`, and their shares, beside it.

    Shares are of the pixels that are not ignored; where classes overlap, of those where
    the class is not. Of more than `MOST_NAMES` classes those of the most pixels are
    named. Raises UserError if an id is not a class.
    """
    label = _checked(label, taxonomy)
    counts = pixel_counts(label, taxonomy.num_classes)
    known = counts.sum()
    if not taxonomy.exclusive:
        known = counts + pixel_counts(label == 0, taxonomy.num_classes)
    shares = counts / np.maximum(1, known)
    picture = np.asarray(picture, np.uint8)
    seen = np.flatnonzero(counts)
    if seen.size > MOST_NAMES:
        seen = np.sort(np.argsort(-counts, kind="stable")[:MOST_NAMES])
    panel = legend(taxonomy, len(picture), seen, shares)
    return np.concatenate([picture, panel], axis=1)


def contact_sheet(
    rows: Iterable[Iterable[ArrayLike]],
    titles: Sequence[str] | Sequence[Sequence[str]] = (),
    width: int = 1200,
) -> np.ndarray:
    """A grid of pictures of any sizes, (H, width, 3).

    `rows`: a sequence of rows of pictures; rows may differ in length. `titles`: one
    string per column, written above the first row, or one sequence of strings per row,
    a caption above each picture. Long captions are cut. Pictures are scaled to the
    width of their column, and to at most 1.5 times that in height.

    Raises UserError if there is no picture, if titles and pictures differ in number,
    and if the columns are too many for the width.
    """
    grid = [[np.asarray(p, np.uint8) for p in row] for row in rows]
    columns = max((len(row) for row in grid), default=0)
    if columns == 0:
        raise UserError("A contact sheet needs at least one picture, got none.")
    captions: list[list[str]] = [list(title) for title in titles]
    if all(isinstance(title, str) for title in titles):
        captions = [[str(title) for title in titles]] + [[]] * (len(grid) - 1)
    if len(captions) != len(grid) or any(len(t) > columns for t in captions):
        raise UserError(
            f"Expected at most {columns} titles, or a sequence of titles for each of "
            f"the {len(grid)} rows, got {len(captions)}."
        )
    gap = max(2, width // 150)
    cell = (width - gap * (columns + 1)) // columns
    if cell < 8:
        raise UserError(f"{columns} columns do not fit into a width of {width}.")
    size = int(np.clip(cell / 18, 10, 24))
    strips = [np.full((gap, width, 3), 255, np.uint8)]
    for pictures, words in zip(grid, captions, strict=True):
        row = [_fitted(p, cell, round(1.5 * cell)) for p in pictures]
        top = round(size * 1.6) if any(words) else 0
        height = top + max((len(p) for p in row), default=0) + gap
        strip = np.full((height, width, 3), 255, np.uint8)
        lefts = [gap + i * (cell + gap) for i in range(columns)]
        for picture, left in zip(row, lefts, strict=False):
            high, wide = picture.shape[:2]
            strip[top : top + high, left : left + wide] = picture
        texts = [
            (left, top / 2, _cut(caption, _font(size), cell), INK, "lm")
            for caption, left in zip(words, lefts, strict=False)
        ]
        strips.append(_written(strip, texts, _font(size)))
    return np.concatenate(strips)


def error_map(
    label: ArrayLike, predicted: ArrayLike, ignore: int = IGNORE
) -> np.ndarray:
    """Right pixels light grey, wrong pixels red, ignored pixels black: (H, W, 3).

    Both are ids (H, W). Raises UserError if their sizes differ.
    """
    label, predicted = np.asarray(label), np.asarray(predicted)
    if label.shape != predicted.shape:
        raise UserError(
            f"Label {label.shape} and prediction {predicted.shape} differ in size."
        )
    out = np.full((*label.shape, 3), 216, np.uint8)
    out[label != predicted] = (214, 30, 38)
    out[label == ignore] = 0
    return out


def label_png(label: ArrayLike, taxonomy: Taxonomy, palette: bool = True) -> bytes:
    """(H, W) ids as a PNG: the stored bytes are the ids themselves.

    palette: viewers show the class colours. Read it back with Pillow (mode "P"):
    OpenCV, matplotlib and TensorFlow replace the ids by the palette's colours
    (`Taxonomy.from_colours`). Without it, and of more than 255 classes, as palettes end
    at 256 colours, it is gray, of 8 or 16 bits, which every reader takes for the ids.

    Raises UserError if an id is not a class.
    """
    label = _checked(label, taxonomy)
    if not palette or label.dtype != np.uint8:
        return cv2.imencode(".png", label)[1].tobytes()
    from PIL import Image

    image = Image.fromarray(label)
    image.putpalette(taxonomy.palette().tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def png(picture: ArrayLike) -> bytes:
    """Encodes an RGB picture (H, W, 3) as PNG."""
    bgr = np.ascontiguousarray(np.asarray(picture, np.uint8)[..., ::-1])
    return cv2.imencode(".png", bgr)[1].tobytes()


def _checked(label: ArrayLike, taxonomy: Taxonomy) -> np.ndarray:
    label, ignore, planes = np.asarray(label), taxonomy.ignore, taxonomy.planes
    most = 2 if planes else taxonomy.num_classes
    fits = label.shape[2:] == planes and label.ndim > 1
    if not fits or not _only_ids(label, most, ignore):
        known = (label == ignore) | ((label >= 0) & (label < most))
        what = f"id {label[~known][0]}" if fits else f"shape {label.shape}"
        wanted = (
            f"(H, W, {planes[0]}) of 0, 1" if planes else f"(H, W) of ids 0..{most - 1}"
        )
        raise UserError(
            f"Expected a label {wanted} and {ignore} (ignored), got {what}. Check that "
            "label and taxonomy belong together."
        )
    return label.astype(taxonomy.label_type, copy=False)


def _only_ids(label: np.ndarray, most: int, ignore: int) -> bool:
    for first, end in strips(len(label), label[:1].size):
        part = label[first:end]
        known = part < most
        known &= part >= 0
        if not (known | (part == ignore)).all():
            return False
    return True


def _fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = [max(1, round(scale * n)) for n in picture.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=how)


@cache
def _font(size: int) -> Any:
    """DejaVu Sans out of matplotlib: the same letters on every machine."""
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def _width(text: str, font: Any) -> int:
    return int(np.ceil(font.getlength(text)))


def _cut(text: str, font: Any, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _written(picture: np.ndarray, texts: Iterable, font: Any) -> np.ndarray:
    """Writes (x, y, text, colour, anchor) into a copy of the picture."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    for x, y, text, colour, anchor in texts:
        ImageDraw.Draw(image).text((x, y), text, colour, font, anchor=anchor)
    return np.asarray(image)
