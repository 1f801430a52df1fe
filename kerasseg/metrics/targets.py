"""What labels and answers of exclusive classes mean: ids, one-hot targets or scores.

Shapes and types alone decide, so that a compiled step reads them as NumPy does. Where
they allow two readings nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.taxonomy import Tensor

Label = Literal["ids", "ids with an axis of 1", "one-hot"]
Answers = Literal["ids", "scores", "one channel"]
HOW = (
    "Expected label and predicted ids of one shape (B, ...), the latter whole numbers; "
    "or scores with last axis {c}, of a label of ids or a one-hot target of that axis"
)


def ids_of(
    label: Tensor, answers: Tensor, num_classes: int, threshold: float = 0.0
) -> tuple[Tensor, Tensor]:
    """True and predicted class ids (...), int32; -1 where a one-hot target is all zero,
    which is ignored.

    Args:
        label: (...) ids, also (..., 1), or (..., C) one-hot. Of soft targets the class
            of the largest share counts.
        answers: (..., C) logits or probabilities, or (...) ids as whole numbers. Of two
            classes also (..., 1), one channel: class 1 where it is above `threshold`.
        num_classes: C.
        threshold: 0 of a logit, 0.5 of a probability.

    Raises:
        UserError: when the shapes do not fit together, or allow two readings.
    """
    label, answers = ops.convert_to_tensor(label), ops.convert_to_tensor(answers)
    cast = partial(ops.cast, dtype="int32")
    return _ids(ops, cast, label, answers, num_classes, threshold)


def ids_on_host(
    label: ArrayLike, answers: ArrayLike, num_classes: int, threshold: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The same with NumPy, int64."""
    true, seen = np.asarray(label), np.asarray(answers)
    if not true.size and true.shape == seen.shape:  # of no type, as [] is
        return true.astype(np.int64), seen.astype(np.int64)

    def cast(values: np.ndarray) -> np.ndarray:
        return values.astype(np.int64)

    return _ids(np, cast, true, seen, num_classes, threshold)


def _ids(
    arrays: Any,
    cast: Callable[[Any], Any],
    label: Any,
    answers: Any,
    num_classes: int,
    threshold: float,
) -> tuple[Any, Any]:
    """arrays: `numpy` or `keras.ops`."""
    whole = _is_whole(label), _is_whole(answers)
    shapes = tuple(label.shape), tuple(answers.shape)
    true_kind, kind = readings(*shapes, *whole, num_classes)
    if true_kind == "one-hot":
        there = arrays.any(arrays.not_equal(label, 0), axis=-1)
        label = arrays.where(there, cast(arrays.argmax(label, axis=-1)), -1)
    elif true_kind == "ids with an axis of 1":
        label = arrays.squeeze(label, -1)
    if kind == "scores":
        answers = arrays.argmax(answers, axis=-1)
    elif kind == "one channel":
        answers = arrays.squeeze(answers, -1) > threshold
    return cast(label), cast(answers)


def readings(
    label: tuple[int | None, ...],
    answers: tuple[int | None, ...],
    whole_label: bool,
    whole_answers: bool,
    num_classes: int,
) -> tuple[Label, Answers]:
    """What label and answers of these shapes are. whole: of integers or booleans.

    Raises UserError where they are nothing that fits together, or could be two things.
    """
    got = f"got a label {_said(label, whole_label)} and answers "
    got += _said(answers, whole_answers)
    channels = answers[-1] if answers else None
    one_hot = len(label) > 1 and label[-1] == num_classes > 1
    if whole_answers and _alike(label, answers):
        if one_hot and len(label) > 2:  # of two axes they are (B, pixels)
            raise UserError(
                f"Label and answers can be read in two ways, {got}: both as ids of "
                f"{num_classes} columns, or both as one-hot of {num_classes} classes. "
                "Give ids flat, as label.ravel(), or a one-hot target with scores of "
                "a float type."
            )
        return "ids", "ids"
    if whole_answers and one_hot and _alike(label[:-1], answers):
        return "one-hot", "ids"
    if channels == num_classes > 1:
        if _alike(label, answers[:-1]):
            return "ids", "scores"
        if _alike(label, answers):
            if not whole_label:
                return "one-hot", "scores"
            raise UserError(
                f"Label and answers can be read in two ways, {got}: as a one-hot "
                f"target with scores of {num_classes} classes, or as ids of "
                f"{num_classes} columns, of label and answers. Give a one-hot target "
                "as float32, or predicted ids as whole numbers."
            )
        if label[-1:] == (1,) and _alike(label[:-1], answers[:-1]):
            return "ids with an axis of 1", "scores"
    if channels == 1 and not whole_answers:
        if num_classes == 1:
            raise UserError(
                "One channel tells two classes apart, by its sigmoid: of one class "
                "that excludes others there is nothing to count. Expected "
                "ConfusionMatrix(2), or OverlapCounts(1)."
            )
        if num_classes == 2:
            if _alike(label, answers[:-1]):
                return "ids", "one channel"
            if _alike(label, answers):
                return "ids with an axis of 1", "one channel"
            if one_hot and _alike(label[:-1], answers[:-1]):
                return "one-hot", "one channel"
    raise UserError(f"{HOW.format(c=num_classes)}; {got}.")


def _alike(one: tuple, other: tuple) -> bool:
    """Whether two shapes can be the same; None is any length."""
    return len(one) == len(other) and all(
        a == b or None in (a, b) for a, b in zip(one, other, strict=True)
    )


def _is_whole(values: Tensor) -> bool:
    dtype = str(values.dtype)
    if not isinstance(values, np.ndarray):
        dtype = keras.backend.standardize_dtype(values.dtype)
    return "int" in dtype or dtype == "bool"


def _said(shape: tuple, whole: bool) -> str:
    return f"{shape} of {'whole numbers' if whole else 'floats'}"
