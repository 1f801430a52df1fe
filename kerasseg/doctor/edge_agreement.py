"""Measures how well the borders of a mask lie on the edges of its image.

The check `alignment` judges these numbers.
"""

from __future__ import annotations

import cv2
import numpy as np

from kerasseg.labels.borders import borders

REACH = 16
"""Shifts looked at, pixels in each direction."""

SIDE = 768
"""Longer images are shrunk to this side first."""

EDGES = 200
"""Border pixels below which a label says too little to be judged."""

AXES = (1, 0), (0, 1)

TURNS = {
    "mirrored left to right": lambda label: label[:, ::-1],
    "mirrored top to bottom": lambda label: label[::-1],
    "turned by 180 degrees": lambda label: label[::-1, ::-1],
    "turned by 90 degrees": lambda label: np.rot90(label),
    "turned by 270 degrees": lambda label: np.rot90(label, 3),
    "transposed": lambda label: label.T,
}
"""What may have been done to a label but not to its image."""


def agreement(image: np.ndarray, label: np.ndarray) -> np.ndarray | None:
    """(2 * REACH + 1)^2 mean gradient of the image under the label's shifted borders.

    Entry (REACH + dy, REACH + dx) belongs to the borders moved dy down and dx right.
    The gradient is the square root of its length at sigma 1, less its mean nearby,
    in units of its standard deviation: so 0 says "no more edges than elsewhere".
    None where the label has fewer than `EDGES` border pixels or the image is flat.

    image: uint8 RGB (H, W, 3), or float32 (H, W, C) of any bands in one range.
    """
    scale = min(1.0, SIDE / max(label.shape))
    if scale < 1:
        size = [max(1, round(scale * n)) for n in label.shape[::-1]]
        image = _resized(image, size)
        label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
    marked = borders(label).astype(np.float32)
    count = float(marked.sum())
    gradient = _gradient(image)
    if count < EDGES or gradient is None or min(label.shape) < 4 * REACH:
        return None
    # The sums over all shifts at once: a correlation, by the Fourier transform.
    height, width = (cv2.getOptimalDFTSize(n + 2 * REACH) for n in label.shape)
    seen, wanted = (_spectrum(plane, height, width) for plane in (gradient, marked))
    product = cv2.mulSpectrums(seen, wanted, 0, conjB=True)
    sums = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
    side = 2 * REACH + 1
    return np.roll(sums, (REACH, REACH), (0, 1))[:side, :side] / count


def margin(sums: np.ndarray) -> float:
    """Agreement where the label lies (within a pixel), less the best far from there.

    Far: 9 to 16 pixels away. Measured on the 606 pairs of CamVid, DSB nuclei and ISBI
    membranes that have enough borders: 0.016 at least, 0.3 to 3 mostly. With the label
    mirrored: -0.1 mostly, 0.03 at the 99th percentile of CamVid. So below 0 a label is
    suspect.
    """
    middle = sums[REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].max()
    rows, columns = np.indices(sums.shape) - REACH
    far = np.maximum(abs(rows), abs(columns)) > REACH // 2
    return float(middle - sums[far].max())


def shift(sums: np.ndarray) -> tuple[int, int]:
    """Rows and columns by which the borders must move to fit; (0, 0) if none is clear.

    Clear: better by 0.1 than all shifts more than 8 pixels from there. Where labels
    belong to other images it is better by chance: 0.07 at most, in 48 shufflings of 4
    to 62 scenes of CamVid, DSB nuclei and drawn ones.
    """
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    rows, columns = np.indices(sums.shape)
    away = np.maximum(abs(rows - row), abs(columns - column)) > REACH // 2
    if sums[row, column] - sums[away].max() < 0.1:
        return 0, 0
    return int(row) - REACH, int(column) - REACH


def better_turn(image: np.ndarray, label: np.ndarray) -> str:
    """The entry of `TURNS` that makes the label fit, "" if none does."""
    best, name = 0.1, ""
    for turn, apply in TURNS.items():
        turned = np.ascontiguousarray(apply(label))
        sums = agreement(image, turned) if turned.shape == label.shape else None
        if sums is not None and margin(sums) > best:
            best, name = margin(sums), turn
    return name


def _resized(image: np.ndarray, size: list[int]) -> np.ndarray:
    """OpenCV takes four bands at a time."""
    if image.shape[-1] <= 3:
        out = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return out if out.ndim == 3 else out[..., None]
    bands = [np.ascontiguousarray(band) for band in np.moveaxis(image, -1, 0)]
    small = [cv2.resize(band, size, interpolation=cv2.INTER_AREA) for band in bands]
    return np.stack(small, -1)


def _spectrum(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    padded = np.zeros((height, width), np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    return cv2.dft(padded)


def _gradient(image: np.ndarray) -> np.ndarray | None:
    if image.dtype == np.uint8:
        planes = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)]
    else:  # bands of one scene have edges of either sign: their lengths are added
        planes = [np.ascontiguousarray(band) for band in np.moveaxis(image, -1, 0)]
    square = np.zeros(image.shape[:2], np.float32)
    for plane in planes:
        smooth = cv2.GaussianBlur(plane, (0, 0), 1.0)
        across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in AXES)
        square += across * across + down * down
    length = np.sqrt(np.sqrt(square))
    length -= cv2.blur(length, (65, 65))
    deviation = float(length.std())
    return length / deviation if deviation > 1e-3 else None
