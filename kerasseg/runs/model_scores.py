"""Evaluation as a function that takes a Keras model, of any input size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.image_format import ImageFormat
from kerasseg.inference.own_models import Activation, in_python, looked_at, pixels
from kerasseg.runs.labelled import labelled
from kerasseg.runs.scores import Surfaces, collected
from kerasseg.taxonomy import Taxonomy


def evaluate_model(
    model: Any,
    data: Any,
    taxonomy: Taxonomy | None = None,
    *,
    split: str = "val",
    folder: str | Path = "",
    size: tuple[int, int] | None = None,
    activation: Activation = "",
    overlap: int = 0,
    flip: bool = False,
    scales: Sequence[float] = (),
    trimap: float = 0.0,
    surfaces: bool | Surfaces = False,
    group_by: str = "",
    image_format: ImageFormat | None = None,
) -> dict[str, Any]:
    """Scores a Keras model as `python -m kerasseg.evaluate` scores a run.

    Every image is scored at its own size, see `predict_model`; so does the command.

    Args:
        model, size, activation, overlap, flip, scales, image_format: as
            `predict_model`.
        data: the folder of records; or batches (image, label[, weight]) or dicts of
            "image", "label" and, with objects, "instance", as a `tf.data.Dataset`, a
            `PyDataset`, a generator or one tuple of arrays. Labels are ids (B, H, W) or
            (B, H, W, 1), or one-hot (B, H, W, C); ids that are no class, and pixels of
            no class, are ignored, as are those of weight 0. Where the classes overlap
            (B, H, W, C) of 1 and 0; others are ignored.
        taxonomy: the classes; None: those of the records, or numbered.
        split: of the records.
        folder: writes metrics.json, metrics_per_image.csv and pictures/ there.
        trimap: pixels, see `kerasseg.metrics.trimap`.
        surfaces: measure distances of surfaces too, with these units and tolerance.
        group_by: of records, as of the command.

    Returns:
        What metrics.json holds, see `kerasseg.runs.scores.evaluate`.

    Raises:
        UserError: as `predict_model`, for labels that do not fit, and for no images.
    """
    if not (trimap >= 0 and np.isfinite(trimap)):
        raise UserError(f"trimap must be 0 or more pixels, got {trimap}.")
    start_tensorflow()
    given = labelled(data, taxonomy, split, group_by)
    taxonomy = given.taxonomy or taxonomy
    first, images = given.peeked()
    options = (given.image_format or image_format, size, activation, overlap)
    looked = looked_at(model, taxonomy, *options, flip, scales, first=first)

    def answers() -> Iterator[tuple]:
        for one in images:
            image = pixels(one.image, looked.image_format)
            label = one.ids(looked.taxonomy)
            with in_python():
                yield image, label, *looked.answer(image), one.instance

    measured = Surfaces() if surfaces is True else surfaces or None
    scored = collected(
        answers(),
        looked.taxonomy,
        looked.image_format,
        trimap,
        facts=given.facts,
        surfaces=measured,
    )
    result = {"split": given.split, "samples": scored.counts.samples}
    result |= {"trimap_pixels": trimap} if trimap else {}
    result |= {"surfaces": measured.to_json()} if measured else {}
    result |= scored.scores(looked.taxonomy)
    if folder:
        scored.write(Path(folder), result, looked.taxonomy)
    return result
