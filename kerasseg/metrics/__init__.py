"""Scores of a segmentation: counts add up over images, scores follow from counts."""

from kerasseg.metrics.boundary import boundary_f1, plane_boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import ConfusionMatrix, count, scores
from kerasseg.metrics.intervals import bootstrap
from kerasseg.metrics.objects import object_counts, object_f1
from kerasseg.metrics.overlapping import OverlapCounts

__all__ = [
    "ConfusionMatrix",
    "OverlapCounts",
    "bootstrap",
    "boundary_f1",
    "calibration_bins",
    "calibration_error",
    "count",
    "object_counts",
    "object_f1",
    "plane_boundary_f1",
    "scores",
    "trimap",
]
