"""Finds the pictures, videos and cameras that a command line names.

Nothing that looks like a picture is left out without a word: what a folder holds beside
them is `Found.left_out`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeGuard

from kerasseg import UserError
from kerasseg.console import counted
from kerasseg.data.reading.pictures import signatures
from kerasseg.data.reading.pictures.image import SUFFIXES, Page, pages_of
from kerasseg.files import remote
from kerasseg.inference import maps
from kerasseg.inference.results import made
from kerasseg.inference.video import sources as videos
from kerasseg.inference.video.sources import Stream

NOT_WALKED = {"@eaDir", "__MACOSX"}
"""Folders that network drives and archives of Macs add, with copies of pictures."""

NO_FILE = "is a pipe or a device, and no file"

Source: TypeAlias = Path | Page | Stream | int
"""A picture or video file, a page of a picture file, a stream, or the number of a
camera."""


@dataclass
class Found:
    """What words of a command line name.

    sources: what can be read. places: for each of them the folder of its results inside
    the folder of all results. left_out: pictures that are not read -> why. others:
    files that are neither pictures nor videos, or hidden. results: of earlier calls.
    below: sources in subfolders. folders: subfolders that are not walked.
    """

    sources: list[Source] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    results: list[Path] = field(default_factory=list)
    below: int = 0
    folders: list[Path] = field(default_factory=list)

    def notes(self) -> list[str]:
        """A line for each kind of thing that is not predicted, or may not be meant."""
        lines = []
        if self.below:
            files = counted(self.below, "file")
            lines.append(f"{files} in subfolders (--no-recursive leaves them out)")
        if self.folders:
            one = counted(len(self.folders), "subfolder")
            lines.append(f"{one} not looked into: {_some(self.folders)} (--recursive)")
        if self.others:
            one = counted(len(self.others), "other or hidden file")
            lines.append(f"{one}, not read: {_some(self.others)}")
        results = [file for file in self.results if file.name != made.LIST]
        if results:
            one = counted(len(results), "result")
            lines.append(f"{one} of an earlier call, not read: {_some(results)}")
        return lines


def inputs_of(words: Iterable[str], out: Path, recursive: bool = True) -> Found:
    """The files, streams and cameras that words name.

    A folder stands for the pictures and videos in it and, if `recursive`, in its
    subfolders, sorted by name, without hidden ones, without the folder of results `out`
    and without the results of earlier calls. Those are no inputs when they are named,
    either: the shell names all files of a folder for `*`.

    Raises UserError for what does not exist, and where nothing is found.
    """
    found, around = Found(), functools.cache(made.results_around)
    for word in words:
        live = videos.camera_or_stream(word)
        if live is not None:
            _add(found, live, Path())
            continue
        path = remote.fetched(Path(word))
        if path.is_dir():
            before = len(found.sources) + len(found.left_out)
            _walk(path, out, recursive, found)
            if before == len(found.sources) + len(found.left_out):
                raise UserError(_nothing_in(path, found))
        elif path.exists() and not path.is_file():
            raise UserError(f"{path} {NO_FILE}. Save what it gives, and name that.")
        elif not path.is_file():
            raise UserError(
                f"{path} does not exist. Expected a picture, folder, video, the number "
                "of a camera, or the address of a stream (rtsp://...)."
            )
        elif path.parent.resolve() / path.name in around(path.parent):
            found.results.append(path)
        else:
            kind, reason = _kind(path)
            if kind != "other":
                _add(found, path, Path())
            else:
                found.left_out.append((path, reason or _unknown()))
    if not found.sources and not found.left_out:
        raise UserError(
            f"{_some(found.results)}: made by predict. Name the pictures, or copy a "
            "result to another folder to predict it."
        )
    return found


def _add(found: Found, source: Source, place: Path) -> None:
    found.sources.append(source)
    found.places.append(place)


def _some(files: Sequence[Path], most: int = 5) -> str:
    """The names of the first few files."""
    more = f" and {len(files) - most} more" if len(files) > most else ""
    return ", ".join(file.name for file in files[:most]) + more


def _unknown() -> str:
    pictures, films = sorted(SUFFIXES), sorted(videos.SUFFIXES)
    return (
        f"is an unknown kind of file. Expected a picture ({', '.join(pictures)}) or a "
        f"video ({', '.join(films)})."
    )


def _nothing_in(folder: Path, found: Found) -> str:
    notes = "; ".join(found.notes())
    return (
        f"Folder {folder} holds no pictures ({', '.join(sorted(SUFFIXES))}) and no "
        f"videos{f': {notes}' if notes else ''}."
    )


def is_video(source: Source) -> TypeGuard[Path]:
    """Whether a source is a video file."""
    return isinstance(source, Path) and videos.is_video_file(source)


def is_moving(source: Path | Page, gifs: bool) -> TypeGuard[Path]:
    """Whether a source is a video file. gifs: or a GIF of several pictures."""
    if is_video(source):
        return True
    if not gifs or not isinstance(source, Path) or source.suffix.lower() != ".gif":
        return False
    try:
        return len(pages_of(source)) > 1
    except (UserError, OSError):  # told when it is read
        return False


def page_by_page(
    sources: Sequence[Source], places: Sequence[Path]
) -> tuple[list[Source], list[Path]]:
    """Sources and places, with each page of a file of several a source of its own.

    Files that cannot be read stay as they are, to be told when they are read.
    """
    found: list[tuple[Source, Path]] = []
    for source, place in zip(sources, places, strict=True):
        pages: tuple[Page, ...] = ()
        if isinstance(source, Path) and not is_video(source):
            try:
                pages = pages_of(source)
            except (UserError, OSError):
                pages = ()
        found += [(one, place) for one in (pages if len(pages) > 1 else (source,))]
    return [one for one, _ in found], [place for _, place in found]


def _walk(folder: Path, out: Path, recursive: bool, found: Found) -> None:
    """Adds what a folder and its subfolders hold."""
    new_results, known = out.resolve(), made.results_around(folder)
    seen: set[Path] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        here, real = Path(where), Path(where).resolve()
        if real in seen or (real == new_results and here != folder):
            folders.clear()  # a circle of links, or results of an earlier call
            continue
        seen.add(real)
        known |= made.results_in(real)
        made_here = {f for f in folders if real / f in known}
        hidden = {f for f in folders if f.startswith(".") or f in NOT_WALKED}
        found.results += [here / f for f in sorted(made_here)]
        found.others += [here / f for f in sorted(hidden - made_here)]
        folders[:] = sorted({*folders} - hidden - made_here)
        if not recursive:
            walked = (here / f for f in folders if (real / f).resolve() != new_results)
            found.folders += walked
            folders.clear()
        for name in sorted(names):
            file = here / name
            if real / name in known:
                found.results.append(file)
            elif name.startswith("."):
                found.others.append(file)
            else:
                _sort_in(file, here.relative_to(folder), found)


def _sort_in(file: Path, place: Path, found: Found) -> None:
    """Adds a file of a folder."""
    if not file.is_file():
        if signatures.suffix_of(file.name) in SUFFIXES or is_video(file):
            gone = "is a link to a file that is not there"
            found.left_out.append((file, NO_FILE if file.exists() else gone))
        else:
            found.others.append(file)
        return
    kind, reason = _kind(file)
    if kind != "other":
        _add(found, file, place)
        found.below += place != Path()
    elif reason:
        found.left_out.append((file, reason))
    else:
        found.others.append(file)


def _kind(file: Path) -> tuple[str, str]:
    """ "picture", "video", or "other" with the reason why a picture is not read."""
    suffix = signatures.suffix_of(file.name)
    if suffix in SUFFIXES or suffix in maps.OTHERS:
        return "picture", ""
    if is_video(file):
        return "video", ""
    try:
        with file.open("rb") as opened:
            found = signatures.kind_of(opened.read(signatures.HEAD))
    except OSError:
        return "other", "cannot be opened"
    if found in signatures.OTHERS:
        return "other", signatures.not_read(found)
    if found and found != "npz":  # any archive begins like one
        return "picture", ""
    for kind, (_, endings) in signatures.OTHERS.items():
        if suffix in endings:
            return "other", signatures.not_read(kind)
    return "other", ""
