"""Rematerialisation: less memory for a training step, by computing parts of it twice.

A step keeps what each layer gave until the backward pass has used it. Here the network
is cut into pieces, and of each only what enters it is kept; the backward pass computes
the inside of a piece again, one piece at a time (Chen et al. 2016, "Training deep nets
with sublinear memory cost"). The cuts are put where that takes least. (Keras' own
RematScope does it layer by layer, which keeps the input of every layer: nothing saved.)
"""

from __future__ import annotations

import itertools

import keras
import numpy as np
from keras import ops

from kerasseg.models.analysis.graph import calls, size


def rematerialised(network):
    """Function (image, training=False) -> logits of a functional network, the same to
    rounding, that keeps less for the gradients. It shares all variables and layers.

    Statistics of batch normalisation are moved once; dropout drops the same again.
    """
    *pieces, last = _pieces(network)

    def forward(image, training=False):
        if not training:
            return network(image, training=False)
        known = {id(network.inputs[0]): image}
        for piece, enter, leave in pieces:
            found = _again(piece, [known[key] for key in enter])
            known |= dict(zip(leave, found, strict=True))
        # What the backward pass needs first need not be forgotten.
        piece, enter, _ = last
        return piece([known[key] for key in enter], training=True)

    return forward


def _again(piece, values: list) -> list:
    """Outputs of the piece for these inputs, its inside forgotten until needed.

    It runs as a function of tensors alone, so that computing it again changes nothing
    that it counts (moving statistics, states of random numbers).
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
        # TensorFlow takes no integers here, but lets the first run hand them out.
        return found if tensorflow else (found, new)

    found = keras.remat(work)(*weights, *values)
    found, new = (found, first[0]) if tensorflow else found
    for variable, value in zip(piece.non_trainable_variables, new, strict=True):
        variable.assign(value)
    return keras.tree.flatten(found)


def _pieces(network) -> list[tuple]:
    """(network of a piece, keys of the tensors that enter, keys of those that leave)"""
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


def cuts(sizes, ends) -> list[int]:
    """Bounds of the pieces of a chain of steps, from 0 to their number.

    sizes[i]: what step i gives, values; ends[i]: index of the last step that takes it.
    At each bound what is taken later is kept; the inside of one piece at a time comes
    on top. Of all ways to cut, the one with the smallest sum of the two.
    """
    sizes, ends, count = np.asarray(sizes, np.float64), np.asarray(ends), len(sizes)
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
