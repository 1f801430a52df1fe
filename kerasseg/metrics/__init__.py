"""Scores of a segmentation. Counts add up over images; scores are derived from counts.

confusion: pixels (IoU, accuracy, Dice). boundary: contours. objects: instances.
calibration: whether a probability of 0.8 is right in 80 % of the pixels.
"""

from kerasseg.metrics.boundary import boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import ConfusionMatrix, bootstrap, count, scores
from kerasseg.metrics.objects import object_counts, object_f1

__all__ = [
    "ConfusionMatrix",
    "bootstrap",
    "boundary_f1",
    "calibration_bins",
    "calibration_error",
    "count",
    "object_counts",
    "object_f1",
    "scores",
    "trimap",
]
