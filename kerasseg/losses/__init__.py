"""Losses for segmentation: pure functions of (target, logits), and their sum.

Target and logits are (B, ..., C) float with any number of spatial axes, the target as
`kerasseg.taxonomy.target` gives it. Exclusive classes: one-hot, all-zero where ignored;
or the ids themselves, (B, ...) or (B, ..., 1), 255 or negative where ignored.
Classes that overlap (exclusive=False): 1 where the class is, 0 where it is not, between
them for soft labels, negative where the pixel is ignored for this class alone. The
result is a scalar float32, computed in float32.
"""

from kerasseg.losses.boundary import boundary, signed_distance
from kerasseg.losses.centreline import centreline_dice
from kerasseg.losses.correlation import mcc
from kerasseg.losses.hard_pixels import ohem, top_k
from kerasseg.losses.hausdorff import hausdorff
from kerasseg.losses.lovasz import lovasz_hinge, lovasz_softmax
from kerasseg.losses.overlap import generalised_dice, jaccard, soft_dice
from kerasseg.losses.pixelwise import (
    binary_cross_entropy,
    cross_entropy,
    focal,
    poly1,
)
from kerasseg.losses.tversky import focal_tversky, tversky
from kerasseg.losses.unified import unified_focal
from kerasseg.losses.weighted_sum import LOSSES, PIXELWISE, SegmentationLoss, total

__all__ = [
    "LOSSES",
    "PIXELWISE",
    "SegmentationLoss",
    "binary_cross_entropy",
    "boundary",
    "centreline_dice",
    "cross_entropy",
    "focal",
    "focal_tversky",
    "generalised_dice",
    "hausdorff",
    "jaccard",
    "lovasz_hinge",
    "lovasz_softmax",
    "mcc",
    "ohem",
    "poly1",
    "signed_distance",
    "soft_dice",
    "top_k",
    "total",
    "tversky",
    "unified_focal",
]
