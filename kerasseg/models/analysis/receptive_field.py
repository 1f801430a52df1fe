"""Which pixels of the image a logit can see, read off the graph of a network.

Followed from the logits back to the image, one axis at a time: an operation turns the
first and last position seen in its output into those in its inputs. That is exact for
every alignment of strides, crops and paddings. Borders do not cut the field: beyond
them the image is thought to go on, whether the padding is zeros or mirrored. Holes of
dilated convolutions inside the field are taken to be seen.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.models.analysis.graph import calls, check_static
from kerasseg.models.analysis.receptive_field_operations import Span, inputs_seen
from kerasseg.models.analysis.receptive_field_windows import unknown

PERIOD = 64
"""Positions after which every alignment has come: all strides divide it."""


def receptive_field(model: keras.Model) -> tuple[int | float, ...]:
    """(height, width) or (depth, height, width) in pixels of what one logit sees.

    The largest over all places of a logit: behind a stride they differ (one of U-Net's
    logits sees 188 to 204 rows). `math.inf` where a logit sees the whole image, as by
    global pooling, a normalisation over the map or a map of one value that is spread.

    Raises:
        UserError: for a network of no fixed size, and at an operation whose reach is
            not known.
    """
    field: list[int | float] = []
    for axis in range(len(model.outputs[0].shape) - 2):
        first, last = pixels_seen(model, axis, _middle(model, axis))
        extent = np.max(last - first + 1)
        field.append(math.inf if np.isinf(extent) else int(extent))
    return tuple(field)


def output_stride(model: keras.Model) -> tuple[int, ...]:
    """Pixels of the image from one logit to the next along each axis, rounded.

    Raises:
        UserError: as `receptive_field`.
    """
    strides = []
    for axis in range(len(model.outputs[0].shape) - 2):
        start = _middle(model, axis)[0]
        ends = np.array([start, start + PERIOD])
        first, last = pixels_seen(model, axis, ends, local=True)
        strides.append(round(np.diff(first + last)[0] / (2 * PERIOD)))
    return tuple(strides)


def pixels_seen(
    model: keras.Model, axis: int, positions: ArrayLike, local: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel that the logits at `positions` can see.

    Args:
        axis: 0 for rows, 1 for columns (in a volume 0 is the depth).
        positions: (n,) row or column numbers of the output; the others of its
            coordinates do not matter.
        local: leaves out what is seen by global pooling and normalisation.

    Returns:
        Two arrays (n,) of float64, infinite where the whole image is seen.

    Raises:
        UserError: as `receptive_field`.
    """
    check_static(model)
    positions = np.asarray(positions, "float64")
    spans = {id(model.outputs[0]): Span(axis + 1, axis + 2, positions, positions)}
    for node in reversed(calls(model)):
        seen = [spans[id(t)] for t in node.output_tensors if id(t) in spans]
        if not seen:
            continue
        for tensor, span in inputs_seen(node, seen[0], axis + 1):
            if local and (np.isneginf(span.first) & np.isposinf(span.last)).any():
                continue
            if id(tensor) in spans:
                span = _union(node, spans[id(tensor)], span)
            spans[id(tensor)] = span
    if id(model.inputs[0]) not in spans:
        raise UserError("The output does not depend on single pixels of the image.")
    span = spans[id(model.inputs[0])]
    return span.first, span.last


def _middle(model: keras.Model, axis: int) -> np.ndarray:
    check_static(model)
    half = model.outputs[0].shape[axis + 1] // 2
    return np.arange(half, half + PERIOD) - PERIOD // 2


def _union(node: Any, one: Span, other: Span) -> Span:
    if one[:2] != other[:2]:
        raise unknown(node)
    first, last = np.minimum(one.first, other.first), np.maximum(one.last, other.last)
    return Span(*one[:2], first, last)
