"""Images with labels, from records or from whatever `model.fit` takes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.image_format import ImageFormat
from kerasseg.runs.sample_facts import Facts, facts_of
from kerasseg.taxonomy import IGNORE, Taxonomy


@dataclass(frozen=True)
class Labelled:
    """One image (H, W, channels), its label as it came, what weighs its pixels (H, W),
    and ids of its objects; None where there are none."""

    image: np.ndarray
    label: np.ndarray
    weight: np.ndarray | None = None
    instance: np.ndarray | None = None

    def ids(self, taxonomy: Taxonomy) -> np.ndarray:
        """The label as `Taxonomy` says: ids (H, W), or where classes overlap (H, W, C).

        Raises UserError for a label that is no label of the image.
        """
        label, size = self.label, self.image.shape[:2]
        classes = taxonomy.num_classes
        wanted = (*size, classes)
        if not taxonomy.exclusive:
            label = label[..., None] if label.shape == size and classes == 1 else label
            if label.shape != wanted:
                raise _not_fitting(label, f"{wanted} of 1 and 0")
            known = (label == 0) | (label == 1)
            found = np.where(known, label, IGNORE).astype(np.uint8)
        else:
            if label.shape == wanted and classes > 1:
                there = label.any(-1)
                label = np.where(there, label.argmax(-1), taxonomy.ignore)
            elif label.shape == (*size, 1):
                label = label[..., 0]
            if label.shape != size:
                raise _not_fitting(label, f"ids {size} or one-hot {wanted}")
            known = (label >= 0) & (label < classes)
            found = np.where(known, label, taxonomy.ignore).astype(taxonomy.label_type)
        if self.weight is not None:
            weight = np.asarray(self.weight)
            weight = weight[..., 0] if weight.shape == (*size, 1) else weight
            missing = found.ndim - weight.ndim
            weight = weight.reshape(weight.shape + (1,) * missing)
            found = np.where(weight == 0, found.dtype.type(taxonomy.ignore), found)
        return found


@dataclass(frozen=True)
class Given:
    """Images with labels. taxonomy, image_format: of records; None where unknown."""

    images: Iterable[Labelled]
    split: str
    taxonomy: Taxonomy | None = None
    image_format: ImageFormat | None = None
    facts: Iterable[Facts] = field(default_factory=tuple)

    def peeked(self) -> tuple[np.ndarray, Iterator[Labelled]]:
        """The pixels of the first image, and all images.

        Raises UserError where there are none.
        """
        images = iter(self.images)
        first = next(images, None)
        if first is None:
            raise UserError("Nothing to score: the data holds no images.")
        return first.image, itertools.chain([first], images)


def labelled(
    data: Any, taxonomy: Taxonomy | None, split: str, group_by: str = ""
) -> Given:
    """The images of records, or of batches; see `evaluate_model`.

    Raises UserError for records of other classes, and where data is no such thing.
    """
    if not isinstance(data, str | Path):
        if group_by:
            raise UserError(
                "group_by is of the names that records hold. Give the path of records, "
                "or leave it out."
            )
        return Given(itertools.chain.from_iterable(map(_split, _batches(data))), "data")
    from kerasseg.data import records

    described = records.describe(data)
    known = described.taxonomy
    same = taxonomy is None or (taxonomy.names, taxonomy.exclusive) == (
        known.names,
        known.exclusive,
    )
    if not same:
        raise UserError(
            f"The records {data} have the classes {', '.join(known.names)}, not those "
            "of the taxonomy. Leave it out, or prepare the records with it."
        )
    samples = records.read(data, split)
    images = (Labelled(s.image, s.label, None, s.instance) for s in samples)
    facts = facts_of(data, split, group_by)
    return Given(images, split, known, described.image_format, facts)


def _batches(data: Any) -> Iterator[Any]:
    import keras

    if isinstance(data, keras.utils.PyDataset):
        return (data[index] for index in range(len(data)))
    arrays = isinstance(data, tuple) and all(hasattr(one, "shape") for one in data)
    if isinstance(data, dict) or arrays:
        return iter([data])
    if not isinstance(data, Iterable):
        raise UserError(
            "Expected the path of records, or batches (image, label[, weight]), got "
            f"{type(data).__name__}."
        )
    return iter(data)


def _split(batch: Any) -> Iterator[Labelled]:
    """The images of a batch, or the one image."""
    if isinstance(batch, dict):
        keys = "image", "label", "weight", "instance"
        if not {"image", "label"} <= set(batch):
            raise UserError(
                f"Expected batches with image and label, got {', '.join(batch)}."
            )
        parts = [batch.get(key) for key in keys]
    elif isinstance(batch, tuple | list) and 2 <= len(batch) <= 3:
        parts = [*batch, *[None] * (4 - len(batch))]
    else:
        raise UserError(
            "Expected batches (image, label[, weight]) or dicts of image and label, "
            f"got {type(batch).__name__}."
        )
    arrays = [None if part is None else np.asarray(part) for part in parts]
    image, label = arrays[:2]
    if image is None or label is None or image.ndim not in (3, 4):
        raise UserError(
            "Expected images (B, H, W, channels) or (H, W, channels) with labels, got "
            f"{None if image is None else image.shape}."
        )
    if image.ndim == 3:
        yield Labelled(image, label, *arrays[2:])
        return
    lengths = {len(part) for part in arrays if part is not None}
    if len(lengths) > 1:
        raise UserError(
            f"Expected as many labels as the {len(image)} images of a batch, got "
            f"{len(label)}."
        )
    for i in range(len(image)):
        rest = (None if part is None else part[i] for part in arrays[2:])
        yield Labelled(image[i], label[i], *rest)


def _not_fitting(label: np.ndarray, wanted: str) -> UserError:
    return UserError(
        f"Expected a label {wanted} of an image, got {label.shape}. Give labels as "
        "large as the images, with the classes of the taxonomy."
    )
