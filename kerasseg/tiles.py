"""Images of any size through a network of fixed size, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

PIECE = 1 << 22
"""Numbers of a strip that `strips` gives, at most, unless one row has more."""


def predict(
    network: Callable[[np.ndarray], Tensor],
    image: Tensor,
    tile: tuple[int, int],
    overlap: int,
    blend: str = "linear",
    margin: int = 0,
) -> np.ndarray:
    """Runs `network` over overlapping tiles of an image: float32 (H, W, C).

    network: any callable, (1, h, w, channels) -> (1, h', w', C); image: (H, W,
    channels); tile: its h and w; overlap: pixels that neighbouring results share.
    Beyond its border the image is mirrored (edge pixels not repeated).

    blend="linear" fades each tile out over the overlap: no seams. blend="valid" throws
    half the overlap away on every side of every tile: where that half reaches as far as
    the network sees, tiles equal the whole image exactly (when h - overlap and
    overlap / 2 are multiples of the network's output stride).

    margin: what a network of valid convolutions cuts off each side, (h - h') / 2. U-Net
    with its overlap-tile strategy (Ronneberger et al. 2015, fig. 2):
    predict(unet, image, tile=(572, 572), overlap=0, margin=92).

    Raises UserError for an unknown blend, an odd or negative overlap, a tile that is
    too small for it, and a network whose result is not a tile less its margin.
    """
    found = strips(network, image, tile, overlap, blend, margin)
    total, end = np.zeros((0,), np.float32), 0
    for strip in found:
        if not total.size:  # the channels are known after the first tile
            total = np.empty((len(image), *strip.shape[1:]), np.float32)
        total[end : end + len(strip)] = strip
        end += len(strip)
    return total


def strips(
    network: Callable[[np.ndarray], Tensor],
    image: Tensor,
    tile: tuple[int, int],
    overlap: int,
    blend: str = "linear",
    margin: int = 0,
) -> Iterator[np.ndarray]:
    """The same from top to bottom in strips (rows, W, C) of at most `PIECE` numbers:
    one row of tiles is held, never all of the result."""
    if blend not in ("linear", "valid"):
        raise UserError(f"blend must be 'linear' or 'valid', got {blend!r}.")
    if overlap < 0 or overlap % 2 or margin < 0:
        raise UserError(
            "overlap must be even and at least 0, margin at least 0; "
            f"got {overlap} and {margin}."
        )
    crop = overlap // 2 if blend == "valid" else 0
    cut = margin + crop
    fade = 0 if crop else overlap
    high, wide = (
        _Axis(size, length, cut, fade)
        for size, length in zip(image.shape[:2], tile, strict=True)
    )

    def results(top: int) -> Iterator[tuple[int, np.ndarray]]:
        """What counts of each tile of a row, and where it begins."""
        for left in wide.starts:
            piece = _piece(image, (top - cut, left - cut), tile)
            result = _numpy(network(piece[None]))[0]
            _check(result.shape, tile, margin)
            yield left, result[crop : len(result) - crop, crop : tile[1] - cut - margin]

    return _blended(high, wide, results)


def _blended(
    high: _Axis, wide: _Axis, results: Callable[[int], Iterator[tuple[int, np.ndarray]]]
) -> Iterator[np.ndarray]:
    weight = high.ramp[:, None, None] * wide.ramp[:, None]
    total = np.zeros((0,), np.float32)
    weights = np.zeros((high.kept, wide.covered, 1), np.float32)
    for top in high.starts:
        for left, result in results(top):
            if not total.size:
                shape = (*weights.shape[:2], result.shape[-1])
                total = np.zeros(shape, np.float32)
            total[:, left : left + wide.kept] += weight * result
            weights[:, left : left + wide.kept] += weight
        done = high.kept if top == high.starts[-1] else high.step
        end = min(done, high.size - top)
        step = max(1, PIECE // (wide.size * total.shape[-1]))
        for first in range(0, end, step):
            rows = np.s_[first : min(first + step, end), : wide.size]
            yield total[rows] / weights[rows]
        for buffer in total, weights:
            buffer[: high.kept - done] = buffer[done:].copy()
            buffer[high.kept - done :] = 0


def mirrored(start: int, count: int, length: int) -> np.ndarray:
    """Numbers from `start` on, mirrored into 0..length - 1 as np.pad reflects: without
    a second first and last."""
    period = max(2 * (length - 1), 1)
    folded = np.abs(np.arange(start, start + count)) % period
    return np.minimum(folded, period - folded) if length > 1 else folded * 0


def _piece(image: Tensor, start: tuple[int, int], tile: tuple[int, int]) -> np.ndarray:
    """A tile of an image (H, W, channels), mirrored beyond its border."""
    (top, left), (height, width) = start, tile
    bottom, right = top + height, left + width
    if min(start) >= 0 and bottom <= image.shape[0] and right <= image.shape[1]:
        return _numpy(image[top:bottom, left:right])
    rows = mirrored(top, height, image.shape[0])
    columns = mirrored(left, width, image.shape[1])
    return _numpy(image)[np.ix_(rows, columns)]


class _Axis:
    """Where the tiles lie along one axis."""

    def __init__(self, size: int, tile: int, cut: int, fade: int):
        self.size = size
        self.kept = tile - 2 * cut
        step = self.kept - fade
        if step <= 0:
            raise UserError(
                f"A tile of {tile} pixels is too small: overlap and margin leave "
                f"{step} pixels of progress. Use larger tiles or less overlap."
            )
        count = max(-(-(size - fade) // step), 1)
        self.step = step
        self.starts = range(0, count * step, step)
        self.covered = (count - 1) * step + self.kept
        rise = np.arange(1, self.kept + 1)
        ramp = np.minimum(rise, rise[::-1]) / (fade + 1)
        self.ramp = np.minimum(ramp, 1).astype(np.float32)


def _numpy(values: Tensor) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return values
    from keras import ops  # not on devices, which have arrays only

    return np.asarray(ops.convert_to_numpy(values))


def _check(shape: tuple[int, ...], tile: tuple[int, int], margin: int) -> None:
    expected = (tile[0] - 2 * margin, tile[1] - 2 * margin)
    if len(shape) != 3 or shape[:2] != expected:
        raise UserError(
            f"With tile {tuple(tile)} and margin {margin} the network should give "
            f"(1, {expected[0]}, {expected[1]}, C), got {(1, *shape)}. Set margin to "
            "what it cuts off each side."
        )
