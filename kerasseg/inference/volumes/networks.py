"""A Keras network as what volumes are predicted with."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.image_format import ImageFormat
from kerasseg.inference.volumes.segmenter import VolumeSegmenter, outside_of
from kerasseg.volume_format import VolumeFormat


def is_volumetric(network: Any) -> bool:
    """Whether a network takes volumes (B, D, H, W, C)."""
    return len(network.input_shape) == 5


def patch_size(network: Any) -> tuple[int, int, int]:
    """Depth, height and width that a network of volumes was built for, voxels."""
    depth, height, width = network.input_shape[1:4]
    return depth, height, width


def volume_segmenter(
    network: Any,
    volume: VolumeFormat | None,
    image_format: ImageFormat,
    exclusive: bool = True,
    mirror: tuple[int, ...] = (),
    overlap: float = 0.5,
) -> VolumeSegmenter:
    """The network with its sliding window. Raises UserError for one of pictures."""
    import tensorflow as tf

    from kerasseg.inference.class_maps import predictor

    if not is_volumetric(network):
        raise UserError(
            f"Network '{network.name}' takes pictures, not volumes. python -m "
            "kerasseg.predict --slices runs it on each slice of a volume."
        )
    predict: Any = predictor(network, exclusive=exclusive)

    def probabilities_of(patch: np.ndarray) -> np.ndarray:
        return predict(tf.constant(patch)).numpy()

    return VolumeSegmenter(
        probabilities_of,
        patch_size(network),
        exclusive,
        mirror,
        overlap,
        outside_of(volume, image_format),
    )
