"""The words of `prepare`: what is said once of the records, and what `auto` adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from kerasseg import UserError
from kerasseg.console import say
from kerasseg.console.flags import PIXELS, Number, names_of, word_after
from kerasseg.data.datasets import DATASETS, adapter
from kerasseg.data.datasets.folder_files import ImageFlags
from kerasseg.data.datasets.recognition.recognise import AS, recognise
from kerasseg.data.preparing.classes import ClassChoice
from kerasseg.data.preparing.division import Division
from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.data.reading.pairing.pair_flags import PairFlags
from kerasseg.files import remote

ASSUME = "--assume"
"""What `auto` adds for folders of images and masks; see `MaskFlags.assume`."""


@dataclass(frozen=True)
class Target:
    """The records to write: options that are given once, with the last source."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of records to write; splits that are there already are replaced, others
    stay. SRC and OUT may be elsewhere: gs://BUCKET/FOLDER, s3://..."""
    size: Annotated[tuple[int, int], PIXELS] = (0, 0)
    """Height and width to stretch images and labels to; 0 0 keeps them."""
    cut: Annotated[tuple[int, int], PIXELS] = (0, 0)
    """Height and width of pieces to cut images into; 0 0 leaves them whole."""
    shards: Annotated[int, Number(0, 10**5)] = 0
    """Files for each split; 0 chooses."""
    workers: Annotated[int, Number(0, 4096)] = 0
    """Processes that write; 0: one for each core. It never changes what is written."""
    on_error: Literal["stop", "skip"] = "stop"
    """What to do with an entry that cannot be used. skip: leave it out and say so."""
    taxonomy: Literal["own", "road"] = "own"
    """Classes to write. own: those of the source. road: the 19 of Cityscapes, to join
    road sets."""


def recognised(words: list[str]) -> list[str]:
    """`auto SRC ...` as words for the adapter that SRC is for, which is said."""
    if words[0] != "auto" or {"-h", "--help"} & {*words} or len(words) == 1:
        return words
    if words[1].startswith("-"):
        raise UserError("Write SRC right after auto, and the flags after SRC.")
    kind, words = _kind_said(words)
    found = recognise(remote.fetched(Path(words[1])), kind)
    say(found.line)
    given = {word.split("=")[0] for word in words}
    flags = [] if given & {*found.flags} else [*found.flags]
    if found.kind == "folder" and not given & {ASSUME, "--no-assume"}:
        flags.append(ASSUME)
    return [found.kind, *map(str, found.sources), *words[2:], *flags]


def _kind_said(words: list[str]) -> tuple[str, list[str]]:
    """The word after --as, "" without it, and the other words."""
    kind, others = word_after(words, AS, "")
    if len(others) < len(words) and (kind not in DATASETS or kind == "auto"):
        raise UserError(
            f"{AS} takes the name of a kind (folder, coco, ...), got '{kind}'. "
            "python -m kerasseg.prepare --help lists them."
        )
    return kind, others


def flags_of(source: Path | None, words: Sequence[str]) -> set[str]:
    """Which of the flags among `words` are those of `prepare auto SOURCE`.

    source: None leaves out those that one kind of source alone has.

    Raises UserError where it is not clear what the source is.
    """
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    kinds = [PairFlags, MaskFlags, ImageFlags, Division, ClassChoice, Target]
    known = {AS}.union(*map(names_of, kinds)) - {"--out"}
    if source and given - known:
        kind, _ = _kind_said([*words])
        known |= names_of(adapter(recognise(source, kind).kind)) - {"--src"}
    plain = {flag: flag.replace("--no-", "--", 1) for flag in given}
    return {flag for flag in given if {flag, plain[flag]} & known}
