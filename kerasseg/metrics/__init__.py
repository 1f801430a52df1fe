"""Scores of a segmentation: counts add up over images, scores follow from counts."""

from kerasseg.metrics.boundary import boundary_f1, plane_boundary_f1, trimap
from kerasseg.metrics.calibration import calibration_bins, calibration_error
from kerasseg.metrics.confusion import ConfusionMatrix, cohen_kappa, count, scores
from kerasseg.metrics.intervals import bootstrap
from kerasseg.metrics.objects import (
    aggregated_jaccard,
    average_precision,
    object_counts,
    object_f1,
    panoptic_counts,
    panoptic_quality,
)
from kerasseg.metrics.overlapping import OverlapCounts
from kerasseg.metrics.surfaces import surface_distances, surface_scores

__all__ = [
    "ConfusionMatrix",
    "OverlapCounts",
    "aggregated_jaccard",
    "average_precision",
    "bootstrap",
    "boundary_f1",
    "calibration_bins",
    "calibration_error",
    "cohen_kappa",
    "count",
    "object_counts",
    "object_f1",
    "panoptic_counts",
    "panoptic_quality",
    "plane_boundary_f1",
    "scores",
    "surface_distances",
    "surface_scores",
    "trimap",
]
