"""Counts what the samples of a split hold, while they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from kerasseg import UserError
from kerasseg.data.format.splits import Shard, SplitDescription
from kerasseg.data.sample import Sample
from kerasseg.data.writing.band_statistics import add_bands, counter
from kerasseg.image_format import RGB, BandStatistics, ImageFormat
from kerasseg.taxonomy import IGNORE, ignore_in
from kerasseg.volume_format import VolumeFormat


class SplitStatistics:
    """Ids, sizes and pixels of each class id of the samples of a split, or of a shard.

    shard: the name of the file that holds the samples, for messages; "" if unknown.
    image_format: of the images, whose bands are counted, too, but for RGB of 8 bits.
    ignore: id of ignored pixels, the largest id of a label.
    labelled: count the values of bands only where a class other than the first is, as
        nnU-Net does of CT: air around a body says nothing of what is looked for.
    """

    def __init__(
        self,
        split: str,
        shard: str = "",
        image_format: ImageFormat = RGB,
        ignore: int = IGNORE,
        labelled: bool = False,
    ) -> None:
        self.split, self.shard, self.image_format = split, shard, image_format
        self.ignore, self.labelled = ignore, labelled
        bands = () if image_format.is_rgb8 else image_format.bands
        self.bands = [counter(image_format.type) for _ in bands]
        self.ids: dict[str, str] = {}
        """Id of each sample -> name of the shard that holds it."""
        self.sizes: set[tuple[int, ...]] = set()
        """Height and width of the labels, in pixels; of volumes the depth before."""
        self.instances: dict[bool, str] = {}
        """Whether samples have object ids -> the id of one such sample."""
        self.pixels, self.images_with, self.pixels_of_images_with = np.zeros(
            (3, ignore + 1), np.int64
        )

    def add(self, sample: Sample, pixels: np.ndarray) -> None:
        """Counts one more sample.

        pixels: (ignore + 1,) pixels of each id in the sample's label.

        Raises UserError for an id that was there before, and where some samples have
        object ids and some have not.
        """
        present = pixels > 0
        self.pixels += pixels
        self.images_with += present
        size = sample.image.shape[:-1]
        self.pixels_of_images_with += present * math.prod(size)
        self.sizes.add(size)
        if self.bands:
            add_bands(self.bands, _labelled(sample) if self.labelled else sample)
        self._add({sample.id: self.shard}, {sample.instance is not None: sample.id})

    def merge(self, other: SplitStatistics) -> None:
        """Counts what another part of the split holds. Raises UserError as `add`."""
        self.pixels += other.pixels
        self.images_with += other.images_with
        self.pixels_of_images_with += other.pixels_of_images_with
        self.sizes |= other.sizes
        for band, more in zip(self.bands, other.bands, strict=True):
            band.merge(more)  # type: ignore[arg-type]
        self._add(other.ids, other.instances)

    def empty(self) -> SplitStatistics:
        """Statistics of the same split and shard that have counted nothing."""
        return SplitStatistics(
            self.split, self.shard, self.image_format, self.ignore, self.labelled
        )

    def of_bands(self) -> tuple[BandStatistics, ...]:
        """The values of each band; () of RGB of 8 bits, where they are not counted.

        Raises UserError where no pixel is valid.
        """
        found = tuple(band.statistics() for band in self.bands)
        if None in found:
            raise UserError(
                f"Split '{self.split}' has no valid pixel: all are nodata, NaN or "
                "infinity. Check the value that means nodata, or choose other images."
            )
        return found  # type: ignore[return-value]

    def describe(
        self, shards: Iterable[Shard], classes: int, left_out: Iterable[str] = ()
    ) -> SplitDescription:
        """The entry of this split in `dataset.json`.

        classes: number of classes; labels hold 0 to classes - 1, or `ignore`.
        left_out: why entries of the source are missing, one text for each.

        Raises UserError for a split without samples.
        """
        left_out = tuple(left_out)
        if not self.ids and left_out:
            raise UserError(
                f"Split '{self.split}' is empty, for none of its entries can be used. "
                f"The first: {left_out[0]}"
            )
        if not self.ids:
            raise UserError(
                f"Split '{self.split}' is empty: there is no sample to write. Check "
                "the source folder and the names of its splits."
            )
        size = next(iter(self.sizes)) if len(self.sizes) == 1 else (None, None)
        *depth, height, width = size
        return SplitDescription(
            samples=len(self.ids),
            height=height,
            width=width,
            pixels=tuple(self.pixels[:classes].tolist()),
            images_with=tuple(self.images_with[:classes].tolist()),
            pixels_of_images_with=tuple(self.pixels_of_images_with[:classes].tolist()),
            ignored=int(self.pixels[self.ignore]),
            instances=True in self.instances,
            shards=tuple(shards),
            left_out=left_out,
            depth=depth[0] if depth else None,
        )

    def to_json(self) -> dict:
        """Values for a JSON file, which `from_json` reads."""
        bands = {"bands": [band.to_json() for band in self.bands]} if self.bands else {}
        return {
            "ids": list(self.ids),
            "sizes": sorted(self.sizes),
            "instances": [[has, name] for has, name in self.instances.items()],
            "pixels": self.pixels.tolist(),
            "images_with": self.images_with.tolist(),
            "pixels_of_images_with": self.pixels_of_images_with.tolist(),
            **bands,
        }

    @classmethod
    def from_json(
        cls, split: str, shard: str, values: dict, image_format: ImageFormat = RGB
    ) -> SplitStatistics:
        """The statistics that `to_json` gave for a shard."""
        statistics = cls(split, shard, image_format)
        if statistics.bands:
            type, bands = image_format.type, values["bands"]
            statistics.bands = [counter(type, band) for band in bands]
        statistics.ids = dict.fromkeys(values["ids"], shard)
        statistics.sizes = set(map(tuple, values["sizes"]))
        statistics.instances = dict(values["instances"])
        for name in ("pixels", "images_with", "pixels_of_images_with"):
            setattr(statistics, name, np.array(values[name], np.int64))
        statistics.ignore = len(statistics.pixels) - 1
        return statistics

    def _add(self, ids: dict[str, str], instances: dict[bool, str]) -> None:
        for name, shard in ids.items():
            if name in self.ids:
                places = " and ".join(dict.fromkeys((self.ids[name], shard)))
                raise UserError(
                    f"Sample id '{name}' occurs twice in split '{self.split}'"
                    f"{places and f' (in {places})'}. Ids must differ: rename one of "
                    "the files."
                )
            self.ids[name] = shard
        for has, name in instances.items():
            if has not in self.instances and self.instances:
                raise UserError(
                    f"Sample '{name}' of split '{self.split}': some samples have "
                    "object ids (instance) and some have not. Give all or none."
                )
            self.instances.setdefault(has, name)


def counts_labelled(volume: VolumeFormat | None) -> bool:
    """Whether the bands of such volumes are counted where they are labelled: of CT."""
    return volume is not None and volume.normalise == "ct"


def _labelled(sample: Sample) -> Sample:
    """The sample, valid where a class other than the first is."""
    label = sample.label
    if label.ndim == sample.image.ndim:
        there = (label == 1).any(axis=-1)
    else:
        there = (label > 0) & (label != ignore_in(label))
    return replace(
        sample, valid=there if sample.valid is None else there & sample.valid
    )
