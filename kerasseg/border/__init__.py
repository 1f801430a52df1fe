"""Exact distance transforms and U-Net's border weights, on the device.

Distances are Euclidean, in pixels, between pixel centres. Everything that takes a
batch is `keras.ops` with static shapes: it compiles (XLA too) and belongs into the
training step, behind the augmentation, so that an elastic deformation moves the
borders together with the cells.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.labels.connected import connected
from kerasseg.taxonomy import IGNORE

CUT = 1e-4
"""Border terms below CUT * w0 are written as 0: they end at 4.29 sigma."""

LABEL_BITS = 16
ONE = 1 << LABEL_BITS  # keys are distance² * ONE + label: the minimum keeps the label
LABELS = ONE - 1
FAR = 1 << 30  # no pixel there; as a key it is 128² px away


def distance_transform(mask):
    """Distance of every foreground pixel to the nearest background pixel.

    `mask`: (B, H, W) bool or int, foreground = not 0. Returns (B, H, W) float32:
    0 on the background, as `scipy.ndimage.distance_transform_edt` of each image;
    inf all over an image that has no background. Exact while H² + W² < 2^24.
    """
    background = ops.equal(ops.transpose(_batch(mask, "mask"), (2, 0, 1)), 0)  # W, B, H
    height = background.shape[-1]
    row = ops.arange(height, dtype="int32")

    def to_last_background(background):
        last = _running_max(ops.where(background, row, -1), height)
        return ops.where(last < 0, FAR, ops.square(row - last))

    above = to_last_background(background)
    below = ops.flip(to_last_background(ops.flip(background, -1)), -1)
    squared = ops.minimum(above, below)

    # d²(x) = min over k of f(x + k) + k², and k² = 1 + 3 + 5 + ...: so k steps to
    # the neighbour, each dearer by 2, give the parabola exactly. The steps grow
    # dearer, so the first one that changes nothing ends the walk.
    def step(squared, price, _):
        padded = ops.pad(squared, [[1, 1], [0, 0], [0, 0]], constant_values=FAR)
        nearer = ops.minimum(squared, ops.minimum(padded[:-2], padded[2:]) + price)
        return nearer, price + 2, ops.any(nearer < squared)

    start = (squared, ops.ones((), "int32"), ops.ones((), "bool"))
    squared, _, _ = ops.while_loop(lambda *state: state[2], step, start)
    distance = ops.sqrt(ops.cast(squared, "float32"))
    return ops.transpose(ops.where(squared >= FAR, math.inf, distance), (1, 2, 0))


def border_weights(
    instance,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    background_only: bool = True,
    class_weights: tuple[float, float] = (0.0, 0.0),
):
    """Pixel weights that are large in the narrow gaps between instances.

    U-Net's equation 2 (Ronneberger et al. 2015): w(x) = w_c(x) +
    w0 exp(-(d1(x) + d2(x))² / (2 sigma²)), d1 and d2 the exact distances to the
    nearest and the second nearest instance. A straight gap of g background pixels
    has d1 + d2 = g + 1 all across it.

    `instance`: (B, H, W) int ids 1..65535, background <= 0; one id = one instance,
    however many pieces it has. H and W must be static. Pixels that an augmentation
    moved in from outside belong to no instance: fill with 0.
    `background_only`: no border term inside instances, as usual. False takes the
    formula at its word: there d1 = 0, so the edges that face a neighbour weigh more.
    `class_weights`: w_c of background and of instance pixels, added everywhere.

    Returns (B, H, W) float32. Terms below w0 / 10000 (d1 + d2 > 4.29 sigma) are 0, and
    so is the term of an image with fewer than two instances. Where two instances touch
    there is no background and so no ridge: labels need a gap of a pixel there. To use
    the result as a loss weight take class_weights=(1, 1), or all else weighs nothing.
    """
    reach = _reach(sigma)
    ids = ops.cast(_batch(instance, "instance"), "int32")
    cell = ids > 0
    # Where d1 + d2 <= reach, the nearer of the two is at most reach / 2 away.
    nearest, second = _two_nearest(ids, int(reach / 2), int(reach))
    total = ops.sqrt(ops.cast(nearest, "float32")) + ops.sqrt(
        ops.cast(second, "float32")
    )
    term = w0 * ops.exp(-ops.square(total) / (2 * sigma**2))
    term = ops.where(total <= reach, term, 0.0)
    if background_only:
        term = ops.where(cell, 0.0, term)
    return term + ops.where(cell, class_weights[1], class_weights[0])


def boundary_distance(label, limit: int = 20, ignore: int = IGNORE):
    """Distance of every pixel to the nearest pixel of another class, at most `limit`.

    For semantic labels without instances: a pixel at the boundary has 1. `label`:
    (B, H, W) class ids; an edge to ignored pixels is no boundary, and ignored
    pixels get `limit`. Returns (B, H, W) float32. 0 < limit < 128.
    """
    if not 0 < limit < 128:
        raise UserError(f"limit must lie in 1..127 pixels, got {limit}.")
    label = ops.cast(_batch(label, "label"), "int32")
    ignored = ops.equal(label, ignore)
    # Every pixel is its own nearest label, so the second nearest is the other class.
    _, second = _two_nearest(ops.where(ignored, 0, label + 1), 0, limit)
    distance = ops.minimum(ops.sqrt(ops.cast(second, "float32")), float(limit))
    return ops.where(ignored, float(limit), distance)


def border_weight_map(
    instance: np.ndarray,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    background_only: bool = True,
    class_weights: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """`border_weights` of one (H, W) image on the host, for writing maps to disk."""
    import cv2

    reach = _reach(sigma)
    margin = int(reach)
    height, width = instance.shape
    nearest = np.full((height, width), np.inf, np.float32)
    second = nearest.copy()
    for number in np.unique(instance[instance > 0]):
        rows, columns = np.nonzero(instance == number)
        window = np.s_[
            max(rows.min() - margin, 0) : rows.max() + margin + 1,
            max(columns.min() - margin, 0) : columns.max() + margin + 1,
        ]
        outside = (instance[window] != number).astype(np.uint8)
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        later = np.maximum(nearest[window], distance)
        second[window] = np.minimum(second[window], later)
        nearest[window] = np.minimum(nearest[window], distance)
    total = nearest + second
    term = np.where(total <= reach, w0 * np.exp(-np.square(total) / (2 * sigma**2)), 0)
    if background_only:
        term[instance > 0] = 0
    term += np.where(instance > 0, class_weights[1], class_weights[0])
    return term.astype(np.float32)


def connected_instances(label: np.ndarray, background: int = 0) -> np.ndarray:
    """Instance ids of a semantic label: the 8-connected pieces of every class.

    `label`: (H, W) class ids; `background` and ignored pixels (255) become 0. Returns
    (H, W) int32, ids 1, 2, ... Cells that touch stay one instance: only labels that
    keep a background gap between neighbours, as U-Net's, show their borders.
    """
    return connected(label, connectivity=8, background=(background, IGNORE))


def _batch(labels, name):
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) != 3 or None in labels.shape[1:]:
        raise UserError(
            f"{name} must be (B, H, W) with static H and W, got shape "
            f"{tuple(labels.shape)}. Add a batch axis, or drop the channel axis."
        )
    return labels


def _reach(sigma):
    """The largest d1 + d2, in pixels, whose border term is not below CUT * w0."""
    reach = sigma * math.sqrt(2 * math.log(1 / CUT))
    if not 1 <= reach < 128:
        raise UserError(f"sigma must lie between 0.24 and 29.8 pixels, got {sigma}.")
    return reach


def _two_nearest(ids, near, far):
    """Squared distances to the nearest and to the second nearest other id > 0.

    (B, H, W) int32 -> two (B, H, W) int32, exact up to `near` and `far` pixels; what
    lies beyond may come out larger than it is, never smaller, up to 128² = nothing.

    Two passes, and two labels a pixel are enough between them: if an instance is
    not among the two nearest of a column, two others are at least as near in that
    column, hence from every pixel of any row that looks at this column; it can then
    be left out of that pixel's two smallest distances without changing their values.
    """
    first, second = _nearest_in_column(ops.transpose(ids, (2, 0, 1)), far)
    width = first.shape[0]
    nothing = FAR >> LABEL_BITS

    def sideways(x, fill):
        padded = ops.pad(x, [[far, far], [0, 0], [0, 0]], constant_values=fill)
        return lambda k: padded[far + k : far + k + width]

    keys = sideways(first, FAR)
    nearest = first
    for k in range(1, near + 1):
        beside = ops.minimum(keys(-k), keys(k))
        nearest = ops.minimum(nearest, beside + k * k * ONE)
    label = ops.bitwise_and(nearest, LABELS)

    labels = sideways(ops.bitwise_and(first, LABELS), 0)
    firsts = sideways(ops.right_shift(first, LABEL_BITS), nothing)
    seconds = sideways(ops.right_shift(second, LABEL_BITS), nothing)

    def other(k):
        """The nearest in column x + k whose label is not the nearest's of x."""
        return ops.where(ops.equal(labels(k), label), seconds(k), firsts(k))

    runner_up = other(0)
    for k in range(1, far + 1):
        beside = ops.minimum(other(-k), other(k))
        runner_up = ops.minimum(runner_up, beside + k * k)
    nearest = ops.right_shift(nearest, LABEL_BITS)
    return ops.transpose(nearest, (1, 2, 0)), ops.transpose(runner_up, (1, 2, 0))


