"""`dataset.json`: what a folder of records holds, its classes, splits and shards.

Needs neither TensorFlow nor an image library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kerasseg import UserError, __version__
from kerasseg.data.format import consistency
from kerasseg.data.format.splits import SplitDescription
from kerasseg.files import remote
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

FORMAT_OF_RGB8, FORMAT, FORMAT_OF_OVERLAP, FORMAT_OF_VOLUMES = 1, 2, 3, 4
"""Numbers of the formats that this version writes and reads.

2 is for images of other bands or types than RGB of 8 bits: a version that knows format
1 only would drop their fourth band, or their low bytes, without a word. 3 is for any
images with classes that overlap, 4 for volumes of any classes.
"""
FORMATS = FORMAT_OF_RGB8, FORMAT, FORMAT_OF_OVERLAP, FORMAT_OF_VOLUMES
FILE = "dataset.json"


@dataclass(frozen=True)
class Description:
    """What a folder of records holds: its name, classes and splits.

    path: the folder; its address (gs://...) where it is elsewhere.
    command: the one that wrote it, as typed; "" if none did.
    image_format: bands, type and statistics of the images.
    statistics_of: the split that the statistics were counted in; "" if none were.
    source: how the source was understood, see `kerasseg.data.sample.Samples`.
    volume: of volumes, what they have in common; None: the records hold pictures.
    """

    path: Path | str
    name: str
    taxonomy: Taxonomy
    splits: dict[str, SplitDescription]
    command: str = ""
    image_format: ImageFormat = RGB
    statistics_of: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    volume: VolumeFormat | None = None

    def split(self, name: str) -> SplitDescription:
        """The split of that name. Raises UserError that lists the splits there are."""
        if name not in self.splits:
            raise UserError(
                f"Records {self.path} have no split '{name}', only "
                f"{', '.join(sorted(self.splits))}. Choose one of them, or write "
                f"'{name}' with python -m kerasseg.prepare."
            )
        return self.splits[name]

    def shards(self) -> set[str]:
        """Names of the files of all splits."""
        return {s.name for split in self.splits.values() for s in split.shards}

    def to_json(self) -> dict:
        """What stands in `dataset.json`.

        Of plain RGB there is no entry `image`: the file is what it always was.
        """
        values = {
            "format": self.format,
            "name": self.name,
            "taxonomy": self.taxonomy.to_json(),
            "splits": {name: split.to_json() for name, split in self.splits.items()},
            "written_by": f"kerasseg {__version__}",
            "command": self.command,
        }
        if self.image_format != RGB:
            values["image"] = self.image_format.to_json()
        if self.volume:
            values["volume"] = self.volume.to_json()
        if self.statistics_of:
            values["statistics_of"] = self.statistics_of
        if self.source:
            values["source"] = dict(self.source)
        return values

    @property
    def format(self) -> int:
        """Number of the format that can hold these records."""
        if self.volume:
            return FORMAT_OF_VOLUMES
        if not self.taxonomy.exclusive:
            return FORMAT_OF_OVERLAP
        return FORMAT_OF_RGB8 if self.image_format.is_rgb8 else FORMAT


def describe(path: str | Path) -> Description:
    """Reads `dataset.json` of the records folder `path`, which may be elsewhere.

    Raises UserError if the folder, the file or one of its entries is missing, or is of
    another format; OSError where a place elsewhere cannot be read.
    """
    if remote.is_remote(path):
        return _describe_remote(path)
    path = Path(path)
    if not path.is_dir():
        raise UserError(
            f"Records folder {path} does not exist. Check the path, or write it with "
            f"python -m kerasseg.prepare NAME SRC {path}."
        )
    if not (path / FILE).is_file():
        raise UserError(
            f"Folder {path} has no {FILE}, so it holds no records. Turn raw data into "
            f"records first: python -m kerasseg.prepare NAME {path} OUT."
        )
    try:
        values = json.loads((path / FILE).read_text(encoding="utf-8"))
        _refuse_raw_volumes(path, values)
        known = values["format"] in FORMATS
        description = _from_json(path, values) if known else None
    except RawVolumesError:
        raise
    except (*DAMAGES, UserError) as error:
        raise UserError(
            f"{path / FILE} is damaged ({in_words(error)}). Write the records again "
            "with python -m kerasseg.prepare."
        ) from error
    if description is None:
        raise UserError(
            f"{path / FILE} has format {values['format']!r}, this version of kerasseg "
            f"reads formats {', '.join(map(str, FORMATS))}. Update it, or run python "
            "-m kerasseg.prepare again."
        )
    return description


DAMAGES = ValueError, KeyError, TypeError, AttributeError, RecursionError
"""What values of another form raise."""


def in_words(error: BaseException) -> str:
    """What is wrong with values of a JSON file."""
    if isinstance(error, KeyError):
        return f"the key {error} is missing"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error}"
    return " ".join(str(error).split()) or type(error).__name__


def _from_json(path: Path, values: dict) -> Description:
    """Raises one of `DAMAGES`, or UserError, for values of another form."""
    taxonomy = _taxonomy(values)
    splits = {}
    for name, split in values["splits"].items():
        try:
            splits[name] = SplitDescription.from_json(split)
        except DAMAGES as error:
            raise ValueError(f"splits.{name}: {in_words(error)}") from error
    consistency.check(splits, taxonomy)
    description = Description(
        path=path,
        name=values["name"],
        taxonomy=taxonomy,
        splits=splits,
        command=str(values.get("command", "")),
        image_format=_image_format(values),
        statistics_of=str(values.get("statistics_of", "")),
        source=dict(values.get("source", {})),
        volume=VolumeFormat.from_json(values.get("volume")),
    )
    if description.format != values["format"]:
        raise ValueError(
            f"format is {values['format']}, 'image' and 'taxonomy' are those of format "
            f"{description.format}"
        )
    return description


class RawVolumesError(UserError):
    """A data set of volumes has a `dataset.json` of its own."""


def _refuse_raw_volumes(path: Path, values: dict) -> None:
    if "format" not in values and "labels" in values:
        raise RawVolumesError(
            f"{path} is a data set of volumes, not records. Write records of it: "
            f"python -m kerasseg.prepare volumes {path} OUT."
        )


def _taxonomy(values: dict) -> Taxonomy:
    """Raises KeyError or TypeError where format and taxonomy contradict each other."""
    taxonomy = Taxonomy.from_json(values["taxonomy"])
    if values["format"] == FORMAT_OF_VOLUMES:
        return taxonomy
    if taxonomy.exclusive == (values["format"] == FORMAT_OF_OVERLAP):
        raise TypeError(f"format {values['format']} and 'exclusive' do not agree")
    return taxonomy


def _image_format(values: dict) -> ImageFormat:
    """Raises KeyError or TypeError where the entry `image` is missing or wrong."""
    image = values.get("image")
    if image is None and values["format"] == FORMAT:
        raise KeyError("image")
    if values.get("volume") is None and values["format"] == FORMAT_OF_VOLUMES:
        raise KeyError("volume")
    return ImageFormat.from_json(image)


def _describe_remote(path: str | Path) -> Description:
    folder, url = remote.cache_of(path), remote.url_of(path)
    try:
        remote.download(path, FILE, folder / FILE)
    except FileNotFoundError as error:
        raise UserError(
            f"{url} has no {FILE}, so it holds no records. Check the address, or write "
            f"them there: python -m kerasseg.prepare NAME SRC {url}."
        ) from error
    return replace(describe(folder), path=url)


def images_line(image_format: ImageFormat) -> str:
    """ "images: 4 bands (red, green, blue, nir) of uint16, nodata 0"."""
    nodata = image_format.nodata
    return f"images: {image_format}" + (
        "" if nodata is None else f", nodata {nodata:g}"
    )


def how_to_rewrite(description: Description) -> str:
    """A sentence that says what to do where records are damaged."""
    usual = f"python -m kerasseg.prepare NAME SRC {description.path}"
    return f"Write the records again: {description.command or usual}"


def save(description: Description, folder: Path) -> None:
    """Writes `dataset.json` into `folder`."""
    text = json.dumps(description.to_json(), indent=1) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")
