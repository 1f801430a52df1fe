"""Exact distance transforms and U-Net's border weights, on the device.

Distances are Euclidean, in pixels, between pixel centres. Functions of a batch consist
of `keras.ops` with static shapes: they compile (also with XLA) and belong in the
training step, after the augmentation, so that an elastic deformation moves the borders
together with the cells.
"""

from kerasseg.border.distance import boundary_distance, distance_transform
from kerasseg.border.instances import connected_instances
from kerasseg.border.weights import border_weight_map, border_weights

__all__ = [
    "border_weight_map",
    "border_weights",
    "boundary_distance",
    "connected_instances",
    "distance_transform",
]
