"""Prediction as a function that takes a Keras model, of any input size.

Of the package only what a small device has is imported before a model is looked at.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy

Activation = Literal["", "softmax", "sigmoid", "none"]
IN_PYTHON = (
    (r"--activation (\w+)", r'activation="\1"'),
    (r"--size HEIGHT WIDTH", "size=(HEIGHT, WIDTH)"),
    (r"--(size|scales)", r"\1"),
    (r"--(\w+)-(\w+)", r"\1_\2"),
)
"""Flags in messages -> the arguments that stand for them here."""


@dataclass(frozen=True)
class OwnModel:
    """A Keras model that was looked at. answer: an image (H, W, channels) -> ids (H, W)
    and probabilities (H, W, C); where classes overlap ids are 0 and 1 (H, W, C)."""

    answer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    taxonomy: Taxonomy
    image_format: ImageFormat


def predict_model(
    model: Any,
    pictures: Any,
    *,
    taxonomy: Taxonomy | None = None,
    probabilities: bool = False,
    size: tuple[int, int] | None = None,
    activation: Activation = "",
    overlap: int = 0,
    flip: bool = False,
    scales: Sequence[float] = (),
    image_format: ImageFormat | None = None,
) -> list[np.ndarray]:
    """Class maps of pictures of any sizes, each as large as its picture.

    Pixels are given to the model as they are; one that was trained on 0..1 is given
    floats of 0..1. A model of a fixed size is given the picture stretched to it; one of
    any size the picture itself, filled up to the multiple that it needs.

    Args:
        model: a Keras model with one input (B, H, W, channels), whose height and width
            may be None, and one output of logits or probabilities, also of one channel
            (two classes) or of a stride.
        pictures: an array (H, W, channels) or (B, H, W, channels), the path of a
            picture, or any number of these.
        taxonomy: the classes; None: numbered, and overlapping where the model ends with
            a sigmoid of several channels.
        probabilities: give float32 (H, W, C) in place of ids.
        size: for a model of any size: the one to use, in place of the picture's.
        activation: what the model's last layer does; "": found by a look.
        overlap: pixels, even, above 0: larger pictures are cut into tiles which share
            so many.
        flip: the mean over the picture and its mirror image.
        scales: for a model of any size: the mean over these sizes of what it is given,
            such as (0.75, 1, 1.25).
        image_format: bands and type; None: by the channels of the model and the type of
            the first picture.

    Returns:
        For each picture ids uint8 (H, W) (of more than 255 classes uint16); where the
        classes overlap 0 and 1, uint8 (H, W, C).

    Raises:
        UserError: for a model that takes no images or gives no map of scores, and for
            pictures that do not fit it.
    """
    start_tensorflow()
    looked: OwnModel | None = None
    found = []
    for picture in _each(pictures):
        if looked is None:
            options = (model, taxonomy, image_format, size, activation, overlap)
            looked = looked_at(*options, flip, scales, first=picture)
        with in_python():
            answers = looked.answer(pixels(picture, looked.image_format))
        found.append(answers[probabilities])
    return found


def looked_at(
    model: Any,
    taxonomy: Taxonomy | None,
    image_format: ImageFormat | None,
    size: tuple[int, int] | None,
    activation: Activation,
    overlap: int,
    flip: bool,
    scales: Sequence[float],
    first: Any,
) -> OwnModel:
    """The model, ready to answer. first: the first picture, for its type.

    Raises UserError where model, classes and pictures do not fit together.
    """
    from kerasseg.inference.foreign import network as foreign_network
    from kerasseg.inference.foreign import segmenter

    name = f"Model '{getattr(model, 'name', model)}'"
    with in_python():
        found = foreign_network.examined(model, name, size, activation)
    classes = _classes(found, taxonomy)
    kind = image_format or _format_of(first, found.channels)
    if kind.channels != found.channels:
        raise UserError(
            f"{name} takes {found.channels} channels, and the images have {kind}. "
            "Build it for these, or give its own images."
        )
    # One channel of one class of its own is answered as two classes.
    alone = found.binary and not classes.exclusive
    exclusive = classes.exclusive or alone
    options = exclusive, overlap, flip, False, scales
    with in_python():
        segment = segmenter.segmenter(found, kind, (1, 0), *options)

    def answer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        strips: list[np.ndarray] = []
        ids = segment(image, strips.append)
        scores = np.concatenate(strips)
        return (ids[..., None], scores[..., 1:]) if alone else (ids, scores)

    return OwnModel(answer, classes, kind)


def _classes(found: Any, taxonomy: Taxonomy | None) -> Taxonomy:
    if taxonomy is None:
        numbered = Taxonomy.numbered(found.num_classes)
        exclusive = found.activation != "sigmoid" or found.binary
        return Taxonomy(numbered.names, numbered.colours, exclusive)
    wanted = 1 if found.binary and not taxonomy.exclusive else found.num_classes
    if taxonomy.num_classes != wanted:
        raise UserError(
            f"{found.name} tells {wanted} classes apart, and the taxonomy has "
            f"{taxonomy.counted()}. Give as many, in the order of its outputs."
        )
    if not taxonomy.exclusive and found.activation == "softmax":
        raise UserError(
            f"{found.name} ends with a softmax, and the classes overlap: a softmax "
            "gives each pixel one of them. Train it with a sigmoid, or give a taxonomy "
            "of classes that exclude each other."
        )
    return taxonomy


def _format_of(first: Any, channels: int) -> ImageFormat:
    """Bands by their number, and the type of the first picture."""
    if isinstance(first, str | Path):
        kind = "uint8"
    else:
        kind = str(np.asarray(first).dtype)
        kind = "float32" if kind.startswith(("float", "bfloat")) else kind
    if channels in (1, 3) and kind == "uint8":
        return GRAY if channels == 1 else RGB
    names = {1: GRAY.bands, 3: RGB.bands}
    bands = names.get(channels) or tuple(f"band_{i + 1}" for i in range(channels))
    return ImageFormat.of(bands, kind)


def _each(pictures: Any) -> Iterator[Any]:
    if isinstance(pictures, str | Path):
        yield pictures
        return
    if hasattr(pictures, "shape"):
        array = np.asarray(pictures)
        yield from [array] if array.ndim == 3 else array
        return
    if not isinstance(pictures, Iterable):
        raise UserError(
            "Expected pictures (H, W, channels) or (B, H, W, channels), paths, or a "
            f"list of these, got {type(pictures).__name__}."
        )
    for one in pictures:
        yield from _each(one)


def pixels(picture: Any, image_format: ImageFormat) -> np.ndarray:
    """A picture as an array of the format's type; `answer` checks the rest."""
    if isinstance(picture, str | Path):
        from kerasseg.inference.network_input import network_input

        return network_input(Path(picture), image_format)[0]
    array = np.asarray(picture)
    return array.astype("float32") if array.dtype.kind == "f" else array


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Messages of commands, whose flags are arguments here."""
    try:
        yield
    except UserError as error:
        text = str(error)
        for flag, argument in IN_PYTHON:
            text = re.sub(flag, argument, text)
        raise UserError(text) from error
