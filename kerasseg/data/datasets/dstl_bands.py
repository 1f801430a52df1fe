"""DSTL's three files of one place as one image: 19 bands on one grid, in their numbers.

WorldView-3: three_band is pan-sharpened red, green and blue; M eight bands of the
visible and near infrared at a quarter of its resolution; A eight of the short-wave
infrared at a 25th. Names and wavelengths: DigitalGlobe, WorldView-3 data sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.image import ReadOptions, read
from kerasseg.image_format import RGB_BANDS, ImageFormat

M_BANDS = (
    "m_coastal",
    "m_blue",
    "m_green",
    "m_yellow",
    "m_red",
    "m_red_edge",
    "m_nir1",
    "m_nir2",
)
A_BANDS = tuple(f"swir{number}" for number in range(1, 9))
FILES = {"three_band": RGB_BANDS, "M": M_BANDS, "A": A_BANDS}
"""Kind of file -> names of its bands, in their order."""
ALL = ImageFormat.of((*RGB_BANDS, *M_BANDS, *A_BANDS), "uint16")


def raw_bands(file: Path) -> np.ndarray:
    """(H, W, C), whether bands are stored apart, as pages, or pixel by pixel.

    Raises UserError that names the file where it cannot be read.
    """
    return read(file, ReadOptions(pages="bands")).pixels


def on_one_grid(files: Sequence[Path], grid: str) -> np.ndarray:
    """uint16 (H, W, 19) of the files of `FILES`, in their order.

    grid: the kind of file whose height and width the image has. All files show the
    same square; the others are resampled to it at half-pixel centres: bilinear where
    they grow, by area where they shrink. The few pixels by which the sensors saw the
    place at another moment or angle stay.

    Raises UserError for a file of other bands or another type.
    """
    images = []
    for file, (kind, bands) in zip(files, FILES.items(), strict=True):
        image = raw_bands(file)
        if image.dtype != np.uint16 or image.shape[2] != len(bands):
            raise UserError(
                f"{file} has {image.shape[2]} bands of {image.dtype}, expected "
                f"{len(bands)} of uint16, as DSTL's {kind} has. Unpack it again."
            )
        images.append(image)
    height, width = images[[*FILES].index(grid)].shape[:2]
    return np.concatenate([_resampled(i, height, width) for i in images], -1)


def _resampled(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    shrinks = height < image.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    bands = np.moveaxis(image, -1, 0)
    return np.stack(
        [cv2.resize(b, (width, height), interpolation=how) for b in bands], -1
    )
