"""What samples hold, counted while they are written."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kerasseg import UserError
from kerasseg.data.format.description import Shard, SplitDescription
from kerasseg.data.sample import Sample
from kerasseg.taxonomy import IGNORE


class Tally:
    """Ids, sizes and pixels of each class id of the samples of a split."""

    def __init__(self, split: str, shard: str = "") -> None:
        self.split, self.shard = split, shard
        self.ids: dict[str, str] = {}
        """Of each sample, and the shard that holds it."""
        self.sizes: set[tuple[int, int]] = set()
        self.instances: dict[bool, str] = {}
        """An id of a sample with object ids, and of one without."""
        self.pixels, self.images_with, self.pixels_of_images_with = np.zeros(
            (3, IGNORE + 1), np.int64
        )

    def add(self, sample: Sample, counts: np.ndarray) -> None:
        """counts: (256,) pixels of each id in the sample's label.

        Raises ValueError for an id that was there, and for object ids in some samples
        only.
        """
        present = counts > 0
        self.pixels += counts
        self.images_with += present
        self.pixels_of_images_with += present * sample.label.size
        self.sizes.add(sample.label.shape)
        self._add({sample.id: self.shard}, {sample.instance is not None: sample.id})

    def join(self, other: Tally) -> None:
        """Adds what another part of the split holds; errors as in `add`."""
        self.pixels += other.pixels
        self.images_with += other.images_with
        self.pixels_of_images_with += other.pixels_of_images_with
        self.sizes |= other.sizes
        self._add(other.ids, other.instances)

    def describe(
        self, shards: Iterable[Shard], classes: int, left_out: Iterable[str] = ()
    ) -> SplitDescription:
        """ValueError for a split without samples."""
        if not self.ids:
            raise UserError(
                f"Split '{self.split}' is empty: there is no sample to write. Check "
                "the source folder and the names of its splits."
            )
        height, width = next(iter(self.sizes)) if len(self.sizes) == 1 else (None, None)
        return SplitDescription(
            samples=len(self.ids),
            height=height,
            width=width,
            pixels=tuple(self.pixels[:classes].tolist()),
            images_with=tuple(self.images_with[:classes].tolist()),
            pixels_of_images_with=tuple(self.pixels_of_images_with[:classes].tolist()),
            ignored=int(self.pixels[IGNORE]),
            instances=True in self.instances,
            shards=tuple(shards),
            left_out=tuple(left_out),
        )

    def to_json(self) -> dict:
        return {
            "ids": list(self.ids),
            "sizes": sorted(self.sizes),
            "instances": [[has, name] for has, name in self.instances.items()],
            "pixels": self.pixels.tolist(),
            "images_with": self.images_with.tolist(),
            "pixels_of_images_with": self.pixels_of_images_with.tolist(),
        }

    @classmethod
    def from_json(cls, split: str, shard: str, values: dict) -> Tally:
        tally = cls(split, shard)
        tally.ids = dict.fromkeys(values["ids"], shard)
        tally.sizes = {tuple(size) for size in values["sizes"]}
        tally.instances = dict(values["instances"])
        for name in ("pixels", "images_with", "pixels_of_images_with"):
            setattr(tally, name, np.array(values[name], np.int64))
        return tally

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
