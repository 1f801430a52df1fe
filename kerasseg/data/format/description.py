"""`dataset.json`: what a folder of records holds, its classes, splits and shards.

Needs neither TensorFlow nor an image library.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kerasseg import UserError, __version__
from kerasseg.files import remote
from kerasseg.taxonomy import Taxonomy

FORMAT = 1
"""Number of the format that this version writes and reads."""
FILE = "dataset.json"


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

    height, width: pixels; None where the images differ in size.
    pixels: labelled pixels of the class.
    images_with: number of images in which the class occurs.
    pixels_of_images_with: all pixels (ignored ones too) of those images together.
    ignored: pixels labelled 255.
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

    @classmethod
    def from_json(cls, values: dict) -> SplitDescription:
        """Raises KeyError, TypeError or AttributeError for values of another form."""
        counts = ("pixels", "images_with", "pixels_of_images_with")
        values = values | {key: tuple(values[key]) for key in counts}
        values["left_out"] = tuple(values.get("left_out", ()))
        values["shards"] = tuple(Shard(**shard) for shard in values["shards"])
        return cls(**values)


@dataclass(frozen=True)
class Description:
    """What a folder of records holds: its name, classes and splits.

    path: the folder; its address (gs://...) where it is elsewhere.
    command: the one that wrote it, as typed; "" if none did.
    """

    path: Path | str
    name: str
    taxonomy: Taxonomy
    splits: dict[str, SplitDescription]
    command: str = ""

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
        """What stands in `dataset.json`."""
        return {
            "format": FORMAT,
            "name": self.name,
            "taxonomy": self.taxonomy.to_json(),
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "written_by": f"kerasseg {__version__}",
            "command": self.command,
        }


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
        if values["format"] != FORMAT:
            raise UserError(
                f"{path / FILE} has format {values['format']}, this version of "
                f"kerasseg reads format {FORMAT}. Run python -m kerasseg.prepare again."
            )
        return Description(
            path=path,
            name=values["name"],
            taxonomy=Taxonomy.from_json(values["taxonomy"]),
            splits={
                name: SplitDescription.from_json(split)
                for name, split in values["splits"].items()
            },
            command=str(values.get("command", "")),
        )
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path / FILE} is damaged ({type(error).__name__}: {error}). Write the "
            "records again with python -m kerasseg.prepare."
        ) from error


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


def how_to_rewrite(description: Description) -> str:
    """A sentence that says what to do where records are damaged."""
    usual = f"python -m kerasseg.prepare NAME SRC {description.path}"
    return f"Write the records again: {description.command or usual}"


def save(description: Description, folder: Path) -> None:
    """Writes `dataset.json` into `folder`."""
    text = json.dumps(description.to_json(), indent=1) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")
