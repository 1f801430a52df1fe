"""Receptive fields of a built network, measured without gradients."""

import keras
import numpy as np
from networks import call


def make_positive(model):
    """Kernels positive, biases zero, normalisations as they start, no rescaling: then
    zero in gives zero out, and whatever sees a bright pixel is brighter. The kernels
    are such that a convolution keeps both a single pixel and a constant in range."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Rescaling):
            layer.scale, layer.offset = 1.0, 0.0
        if not layer.weights or isinstance(layer, keras.layers.BatchNormalization):
            continue
        kernel, *others = layer.get_weights()
        if kernel.ndim > 2:  # not a PReLU's slopes
            others = [0 * other for other in others]
            kernel = np.full_like(kernel, np.prod(kernel.shape[:-1]) ** -0.5)
        layer.set_weights([kernel, *others])


def rows_seen(model, period, batch=16):
    """{first row, last row} that each of `period` consecutive logit rows in the middle
    of the image sees, as arrays (period, 2).

    model: made positive, logits of the image's size. period: the network's total
    stride; what a row sees moves on with it.
    """
    height = model.input_shape[1]
    middle = height // 2 // period * period
    images = np.zeros((period, *model.input_shape[1:]), "float32")
    for offset in range(period):
        images[offset, middle + offset] = 1  # a bright row
    logits = np.concatenate(
        [call(model, images[at : at + batch]) for at in range(0, period, batch)]
    )
    lit = (logits > 0).any(axis=tuple(range(2, logits.ndim)))  # (bright row, row)
    assert not lit[:, 0].any() and not lit[:, -1].any(), "the image is too small"

    seen = [[] for _ in range(period)]
    for offset, row in np.argwhere(lit):
        # Row `row` sees row `middle + offset`; move both by whole periods.
        shift = row // period * period
        seen[row % period].append(middle + offset - shift)
    return np.array([(min(rows), max(rows)) for rows in seen])
