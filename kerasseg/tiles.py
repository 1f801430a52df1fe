"""Images of any size through a network of fixed size, tile by tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kerasseg import UserError
from kerasseg.taxonomy import Tensor


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
    if blend not in ("linear", "valid"):
        raise UserError(f"blend must be 'linear' or 'valid', got {blend!r}.")
    if overlap < 0 or overlap % 2 or margin < 0:
        raise UserError(
            "overlap must be even and at least 0, margin at least 0; "
            f"got {overlap} and {margin}."
        )
    image = _numpy(image)
    crop = overlap // 2 if blend == "valid" else 0
    cut = margin + crop
    fade = 0 if crop else overlap
    axes = [
        _Axis(size, length, cut, fade)
        for size, length in zip(image.shape[:2], tile, strict=True)
    ]
    image = np.pad(image, [axis.padding for axis in axes] + [(0, 0)], mode="reflect")
    weight = axes[0].ramp[:, None, None] * axes[1].ramp[:, None]
    total = np.zeros((0,), np.float32)  # its channels are known after the first tile
    weights = np.zeros((axes[0].covered, axes[1].covered, 1), np.float32)
    for top in axes[0].starts:
        for left in axes[1].starts:
            piece = image[None, top : top + tile[0], left : left + tile[1]]
            result = _numpy(network(piece))[0]
            _check(result.shape, tile, margin)
            result = result[crop : len(result) - crop, crop : result.shape[1] - crop]
            if not total.size:
                shape = (*weights.shape[:2], result.shape[-1])
                total = np.zeros(shape, np.float32)
            place = np.s_[top : top + axes[0].kept, left : left + axes[1].kept]
            total[place] += weight * result
            weights[place] += weight
    total /= weights
    return total[: axes[0].size, : axes[1].size]


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
        self.starts = range(0, count * step, step)
        self.covered = (count - 1) * step + self.kept
        self.padding = (cut, self.covered - size + cut)
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
