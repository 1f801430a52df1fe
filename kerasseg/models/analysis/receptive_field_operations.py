"""The receptive field one operation back: positions in its output to those it reads.

`receptive_field` follows a network from the logits to the image with it. What slides,
cuts or resizes has its rule in `receptive_field_windows`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kerasseg.models.analysis import receptive_field_windows as windows
from kerasseg.models.analysis.receptive_field_windows import unknown
from kerasseg.taxonomy import Tensor

LOCAL = {"Where", "Equal", "Less", "Greater", "Maximum", "Minimum", "Cast", "Clip"}
LOCAL |= {"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Power", "Square"}
LOCAL |= {"Sqrt", "Rsqrt", "Exp", "Negative", "Absolute", "FullLike", "OnesLike"}
LOCAL |= {"Relu", "Relu6", "Sigmoid", "Silu", "HardSigmoid", "HardSilu", "Tanh"}
LOCAL |= {"Rescaling", "BatchNormalization", "Dense", "Identity"}
"""Operations that read, for each position, the same position of each input."""


class Span(NamedTuple):
    """Which positions of a tensor are seen: first ... last, both arrays.

    They run along the dimensions start ... stop - 1, counted in row-major order where
    there are several. None seen: first is inf and last -inf; the whole map: the other
    way round.
    """

    start: int
    stop: int
    first: np.ndarray
    last: np.ndarray


def inputs_seen(node: Any, span: Span, axis: int) -> list[tuple[Tensor, Span]]:
    """Each input of a call and what is seen of it.

    Args:
        node: a call, as `graph.calls` lists them.
        span: what is seen of its output.
        axis: the dimension that is followed, 1 for rows.

    Raises:
        UserError: for an operation whose reach is not known.
    """
    layer, tensors = node.operation, node.input_tensors
    kind = type(layer).__name__
    whole = Span(
        axis,
        axis + 1,
        np.full_like(span.first, -math.inf),
        np.full_like(span.last, math.inf),
    )
    if kind == "ZerosLike":
        return []
    if kind == "GroupNormalization":
        return [(tensors[0], span), (tensors[0], whole)]
    if kind.startswith("Global") or kind == "Flatten":
        return [(tensors[0], whole)]
    if kind == "Concatenate":
        return _concatenated(node, span)
    if kind == "Stack":
        return _stacked(node, span)
    if kind == "Reshape":
        before = _reshaped(span, tensors[0].shape, node.output_tensors[0].shape)
        return [(tensors[0], before or whole)]
    if kind == "ExpandDims":
        return [(tensors[0], _expanded(node, span))]
    if kind in LOCAL or _is_local(layer):
        shape = node.output_tensors[0].shape
        return [
            (x, whole if _spreads(x, span, shape) else _repeated(node, span, x, shape))
            for x in tensors
        ]
    if span.stop - span.start != 1:
        raise unknown(node)
    where = span.start
    if kind.startswith(windows.RESIZING) and _spreads(
        tensors[0], span, node.output_tensors[0].shape
    ):
        return [(tensors[0], whole)]
    for prefix, rule in windows.RULES.items():
        if kind.startswith(prefix):
            first, last = rule(node, where, span.first, span.last)
            return [(tensors[0], clean(where, where + 1, first, last))]
    raise unknown(node)


def _is_local(layer: Any) -> bool:
    """Activations, additions and dropout of each pixel for itself."""
    parts = type(layer).__module__.split(".")
    return "layers" in parts and bool(
        {"activations", "merging", "regularization", "activation"} & set(parts)
    )


def _concatenated(node: Any, span: Span) -> list[tuple[Tensor, Span]]:
    tensors = node.input_tensors
    where = node.operation.axis % len(tensors[0].shape)
    if not span.start <= where < span.stop:
        return [(tensor, span) for tensor in tensors]
    if span.stop - span.start != 1:
        raise unknown(node)
    seen, offset = [], 0
    for number, tensor in enumerate(tensors):
        first, last = span.first - offset, span.last - offset
        if number > 0:
            first = np.maximum(first, 0)
        if number < len(tensors) - 1:
            last = np.minimum(last, tensor.shape[where] - 1)
        seen.append((tensor, clean(where, where + 1, first, last)))
        offset += tensor.shape[where]
    return seen


def _stacked(node: Any, span: Span) -> list[tuple[Tensor, Span]]:
    tensors = node.input_tensors
    where = node.operation.axis % (len(tensors[0].shape) + 1)
    if where >= span.stop:
        return [(tensor, span) for tensor in tensors]
    if where < span.start:
        shifted = Span(span.start - 1, span.stop - 1, span.first, span.last)
        return [(tensor, shifted) for tensor in tensors]
    if where != span.stop - 1 or where == span.start:
        raise unknown(node)
    count = len(tensors)  # map j has the positions j, j + count, j + 2 * count, ...
    return [
        (
            tensor,
            clean(
                span.start,
                span.stop - 1,
                np.ceil((span.first - j) / count),
                np.floor((span.last - j) / count),
            ),
        )
        for j, tensor in enumerate(tensors)
    ]


def _expanded(node: Any, span: Span) -> Span:
    where = node.operation.axis
    if not isinstance(where, int):
        raise unknown(node)
    where %= len(node.output_tensors[0].shape)
    start = span.start - (where < span.start)
    return Span(start, span.stop - (where < span.stop), span.first, span.last)


def _reshaped(span: Span, before: Sequence[int], after: Sequence[int]) -> Span | None:
    """The dimensions of `before` that hold the same values in the same order, if any:
    those with as many values ahead of them and in them."""
    ahead = math.prod(after[1 : span.start])
    values = math.prod(after[span.start : span.stop])
    for start in range(1, len(before) + 1):
        for stop in range(start, len(before) + 1):
            same_place = math.prod(before[1:start]) == ahead
            if same_place and math.prod(before[start:stop]) == values:
                return Span(start, stop, span.first, span.last)
    return None


def _spreads(tensor: Tensor, span: Span, shape: Sequence[int]) -> bool:
    """Whether a map of one value goes to all places: as far as pooling over the map."""
    return len(tensor.shape) > span.start and (
        tensor.shape[span.start] == 1 != shape[span.start]
    )


def _repeated(node: Any, span: Span, tensor: Tensor, shape: Sequence[int]) -> Span:
    if len(tensor.shape) != len(shape):
        raise unknown(node)
    have, want = tensor.shape[span.start : span.stop], shape[span.start : span.stop]
    if have == want:
        return span
    # The last dimensions have length 1 here and are repeated.
    kept = [length for length in have if length != 1] or have[:1]
    if list(want[: len(kept)]) != list(kept):
        raise unknown(node)
    repeats = math.prod(want) // math.prod(have)
    first, last = np.floor(span.first / repeats), np.floor(span.last / repeats)
    return Span(*span[:2], first, last)


def clean(start: int, stop: int, first: np.ndarray, last: np.ndarray) -> Span:
    """The span; where first lies behind last, nothing is seen."""
    nothing = first > last
    return Span(
        start,
        stop,
        np.where(nothing, math.inf, first),
        np.where(nothing, -math.inf, last),
    )