def _nearest_in_column(ids, reach):
    """The two nearest different ids along the last axis, as keys d² * ONE + id.

    (W, B, H) ids -> two (W, B, H) int32 keys, FAR where there is none within reach.
    W stands in front because slices along the first axis cost no copy.
    """
    width, _, height = ids.shape
    row = ops.arange(height, dtype="int32")
    both = ops.concatenate([ids, ops.flip(ids, -1)])  # downwards and upwards at once
    present = both > 0
    # The last id seen: the row leads the key, so a running maximum finds it. The
    # one before it changes only where an id differs from the last seen before it.
    last = _running_max(ops.where(present, row * ONE + both, -1), reach)
    before = _shifted(last, 1)
    differs = ops.not_equal(ops.bitwise_and(before, LABELS), both)
    change = ops.logical_and(ops.logical_and(present, differs), before >= 0)
    last_other = _running_max(ops.where(change, before, -1), reach)

    def keys(seen):
        away = row - ops.right_shift(seen, LABEL_BITS)
        label = ops.bitwise_and(seen, LABELS)
        missing = ops.logical_or(seen < 0, away > reach)
        return ops.where(missing, FAR, ops.square(away) * ONE + label)

    last, last_other = keys(last), keys(last_other)
    above, other_above = last[:width], last_other[:width]
    below, other_below = ops.flip(last[width:], -1), ops.flip(last_other[width:], -1)
    same = ops.equal(ops.bitwise_and(above, LABELS), ops.bitwise_and(below, LABELS))
    later = ops.where(same, FAR, ops.maximum(above, below))
    second = ops.minimum(later, ops.minimum(other_above, other_below))
    return ops.minimum(above, below), second


def _running_max(x, reach):
    """Maximum over the last `reach` + 1 (or more) entries of the last axis."""
    step = 1
    while step <= min(reach, x.shape[-1] - 1):
        x = ops.maximum(x, _shifted(x, step))
        step *= 2
    return x


def _shifted(x, by):
    return ops.pad(x[..., :-by], [[0, 0], [0, 0], [by, 0]], constant_values=-1)
