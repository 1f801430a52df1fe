"""What segmentation code took from tensorflow-addons, on `keras.ops`.

tensorflow-addons ended in May 2024 and cannot be imported beside Keras 3. These
functions keep its names, argument order, defaults and numbers (version 0.23.0), so that
`tfa.image.rotate(...)` becomes `addons.rotate(...)`, on every Keras backend. The `name`
argument is gone, and what follows it is passed by keyword.
"""

from kerasseg.addons.distances import euclidean_dist_transform
from kerasseg.addons.image import (
    FILL_MODES,
    INTERPOLATIONS,
    rotate,
    shear_x,
    shear_y,
    transform,
)
from kerasseg.addons.layers import MaxUnpooling2D
from kerasseg.addons.losses import SigmoidFocalCrossEntropy, sigmoid_focal_crossentropy
from kerasseg.addons.matrices import (
    angles_to_projective_transforms,
    compose_transforms,
    flat_transforms_to_matrices,
    matrices_to_flat_transforms,
)
from kerasseg.addons.warp import dense_image_warp, interpolate_bilinear

__all__ = [
    "FILL_MODES",
    "INTERPOLATIONS",
    "MaxUnpooling2D",
    "SigmoidFocalCrossEntropy",
    "angles_to_projective_transforms",
    "compose_transforms",
    "dense_image_warp",
    "euclidean_dist_transform",
    "flat_transforms_to_matrices",
    "interpolate_bilinear",
    "matrices_to_flat_transforms",
    "rotate",
    "shear_x",
    "shear_y",
    "sigmoid_focal_crossentropy",
    "transform",
]
