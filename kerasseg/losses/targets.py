"""What a target is: class ids or one-hot, and what is neither.

Ranks, the last axis and the type decide, so that a compiled step reads a target as
NumPy does. A shape that allows two readings is refused. A compiled step cannot refuse
values: one that is no target makes the loss NaN there, and raises in NumPy arrays.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from kerasseg import UserError
from kerasseg.taxonomy import Tensor, ignore_of, one_hot

Shape = tuple[int | None, ...]


def target_of(y_true: Tensor, logits: Shape, exclusive: bool = True) -> Tensor:
    """The target (B, ..., C) float32, of one or of ids.

    Args:
        y_true: (B, ..., C) target, see `kerasseg.losses`. Of exclusive classes also
            (B, ...) or (B, ..., 1) class ids of any type: 255 (of more than 255
            classes 65535) and negative ones are ignored. Of one class that overlaps
            nothing also (B, ...): 1 there, 0 not, negative where ignored.
        logits: their shape, (B, ..., C).
        exclusive: False where the classes overlap.

    Raises:
        UserError: when the shapes do not fit together or allow two readings, or of one
            exclusive class; of NumPy arrays also for ids that name no class.
    """
    if exclusive:
        refuse_one_channel(logits)
    if not hasattr(y_true, "shape"):
        y_true = np.asarray(y_true)
    shape, classes = _known(y_true), logits[-1] or 0
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    whole = "int" in dtype or dtype == "bool"
    if not exclusive and dtype.startswith("uint"):
        raise UserError(
            "Expected a target of numbers 0 to 1, negative where ignored, got "
            f"{dtype}. Labels become a target with "
            "kerasseg.taxonomy.target(label, num_classes, exclusive=False)."
        )
    if len(logits) >= 3 and _alike(shape, logits[:-1]):
        if exclusive:
            return _of_ids(y_true, classes)
        if classes == 1:
            return ops.expand_dims(ops.cast(y_true, "float32"), -1)
    if len(logits) >= 3 and _alike(shape[:-1], logits[:-1]):
        if shape[-1] == classes or (not classes and (shape[-1] or 0) > 1):
            return _of_one_hot(y_true, shape, exclusive and whole)
        if shape[-1] == 1 and exclusive:
            return _of_ids(y_true[..., 0], classes)
        if shape[-1] is None:
            raise UserError(
                f"The target {shape} of logits {logits} can be read in two ways, as "
                f"ids with an axis of 1 or as one-hot with one of {classes}. Set its "
                "static shape."
            )
    raise UserError(
        f"Expected {'class ids or ' if exclusive else ''}a one-hot target and logits "
        f"of one shape (batch, ..., classes), got {shape} and {logits}. Labels become "
        "a target with kerasseg.taxonomy.one_hot(label, num_classes)."
    )


def refuse_one_channel(logits: Shape) -> None:
    """Raises UserError for logits of one exclusive class, whose softmax is constant."""
    if logits[-1:] == (1,):
        raise UserError(
            f"Logits of shape {logits} have one class, and a softmax over one is "
            "always 1: nothing can be learned from it. Give the background a class, or "
            "take sigmoids with exclusive=False."
        )


def _of_ids(ids: Tensor, classes: int) -> Tensor:
    """One-hot, all-zero where ignored, NaN where an id names no class."""
    if isinstance(ids, np.ndarray):
        odd = np.unique(ids[_names_nothing(np, ids, classes)])
        if odd.size:
            raise UserError(
                f"Expected class ids 0 to {classes - 1}, and {ignore_of(classes)} or "
                "negative ones where ignored, got "
                f"{', '.join(f'{value:g}' for value in odd[:5].astype(float))}."
            )
        return one_hot(ids, classes)
    ids = ops.convert_to_tensor(ids)
    wrong = ops.expand_dims(_names_nothing(ops, ids, classes), -1)
    return ops.where(wrong, np.float32(np.nan), one_hot(ids, classes))


def _names_nothing(arrays, ids: Tensor, classes: int) -> Tensor:
    """Where an id is no class and not ignored. arrays: `numpy` or `keras.ops`."""
    number = ids.astype("float64") if arrays is np else ops.cast(ids, "float32")
    too_large = arrays.logical_and(number >= classes, number != ignore_of(classes))
    # Also NaN, which is equal to nothing.
    return arrays.logical_or(too_large, arrays.floor(number) != number)


def _of_one_hot(y_true: Tensor, shape: Shape, whole: bool) -> Tensor:
    """In float32. whole: it is of integers, which could be something else."""
    if not whole:
        return ops.cast(y_true, "float32")
    if len(shape) == 3:
        raise UserError(
            f"A target {shape} of whole numbers with logits of the same shape can be "
            f"read in two ways: as one-hot of {shape[-1]} classes, which belongs in "
            "float32, or as masks (B, H, W), whose logits need an axis of classes: "
            "(B, H, W, 1)."
        )
    if isinstance(y_true, np.ndarray) and (y_true.sum(-1) > 1).any():
        raise UserError(
            f"Expected a one-hot target, got {shape} with more than one 1 in a pixel. "
            "Classes that overlap need exclusive=False."
        )
    y_true = ops.cast(y_true, "float32")
    several = ops.sum(y_true, axis=-1, keepdims=True) > 1
    return ops.where(several, np.float32(np.nan), y_true)


def _known(y_true: Tensor) -> Shape:
    try:
        return tuple(y_true.shape)
    except ValueError:  # TensorFlow, of an unknown rank
        raise UserError(
            "The target's number of axes is unknown: ids or one-hot cannot be told "
            "apart. Set its static shape."
        ) from None


def _alike(one: Shape, other: Shape) -> bool:
    """Whether two shapes can be the same; None is any length."""
    return len(one) == len(other) and all(
        a == b or a is None or b is None for a, b in zip(one, other, strict=True)
    )
