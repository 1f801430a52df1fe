"""Weights of classes from --fit.class_weights and the records' frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerasseg import UserError, config
from kerasseg.data import class_weights

if TYPE_CHECKING:
    from kerasseg.data.format.splits import SplitDescription


def weights_of(
    words: Sequence[str], split: SplitDescription, names: Sequence[str]
) -> list[float] | None:
    """One number for each class; None where --fit.class_weights is "none" alone.

    Raises UserError where the words do not fit the classes.
    """
    said = config.class_weights(words)
    if said == config.class_weights(("none",)):
        return None
    base: Sequence[float] | np.ndarray = np.ones(len(names))
    if said.rule.endswith("median"):
        median = class_weights.median_frequency(
            split.pixels, split.pixels_of_images_with
        )
        base = np.sqrt(median) if said.rule.startswith("sqrt") else median
    elif said.rule == "inverse_log":
        base = class_weights.inverse_log(split.pixels)
    elif said.rule == "segnet_camvid":
        base = _segnet_camvid(names)
    return said.named(names, list(map(float, base)))


def _segnet_camvid(names: Sequence[str]) -> Sequence[float]:
    """SegNet's weights, for the classes that `prepare camvid` makes."""
    from kerasseg.data.datasets import camvid

    if tuple(names) != camvid.TAXONOMY.names:
        raise UserError(
            "--fit.class_weights segnet_camvid is for CamVid's classes "
            f"{', '.join(camvid.TAXONOMY.names)}; these records have "
            f"{', '.join(names[:20])}. Use median."
        )
    return class_weights.SEGNET_CAMVID
