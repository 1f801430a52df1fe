"""Rematerialisation: less memory for a training step, by computing parts of it twice.

A step keeps the results of each layer until the backward pass has used them. Here the
network is cut into pieces, and only what enters each piece is kept; the backward pass
computes the inside of a piece again, one piece at a time (Chen et al. 2016, "Training
deep nets with sublinear memory cost"). The cuts are put where that takes least memory.
(Keras' own RematScope works layer by layer, and keeps the input of every layer: that
saves nothing.)

An example, a chain of six steps with one skip connection, from step 0 to step 5:

    step    0  1  2  3  4  5
    sizes   4  4  1  4  4  4    values that each step gives
    ends    5  2  3  4  5  6    last step that takes them (6: the output)

Uncut, all 21 values are kept. `cuts` gives [0, 3, 6]: pieces of steps 0..2 and 3..5. At
the cut the results of steps 0 (taken by step 5) and 2 (taken by step 3) are kept, 5
values, and of one piece at a time the inside, at most 12: 17 in all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from kerasseg.models.analysis.graph import calls, size
from kerasseg.taxonomy import Tensor


def rematerialised(network: keras.Model) -> Callable[..., Tensor]:
    """Function (image, training=False) -> logits of a functional network, the same to
    rounding, that keeps less for the gradients. It shares all variables and layers.

    Statistics of batch normalisation are updated once; dropout drops the same values
    again. Raises UserError where a layer is a network of its own.
    """
    *pieces, last = _pieces(network)

    def forward(image, training=False):
        if not training:
            return network(image, training=False)
        known = {id(network.inputs[0]): image}
        for piece, enter, leave in pieces:
            found = _again(piece, [known[key] for key in enter])
            known |= dict(zip(leave, found, strict=True))
        # The backward pass begins with the last piece: its inside may stay.
        piece, enter, _ = last
        return piece([known[key] for key in enter], training=True)

    return forward


def _again(piece, values: list) -> list:
    """Outputs of the piece for these inputs, its inside forgotten until needed.

    It runs as a function of tensors alone, so that computing it again does not update
    moving statistics and states of random numbers a second time.
    """
    # Copied: a TensorFlow variable would be read again with what it holds by then, and
    # dropout would drop something else.
    state = [ops.copy(v.value) for v in piece.non_trainable_variables]
    weights = [ops.copy(v.value) for v in piece.trainable_variables]
    tensorflow = keras.backend.backend() == "tensorflow"
    first = []

    def work(*tensors):
        weighed, given = tensors[: len(weights)], tensors[len(weights) :]
        found, new = piece.stateless_call(weighed, state, list(given), training=True)
        found = tuple(keras.tree.flatten(found))
        first.append(new)
        # TensorFlow takes no integers as outputs here; the first run stores them.
        return found if tensorflow else (found, new)

    found = keras.remat(work)(*weights, *values)
    found, new = (found, first[0]) if tensorflow else found
    for variable, value in zip(piece.non_trainable_variables, new, strict=True):
        variable.assign(value)
    return keras.tree.flatten(found)


def _pieces(network) -> list[tuple]:
    """(network of a piece, ids of the tensors that enter it, ids of those that leave)

    `made` and `last` map the id of a tensor to the step that gives it and to the last
    step that takes it: a tensor enters a piece if an earlier step gave it, and leaves
    it if a later step takes it.
    """
    steps = calls(network)
    last = {id(t): i for i, step in enumerate(steps) for t in step.input_tensors}
    last[id(network.outputs[0])] = len(steps)
    made = {id(t): i for i, step in enumerate(steps) for t in step.output_tensors}
    sizes = [sum(map(size, step.output_tensors)) for step in steps]
    ends = [
        max(last.get(id(t), i) for t in s.output_tensors) for i, s in enumerate(steps)
    ]
    pieces = []
    for begin, end in itertools.pairwise(cuts(sizes, ends)):
        used, given = {}, {}
        for step in steps[begin:end]:
            used |= {id(t): t for t in step.input_tensors}
            given |= {id(t): t for t in step.output_tensors}
        enter = {key: t for key, t in used.items() if made.get(key, -1) < begin}
        leave = {key: t for key, t in given.items() if last.get(key, -1) >= end}
        piece = keras.Model(list(enter.values()), list(leave.values()))
        pieces.append((piece, list(enter), list(leave)))
    return pieces


def cuts(sizes: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Bounds of the pieces of a chain of steps, from 0 to their number.

    sizes[i]: number of values that step i gives; ends[i]: index of the last step that
    takes them. What is taken after a bound is kept at it; the inside of one piece at a
    time comes on top. Of all ways to cut, the one with the smallest sum of the two.
    """
    return _cheapest(np.asarray(sizes, np.float64), np.asarray(ends))


def _cheapest(sizes: np.ndarray, ends: np.ndarray) -> list[int]:
    count = len(sizes)
    # kept[i, j]: given in steps i..j-1 and taken at j or later; inside[i, j]: given.
    kept, inside = np.full((2, count + 1, count + 1), np.inf)
    for j in range(1, count + 1):
        there = sizes[:j] * (ends[:j] >= j) * (j < count)
        kept[:j, j] = np.cumsum(there[::-1])[::-1]
        inside[:j, j] = np.cumsum(sizes[:j][::-1])[::-1]
    best, bounds = np.inf, [0, count]
    for most in np.geomspace(sizes.max(), sizes.sum(), 40) * (1 + 1e-9):
        price = np.where(inside <= most, kept, np.inf)
        sums, came = np.zeros(count + 1), np.zeros(count + 1, int)
        for j in range(1, count + 1):
            reached = sums[:j] + price[:j, j]
            came[j] = np.argmin(reached)
            sums[j] = reached[came[j]]
        if sums[count] + most < best:
            best, bounds = sums[count] + most, [count]
            while bounds[0]:
                bounds.insert(0, int(came[bounds[0]]))
    return bounds
