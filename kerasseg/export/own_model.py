"""Export as a function that takes a Keras model, of any input size."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.export.formats import Format, Limits, check
from kerasseg.export.options import Export
from kerasseg.export.writing import needs_images
from kerasseg.image_format import ImageFormat
from kerasseg.inference.own_models import (
    Activation,
    OwnModel,
    in_python,
    looked_at,
    pixels,
)
from kerasseg.runs.labelled import Labelled, labelled
from kerasseg.taxonomy import Taxonomy

BATCH = 8
"""Images that the gate looks at together."""


def export_model(
    model: Any,
    folder: str | Path,
    data: Any,
    taxonomy: Taxonomy | None = None,
    *,
    split: str = "val",
    formats: Sequence[Format] = ("saved_model", "float32", "float16", "int8"),
    calibration: Any = None,
    size: tuple[int, int] | None = None,
    activation: Activation = "",
    image_format: ImageFormat | None = None,
    limits: Limits | None = None,
    calibrated_on: int = 32,
) -> list[dict[str, Any]]:
    """Writes files of a Keras model for servers and devices, and scores them again, as
    `python -m kerasseg.export` does with a run.

    The files are of one size. Images of other sizes are stretched to it, and answers of
    a stride are enlarged to it.

    Args:
        model, activation, image_format: as `kerasseg.predict.predict_model`.
        folder: gets the files, gate.json and the card in a folder export, and
            network.keras, taxonomy.json and image_format.json, so that the commands
            predict, serve and demo take it for a run.
        data: what the gate scores on: the folder of records, or batches as
            `kerasseg.evaluate.evaluate_model` takes them.
        taxonomy, split: as `evaluate_model`.
        formats: as `--formats` of the command.
        calibration: images that int8 takes its ranges from: batches like `data` or
            images alone (B, H, W, channels); None: the split "train" of records. Images
            of the training, not augmented.
        size: height and width of the files, for a model of any size; None: those of the
            first image.
        limits: of the gate.
        calibrated_on: how many of them are used.

    Returns:
        The rows of the gate, the network first: miou, agreement, passed, file. A file
        that breaks a limit lies in folder/export/rejected.

    Raises:
        UserError: as `evaluate_model`, for int8 without images, for packages that are
            missing, and for a model that does not convert.
    """
    folder = Path(folder)
    if (folder / "config.toml").is_file():
        raise UserError(
            f"{folder} is the run of a training. Choose another folder for this model."
        )
    asked = Export(
        formats=tuple(formats), limits=limits or Limits(), calibration=calibrated_on
    )
    start_tensorflow()
    given = labelled(data, taxonomy, split)
    first, images = given.peeked()
    described = given.image_format or image_format
    options = (given.taxonomy or taxonomy, described, size, activation, 0, False, ())
    looked = looked_at(model, *options, first=first)
    check((*asked.formats,), looked.image_format, looked.taxonomy.num_classes)
    network = _of_one_size(model, size or first.shape[:2], activation, looked.taxonomy)
    names = [fact.name for fact in given.facts]
    from kerasseg.export.exporting import Source, exported

    source = Source(
        folder,
        network,
        images=_ranges(asked, network, looked.image_format, data, calibration),
        batches=_batches(images, network, looked),
        split=given.split,
        sample_id=lambda number: names[number] if names else f"image {number}",
        records=str(data) if isinstance(data, str | Path) else "",
    )
    folder.mkdir(parents=True, exist_ok=True)
    runs.save(network, folder / "network.keras")
    runs.describe(folder, looked.taxonomy, looked.image_format)
    return exported(source, asked)


def _of_one_size(
    model: Any, size: Sequence[int], activation: Activation, classes: Taxonomy
) -> Any:
    """The model as those of kerasseg are: image (B, H, W, channels) -> logits float32
    (B, H, W, classes)."""
    import keras

    from kerasseg import upsampling
    from kerasseg.inference.foreign import network as foreign_network

    name = f"Model '{getattr(model, 'name', model)}'"
    fixed = tuple(model.inputs[0].shape[1:3])
    height, width = size if None in fixed else fixed
    chosen = (height, width) if fixed == (None, None) else None
    with in_python():
        found = foreign_network.examined(model, name, chosen, activation)
    adapted = foreign_network.adapted(found, (height, width))
    logits = upsampling.bilinear(adapted.output, (height, width))
    if found.binary and not classes.exclusive:
        logits = logits[..., 1:]  # of one class of its own
    return keras.Model(adapted.input, logits, name="network")


def _batches(
    images: Iterable[Labelled], network: Any, looked: OwnModel
) -> Iterator[dict[str, Any]]:
    """What the gate looks at: images and labels at the size of the network."""
    import tensorflow as tf

    from kerasseg.data.resize import resize_image, resize_label

    size = network.input_shape[1:3]
    while some := list(itertools.islice(images, BATCH)):
        seen = [pixels(one.image, looked.image_format) for one in some]
        labels = [one.ids(looked.taxonomy) for one in some]
        yield {
            "image": tf.stack([resize_image(tf.constant(one), size) for one in seen]),
            "label": tf.stack([resize_label(tf.constant(one), size) for one in labels]),
        }


def _ranges(
    asked: Export, network: Any, kind: ImageFormat, data: Any, calibration: Any
) -> list[np.ndarray]:
    """The images that int8 takes its ranges from, at the size of the network; none
    where nothing is quantised."""
    from kerasseg.export.calibration import of_records

    if not needs_images(asked.artefacts()):
        return []
    size, count = network.input_shape[1:3], asked.calibration
    if calibration is None and isinstance(data, str | Path):
        return of_records(data, "train", size, count)
    if calibration is None:
        raise UserError(
            "int8 takes its ranges from images of the training. Give some as "
            "calibration=, or leave int8 out: formats=('saved_model', 'float32')."
        )
    from kerasseg.inference.litert import stretched

    found = itertools.islice(_images(calibration), count)
    images = [stretched(pixels(image, kind), *size) for image in found]
    if not images:
        raise UserError("calibration= holds no images. Give some of the training.")
    return images


def _images(given: Any) -> Iterator[np.ndarray]:
    """Images of batches, with labels or without."""
    for one in [given] if hasattr(given, "shape") else given:
        if isinstance(one, dict):
            one = one["image"]
        array = np.asarray(one[0] if isinstance(one, tuple | list) else one)
        yield from [array] if array.ndim == 3 else array
