"""What a network is given of an image: its own bands and type, 0 where nothing is.

Records hold 0 in all bands of an invalid pixel; whoever hands an array to an exported
file may still have NaN or the nodata value there. NumPy alone, for devices;
`class_maps.zeroed` does the same in a graph.
"""

from __future__ import annotations

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.pictures.number_types import valid_pixels
from kerasseg.image_format import ImageFormat


def checked(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """The image (H, W, C), with 0 in all bands of an invalid pixel (`valid_pixels`).

    Raises UserError when its bands or type are not those of the format.
    """
    image = np.asarray(image)
    right = image.ndim == 3 and image.shape[-1] == image_format.channels
    if not right or image.dtype != image_format.type:
        raise UserError(
            f"Expected an image (H, W, {image_format.channels}) of "
            f"{image_format.type} with the bands {', '.join(image_format.bands)}; got "
            f"{image.shape} of {image.dtype}. Give the bands and type of the training."
        )
    valid = None
    if not image_format.is_rgb8:
        valid = valid_pixels(image, image_format.nodata)
    if valid is None:
        return image
    return np.where(valid[..., None], image, image.dtype.type(0))
