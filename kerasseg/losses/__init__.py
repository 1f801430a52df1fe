"""Losses for segmentation: pure functions of (one-hot target, logits), and their sum.

The target is (B, ..., C) float, all-zero where ignored; the logits have its shape;
any number of spatial axes. The result is a scalar float32, computed in float32.
"""

from kerasseg.losses.boundary import boundary, signed_distance
from kerasseg.losses.lovasz import lovasz_softmax
from kerasseg.losses.overlap import (
    focal_tversky,
    generalised_dice,
    jaccard,
    soft_dice,
    tversky,
)
from kerasseg.losses.pixelwise import cross_entropy, focal, ohem
from kerasseg.losses.weighted_sum import LOSSES, PIXELWISE, SegmentationLoss, total

__all__ = [
    "LOSSES",
    "PIXELWISE",
    "SegmentationLoss",
    "boundary",
    "cross_entropy",
    "focal",
    "focal_tversky",
    "generalised_dice",
    "jaccard",
    "lovasz_softmax",
    "ohem",
    "signed_distance",
    "soft_dice",
    "total",
    "tversky",
]
