"""What segmentation code took from tensorflow-addons, on `keras.ops`.

tensorflow-addons ended in May 2024 and cannot be imported beside Keras 3. These
functions keep its names, argument order, defaults and numbers (version 0.23.0), so that
`tfa.image.rotate(...)` becomes `addons.rotate(...)`, on every Keras backend. The `name`
argument is gone, and what follows it is passed by keyword.
"""

from kerasseg.addons.image import (
    FILL_MODES,
    INTERPOLATIONS,
    dense_image_warp,
    euclidean_dist_transform,
    rotate,
    transform,
)
from kerasseg.addons.layers import MaxUnpooling2D
from kerasseg.addons.losses import SigmoidFocalCrossEntropy, sigmoid_focal_crossentropy

__all__ = [
    "FILL_MODES",
    "INTERPOLATIONS",
    "MaxUnpooling2D",
    "SigmoidFocalCrossEntropy",
    "dense_image_warp",
    "euclidean_dist_transform",
    "rotate",
    "sigmoid_focal_crossentropy",
    "transform",
]
