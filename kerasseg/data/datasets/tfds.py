"""Any segmentation dataset of tensorflow-datasets, by its name there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.console import start_tensorflow
from kerasseg.data.datasets import cityscapes_labels
from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.legends.legend import read_legend
from kerasseg.data.reading.masks.label_maps import to_classes
from kerasseg.data.reading.masks.mask import read_mask
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.reading.sequential_reader import SequentialReader
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import IGNORE, Taxonomy

SPLITS = {"validation": "val", "valid": "val"}


def named(name: str) -> Callable:
    """The adapter of the dataset `name`, such as oxford_iiit_pet:4.0.0."""

    def load(
        *,
        image: str = "",
        label: str = "",
        first: int = 0,
        legend: str = "",
        data_dir: str = "",
        download: bool = False,
    ) -> tuple[Taxonomy, dict[str, Samples]]:
        """A dataset of tensorflow-datasets, such as tfds:oxford_iiit_pet.

        Images keep their encoded bytes. Without a legend, class names come from the
        dataset, or classes are numbered and all masks are read once to count them.
        tfds:cityscapes has label ids, which become the 19 classes of Cityscapes.

        Tried on small data sets made for it only, not on those of the catalogue.

        Args:
            image: Feature that holds the image, if there are several.
            label: Feature that holds the mask of class ids, if there are several.
            first: Id that becomes class 0 (1 in oxford_iiit_pet); what is below it,
                and 255, is ignored.
            legend: File of class names, one a line in the order of their ids.
            data_dir: Folder where tensorflow-datasets keeps its data, if it is not
                its own choice.
            download: Download and prepare the dataset if it is not there.

        Raises:
            UserError: files that are missing or are not laid out like this.
        """
        builder = _builder(name, data_dir, download)
        keys = _features(builder, image, label)
        examples = SequentialReader(partial(_examples, builder=builder, keys=keys))
        cityscapes = builder.name == "cityscapes" and not (legend or first)
        read = partial(_read, examples=examples, keys=keys, first=first)
        if cityscapes:
            read = partial(_read_cityscapes, examples=examples, keys=keys)
        splits = {
            SPLITS.get(str(split), str(split)): Samples(
                range(info.num_examples), partial(read, split=split)
            )
            for split, info in builder.info.splits.items()
        }
        if cityscapes:
            return cityscapes_labels.TAXONOMY, splits
        return _taxonomy(builder.info.features[keys[1]], splits, first, legend), splits

    return load


def _builder(name: str, data_dir: str, download: bool):
    start_tensorflow()
    tfds = require("tensorflow_datasets")
    try:
        builder = tfds.builder(name, data_dir=data_dir or None)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"tensorflow-datasets has no dataset '{name}' ({reason}). Its names are in "
            "https://www.tensorflow.org/datasets/catalog/overview."
        ) from error
    if download:
        _download(builder)
    if not Path(builder.data_dir).is_dir():
        raise UserError(
            f"Dataset {name} is not in {builder.data_dir}. Say --download, or where it "
            "is with --data-dir."
        )
    return builder


def _download(builder) -> None:
    """Raises UserError in one line: tfds and what it calls raise errors of any kind."""
    require("importlib_resources", "tensorflow-datasets --download")
    try:
        builder.download_and_prepare()
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines)[:300] or type(error).__name__
        raise UserError(
            f"Dataset {builder.name} cannot be downloaded or prepared: {reason}. Check "
            "the connection to the internet, or download its files by hand (see its "
            "page in the catalogue) and name the folder with --data-dir."
        ) from error


def _features(builder, image: str, label: str) -> tuple[str, str]:
    """Names of the image and of the mask: of the only ones of their kind, or as told.

    A mask is a LabeledImage, or an Image of one channel.
    """
    kinds, features = require("tensorflow_datasets").features, builder.info.features
    images = {n: f for n, f in features.items() if isinstance(f, kinds.Image)}
    masks = [
        n
        for n, f in images.items()
        if isinstance(f, kinds.LabeledImage) or f.shape[-1] == 1
    ]
    chosen = []
    for flag, given, found in (
        ("--image", image, [n for n in images if n not in (*masks, label)]),
        ("--label", label, [n for n in masks if n != image]),
    ):
        choice = [given] if given else found
        if len(choice) != 1 or choice[0] not in images:
            raise UserError(
                f"Dataset {builder.name} has the images {', '.join(images) or '-'}. "
                f"Name one of them with {flag}."
            )
        chosen += choice
    return chosen[0], chosen[1]


def _examples(split: str, builder, keys: tuple[str, str]):
    """Examples of a split in their order: images and masks as the bytes of a file."""
    tfds = require("tensorflow_datasets")
    decoding = tfds.decode.PartialDecoding(
        dict.fromkeys(keys, True),
        decoders={key: tfds.decode.SkipDecoding() for key in keys},
    )
    return builder.as_dataset(split, decoders=decoding).as_numpy_iterator()


def _read(
    number: int, examples: SequentialReader, split: str, keys, first: int
) -> Sample:
    image, encoded, mask, _ = _decoded(number, examples, split, keys)
    ignored = (mask < first) | (mask == IGNORE)
    label = np.where(ignored, IGNORE, mask.astype(int) - first).astype(np.uint8)
    return Sample(f"{split}-{number:06d}", image, label, encoded=encoded)


def _read_cityscapes(
    number: int, examples: SequentialReader, split: str, keys
) -> Sample:
    image, encoded, mask, name = _decoded(number, examples, split, keys)
    label = to_classes(mask, cityscapes_labels.KNOWN, Path(name))
    return Sample(f"{split}-{number:06d}", image, label, encoded=encoded)


def _decoded(number: int, examples: SequentialReader, split: str, keys):
    """Image, its encoded bytes, mask of ids (H, W), and how messages call the mask."""
    example = examples(split, number)
    image_file, mask_file = (
        EmbeddedFile(f"Split {split}, example {number}, {key}", example[key])
        for key in keys
    )
    image, encoded = read_image(image_file)
    mask, _ = read_mask(mask_file)
    if mask.ndim == 3 and (mask == mask[..., :1]).all():
        mask = mask[..., 0]  # gray ids, saved as RGB
    if mask.ndim == 3 or mask.max() > IGNORE:
        raise UserError(
            f"{mask_file} must be a gray mask of ids 0 to {IGNORE}, is {mask.dtype} "
            f"{mask.shape}, at most {mask.max()}. Name another feature with --label."
        )
    return image, encoded, mask, str(mask_file)


def _taxonomy(feature, splits: dict, first: int, legend: str) -> Taxonomy:
    if legend:
        return read_legend(Path(legend)).by_position().taxonomy()
    if getattr(feature, "num_classes", None):
        return Taxonomy.named(feature.names[first:])
    used = {int(i) for s in splits.values() for x in s for i in np.unique(x.label)}
    return Taxonomy.numbered(max(used - {IGNORE}, default=0) + 1)
