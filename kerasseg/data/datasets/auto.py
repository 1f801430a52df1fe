"""A source of any kind that is recognised by its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerasseg.data.datasets import adapter
from kerasseg.data.datasets.recognition.recognise import recognise
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.sample import Samples
from kerasseg.taxonomy import Taxonomy


def load(src: Path, /) -> tuple[Taxonomy, dict[str, Samples]]:
    """Finds out which of these data sets SRC is, says so, and reads it as that.

    auto SRC OUT, then the flags of the data set that it is. Names and layouts of
    files tell, and a look into the first JSON, XML and PNG files. Where several kinds
    fit, or none, nothing is written, and what to say instead is: --as KIND chooses.
    Images with masks that are of no kind that is known are read as "folder", and masks
    that would be refused as they most likely are (--assume).

    Args:
        src: Folder of the data set, unpacked; or the JSON, XML or YAML file of a tool.

    Raises:
        UserError: what is not recognised, and what the data set that it is raises.
    """
    found = recognise(Path(src))
    options = _options(found.flags)
    if found.kind == "folder":
        options["masks"] = MaskFlags(assume=True)
    return adapter(found.kind)(*found.sources, **options)


def _options(flags: tuple[str, ...]) -> dict[str, Any]:
    """Flags of the command line as what `load` takes: --coarse, --classes 32."""
    options: dict[str, Any] = {}
    name = ""
    for word in flags:
        if word.startswith("--"):
            name = word.removeprefix("--")
            options[name] = True
        else:
            options[name] = int(word) if word.isdecimal() else word
    return options
