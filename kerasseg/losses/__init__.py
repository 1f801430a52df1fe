"""Losses for segmentation: pure functions of (target, logits), and their sum.

Target and logits are (B, ..., C) float with any number of spatial axes, the target as
`kerasseg.taxonomy.target` gives it. Exclusive classes: one-hot, all-zero where ignored.
Classes that overlap (exclusive=False): 1 where the class is, 0 where it is not, between
them for soft labels, negative where the pixel is ignored for this class alone. The
result is a scalar float32, computed in float32.
"""

from kerasseg.losses.boundary import boundary, signed_distance
from kerasseg.losses.lovasz import lovasz_softmax
from kerasseg.losses.overlap import generalised_dice, jaccard, soft_dice
from kerasseg.losses.pixelwise import cross_entropy, focal, ohem
from kerasseg.losses.tversky import focal_tversky, tversky
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
