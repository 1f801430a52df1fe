"""How far two surfaces are apart, in physical units and any number of dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError


def surface_distances(
    true: ArrayLike, seen: ArrayLike, spacing: float | Sequence[float] = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Distances from each surface to the other one, exact and Euclidean.

    The surface of a mask is its pixels (voxels) with a neighbour across a side that is
    not in it; what lies outside of the image is not in it. So MONAI takes it.

    Args:
        true: (...) of 2 or more axes, not 0 where the class is.
        seen: (...) the same of the prediction.
        spacing: size of a pixel along each axis, or one number: mm, m.

    Returns:
        From every surface pixel of `true` to the surface of `seen`, and the reverse:
        (N,) and (M,) float64, in the units of the spacing; inf where the other mask is
        empty.

    Raises:
        UserError: when the shapes differ, the spacing does not fit, or scipy, which
            measures, is missing.

    >>> to_seen, to_true = surface_distances([[1, 1, 0]], [[1, 0, 0]], spacing=(1, 0.5))
    >>> to_seen, to_true
    (array([0. , 0.5]), array([0.]))
    """
    one, other = (np.asarray(mask) != 0 for mask in (true, seen))
    if one.ndim < 2 or one.shape != other.shape:
        raise UserError(
            "Expected two masks of one shape and 2 or more axes, got "
            f"{one.shape} and {other.shape}."
        )
    sizes = np.asarray(spacing, np.float64)
    good = np.isfinite(sizes).all() and (sizes > 0).all()
    if sizes.shape not in ((), (one.ndim,)) or not good:
        raise UserError(
            f"spacing must be one number above 0, or {one.ndim} of them, got {spacing}."
        )
    try:
        from scipy import ndimage
    except ImportError as error:
        raise UserError(
            "Distances of surfaces are measured by scipy, which is missing. Install it "
            "with: pip install 'kerasseg[datasets]'."
        ) from error
    # Nothing outside of both masks is nearer: a small part of a volume, as a rule.
    both = one | other
    if both.any():
        part = ndimage.find_objects(both.astype(np.uint8))[0]
        one, other = one[part], other[part]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    sampling = np.broadcast_to(sizes, one.ndim)
    found = []
    for edge, target in (edges, edges[::-1]):
        far = np.full(int(edge.sum()), np.inf)
        if far.size and target.any():
            far = ndimage.distance_transform_edt(~target, sampling=sampling)[edge]
        found.append(far)
    return found[0], found[1]


def surface_scores(
    distances: tuple[ArrayLike, ArrayLike],
    tolerance: float = 1.0,
    percentile: float = 95.0,
) -> dict[str, float]:
    """Scores of one mask: a mean, nearly the largest, and the share in reach.

    Args:
        distances: from `surface_distances`.
        tolerance: in their units; how far a surface may be off.
        percentile: 95 leaves out stray pixels (HD95), 100 is the Hausdorff distance.

    Returns:
        assd: average symmetric surface distance, over the pixels of both surfaces;
        hausdorff: the larger of the percentiles of the two directions;
        surface_dice: the share of both surfaces within the tolerance (normalised
        surface distance, Nikolov et al. 2018), on pixels.
        Of one empty mask inf, inf and 0; of two NaN.

    Raises:
        UserError: when tolerance or percentile are out of their range.

    >>> surface_scores(([0.0, 0.5], [0.0]), tolerance=0.2)["surface_dice"]
    0.666667
    """
    if not tolerance >= 0 or not 0 <= percentile <= 100:
        raise UserError(
            "Expected a tolerance of 0 or more and a percentile in 0..100, got "
            f"{tolerance} and {percentile}."
        )
    one, other = (np.asarray(part, np.float64) for part in distances)
    both = np.concatenate([one, other])
    if not both.size:
        return dict.fromkeys(("assd", "hausdorff", "surface_dice"), float("nan"))
    parts = [part for part in (one, other) if part.size]
    # np.percentile of inf is nan.
    ends = [
        np.percentile(part, percentile) if np.isfinite(part).all() else np.inf
        for part in parts
    ]
    return {
        "assd": float(both.mean()),
        "hausdorff": float(max(ends)),
        "surface_dice": float((both <= tolerance).mean()),
    }
