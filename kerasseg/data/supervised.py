"""Batches as `model.fit` of any Keras model takes them: (image, label[, weight])."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerasseg import UserError
from kerasseg.taxonomy import Taxonomy


def converter(
    taxonomy: Taxonomy, *, weights: bool, others: dict[str, Any]
) -> Callable[[dict], tuple]:
    """A function of a batch of `kerasseg.data.pipeline.batches`, a dict, that gives
    (image float32, label int32), with `weights` also weight float32 (B, H, W).

    Keras asks for a weight where a loss knows no id to ignore: it is 0 where the label
    is ignored, which is 0 there, and 1 elsewhere.

    others: options of `batches` that give what a pair has no place for, by name.

    Raises UserError where one of them is used, and for weights of classes that overlap,
    each of which ignores pixels of its own.
    """
    used = [name for name, value in others.items() if value]
    if used:
        raise UserError(
            f"as_supervised gives (image, label[, weight]) and has no place for what "
            f"{used[0]} asks for. Leave one of the two out."
        )
    if weights and not taxonomy.exclusive:
        raise UserError(
            "Classes overlap and each ignores pixels of its own, which one weight for "
            "a pixel cannot say. Leave out weights=True, and take a loss of "
            "kerasseg.losses: all of them leave out ignored pixels."
        )

    def pair(batch: dict) -> tuple:
        image = tf.cast(batch["image"], tf.float32)
        label = tf.cast(batch["label"], tf.int32)
        if not weights:
            return image, label
        labelled = label != taxonomy.ignore
        return image, tf.where(labelled, label, 0), tf.cast(labelled, tf.float32)

    return pair
