"""Tells how often each class occurs, and the class weights that make up for it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from kerasseg.data import class_weights
from kerasseg.doctor.facts import Facts
from kerasseg.taxonomy import Taxonomy

KINDS = ("median", "sqrt_median", "inverse_log")
"""Values of `fit.class_weights` in a recipe."""


@dataclass(frozen=True)
class Balance:
    """How often the classes of one split occur.

    share: (C,) of the labelled pixels; where classes overlap they need not add up to 1.
    images_with: (C,) images that have the class. ignored: share of all pixels.
    weights: (C,) by their name in a recipe.
    """

    split: str
    images: int
    share: np.ndarray
    images_with: np.ndarray
    ignored: float
    weights: dict[str, np.ndarray]


def balance(split: str, facts: list[Facts], classes: Taxonomy) -> Balance | None:
    """The frequencies of a split; None where no pixel is labelled with a class."""
    pixels, images_with, pixels_with = np.zeros((3, classes.num_classes), np.int64)
    total, ignored, ignore = 0, 0, classes.ignore
    for one in facts:
        inside = (one.ids >= 0) & (one.ids < classes.num_classes) & (one.ids != ignore)
        ids = one.ids[inside]
        pixels[ids] += one.counts[inside]
        images_with[ids] += 1
        pixels_with[ids] += one.area
        total += one.area
        ignored += one.pixels(ignore)
    if not pixels.sum():
        return None
    median = class_weights.median_frequency(pixels, pixels_with)
    labelled = pixels.sum() if classes.exclusive else total - ignored
    weights = (median, np.sqrt(median), class_weights.inverse_log(pixels))
    return Balance(
        split,
        len(facts),
        pixels / labelled,
        images_with,
        1 - labelled / total,
        dict(zip(KINDS, weights, strict=True)),
    )


def balances(splits: dict[str, list[Facts]], classes: Taxonomy) -> list[Balance]:
    """Of all splits that have labels, train first."""
    found = [balance(split, facts, classes) for split, facts in splits.items()]
    return sorted((b for b in found if b), key=lambda b: b.split != "train")


def recipe(balance: Balance) -> str:
    """Lines for a recipe (TOML): the gentle weights, with their values."""
    numbers = ", ".join(f"{w:.3g}" for w in balance.weights["sqrt_median"])
    comment = f"of {balance.split}, in the order of the ids: [{numbers}]"
    lines = textwrap.wrap(comment, 80, initial_indent="# ", subsequent_indent="#   ")
    return (
        "[fit]\n"
        'class_weights = "sqrt_median"  # or "median", "inverse_log", "none"\n'
        + "".join(f"{line}\n" for line in lines)
    )
