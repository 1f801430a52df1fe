"""What `dataset.json` says of a split and of each of its shards."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shard:
    """One TFRecord file: its name, number of samples, size in bytes and SHA-256.

    last: its last four bytes, hexadecimal; "" where it was not noted.
    """

    name: str
    samples: int
    bytes: int
    sha256: str
    last: str = ""

    def __post_init__(self) -> None:
        # A path would let a downloaded dataset.json read, or replace, other files.
        plain = isinstance(self.name, str) and Path(self.name).name == self.name
        if not plain or self.name in ("", "..") or "\0" in self.name:
            raise TypeError(f"shard {self.name!r} is not a plain file name")
        if not all(type(n) is int and n >= 0 for n in (self.samples, self.bytes)):
            raise TypeError(f"samples and bytes of shard {self.name} must be counts")


@dataclass(frozen=True)
class SplitDescription:
    """Counts of one split. The tuples have one entry for each class.

    depth, height, width: voxels or pixels; None where the images differ in size.
        Pictures have no depth: None.
    pixels: labelled pixels of the class; where classes overlap a pixel counts for each.
    images_with: number of images in which the class occurs.
    pixels_of_images_with: all pixels (ignored ones too) of those images together.
    ignored: pixels labelled 255; of more than 255 classes 65535; where classes overlap,
        those that are ignored for each of them.
    instances: whether the samples carry object ids.
    left_out: why entries of the source are missing, one text for each.
    """

    samples: int
    height: int | None
    width: int | None
    pixels: tuple[int, ...]
    images_with: tuple[int, ...]
    pixels_of_images_with: tuple[int, ...]
    ignored: int
    instances: bool
    shards: tuple[Shard, ...]
    left_out: tuple[str, ...] = ()
    depth: int | None = None

    def to_json(self) -> dict:
        """What stands in `dataset.json`; a depth only where there is one."""
        values = asdict(self)
        if self.depth is None:
            del values["depth"]
        return values

    @classmethod
    def from_json(cls, values: dict) -> SplitDescription:
        """Raises KeyError, TypeError or AttributeError for values of another form."""
        counts = ("pixels", "images_with", "pixels_of_images_with")
        values = values | {key: tuple(values[key]) for key in counts}
        values["left_out"] = tuple(values.get("left_out", ()))
        values["shards"] = tuple(Shard(**shard) for shard in values["shards"])
        return cls(**values)
