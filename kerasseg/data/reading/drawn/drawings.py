"""Images that were drawn on with annotation tools, as samples.

The frame of the adapters of annotation tools (`coco`, `yolo`, `cvat` and others):
each lists drawings and turns the shapes of one into masks; all else is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading.drawn.polygons import VOID, asked_alone
from kerasseg.data.reading.pictures.fitted import format_of, sample_image
from kerasseg.data.reading.pictures.image import header
from kerasseg.data.sample import Sample, Samples
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

Painted = tuple[int, np.ndarray]
"""A class id, or `polygons.VOID`, and the (H, W) bool pixels of one object."""


@dataclass(frozen=True)
class Drawing:
    """An image and what is drawn on it.

    id: of the sample. image: its file. source: the annotation file. size: (H, W) that
    the source says, (0, 0) where it says nothing. shapes: one JSON text an object, in
    the order of the source; texts stay small where there are millions.
    """

    id: str
    image: Path
    source: Path
    size: tuple[int, int] = (0, 0)
    shapes: tuple[str, ...] = ()


Masks = Callable[[Drawing, tuple[int, int]], Iterator[Painted]]
"""The objects of a drawing for an image of a size, in the order of the source."""


def samples_of(
    drawings: dict[str, list[Drawing]],
    masks: Masks,
    small_on_top: bool,
    notes: Iterable[str],
    taxonomy: Taxonomy,
    overlap: bool = False,
) -> tuple[Taxonomy, dict[str, Samples]]:
    """The classes and the splits of drawings.

    masks: what is on a drawing; picklable. Objects that are ignored lie below all
        others.
    small_on_top: the largest object is painted first; of one size, and otherwise, all
        in the order of the source, so that later ones cover earlier ones.
    notes: what to say of how the source was understood; "" for nothing.
    taxonomy: background and all others.
    overlap: whether each class but the background has a plane of its own. Nothing is
        covered then, but by a shape of the background, and there are no object ids.

    Samples have object ids: the position among the objects of classes from 1 on.

    Raises UserError that names two images whose bands or types differ.
    """
    taxonomy = asked_alone(taxonomy) if overlap else taxonomy
    image_format = _format_of([d for listed in drawings.values() for d in listed])
    read = partial(
        _read,
        masks=masks,
        small_on_top=small_on_top,
        image_format=image_format,
        taxonomy=taxonomy,
    )
    said = "classes may overlap: each is asked for itself" if overlap else ""
    line = "; ".join(filter(None, (*notes, said)))
    source = {"objects": {"line": line}} if line else {}
    return taxonomy, {
        split: Samples(listed, read, id=_id, image_format=image_format, source=source)
        for split, listed in drawings.items()
    }


def _id(drawing: Drawing) -> str:
    return drawing.id


def _read(
    drawing: Drawing,
    masks: Masks,
    small_on_top: bool,
    image_format: ImageFormat,
    taxonomy: Taxonomy,
) -> Sample:
    sample = _opened(drawing, image_format, taxonomy)
    painted = masks(drawing, sample.image.shape[:2])
    if not taxonomy.exclusive:
        return replace(sample, label=planes_of(painted, sample.label))
    return _paint(sample, painted, small_on_top, taxonomy.ignore)


def _format_of(drawings: Sequence[Drawing]) -> ImageFormat:
    """The format of the images: RGB for pictures of 8 bits, gray ones among them.

    The first image tells whether they are; only if not all headers are read.

    Raises UserError that names two files whose bands or types differ.
    """
    for drawing in drawings:
        try:
            first = header(drawing.image)
        except UserError:
            continue  # to be named, or left out, when it is read
        own = ImageFormat.of(first.bands, first.type)
        if own.same_kind(RGB) or own.same_kind(GRAY):
            return RGB
        return format_of(d.image for d in drawings)[0]
    return RGB


def _opened(drawing: Drawing, image_format: ImageFormat, taxonomy: Taxonomy) -> Sample:
    """The sample of a drawing with nothing painted: all background.

    Raises UserError where the image is of another size than that on which was drawn,
    or of another format.
    """
    pixels, valid, encoded = sample_image(drawing.image, image_format)
    size = pixels.shape[:2]
    if drawing.size not in ((0, 0), size):
        raise UserError(
            f"{drawing.image} has {size} pixels (height, width), {drawing.source} says "
            f"{drawing.size}. Put the image back that was annotated."
        )
    return Sample(
        drawing.id,
        pixels,
        np.zeros((*size, *taxonomy.planes), taxonomy.label_type),
        encoded=encoded,
        valid=valid,
    )


def planes_of(masks: Iterable[Painted], planes: np.ndarray) -> np.ndarray:
    """uint8 (H, W, K) label of objects that may overlap, painted on `planes` in their
    order: class 1 is plane 0. Ignored are all classes that no object says are there."""
    void = np.zeros(planes.shape[:2], bool)
    for class_id, mask in masks:
        window, part = _cropped(mask)
        if class_id == VOID:
            void[window] |= part
        elif class_id == 0:
            planes[window][part] = 0
        else:
            planes[(*window, class_id - 1)][part] = 1
    return np.where(void[..., None] & (planes == 0), np.uint8(IGNORE), planes)


def _paint(
    sample: Sample, masks: Iterable[Painted], small_on_top: bool, ignore: int
) -> Sample:
    """The sample, with objects painted on its label, and with their ids.

    Raises UserError for more objects than there are ids.
    """
    label, instance = sample.label, np.zeros(sample.label.shape, np.uint16)
    objects, count = [], 0
    for class_id, mask in masks:
        window, part = _cropped(mask)
        if class_id == VOID:
            label[window][part] = ignore
        else:
            count += class_id > 0
            objects.append((count if class_id else 0, class_id, window, part))
    if count > np.iinfo(np.uint16).max:
        raise UserError(
            f"Image {sample.id} has {count} objects, ids end at 65535. Cut it into "
            "smaller ones."
        )
    if small_on_top:
        objects.sort(key=lambda o: -np.count_nonzero(o[3]))
    for number, class_id, window, part in objects:
        label[window][part], instance[window][part] = class_id, number
    return replace(sample, instance=instance)


def _cropped(mask: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """The rows and columns that a mask fills, and the mask there: small and fast."""
    window = _extent(mask, 1), _extent(mask, 0)
    return window, mask[window].copy()


def _extent(mask: np.ndarray, axis: int) -> slice:
    places = np.flatnonzero(mask.any(axis))
    return slice(places[0], places[-1] + 1) if places.size else slice(0, 0)
