"""Finds the pictures, videos and cameras that a command line names.

Nothing that looks like a picture is left out without a word: what a folder holds beside
them is `Found.left_out`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeGuard

from kerasseg import UserError
from kerasseg.data.reading.pictures import signatures
from kerasseg.data.reading.pictures.image import SUFFIXES, Page, pages_of
from kerasseg.files import remote
from kerasseg.inference import maps
from kerasseg.inference.video import sources as videos
from kerasseg.inference.video.sources import Stream

NOT_WALKED = {"@eaDir", "__MACOSX"}
"""Folders that network drives and archives of Macs add, with copies of pictures."""
LONGEST = 180
"""Bytes of the name of a result without its ending; file systems take 255 with it."""

Source: TypeAlias = Path | Page | Stream | int
"""A picture or video file, a page of a picture file, a stream, or the number of a
camera."""


@dataclass(frozen=True)
class Found:
    """What words of a command line name.

    sources: what can be read. places: for each of them the folder of its results inside
    the folder of all results. left_out: pictures that are not read -> why.
    """

    sources: tuple[Source, ...] = ()
    places: tuple[Path, ...] = ()
    left_out: tuple[tuple[Path, str], ...] = ()


def inputs_of(words: Iterable[str], out: Path) -> Found:
    """The files, streams and cameras that words name.

    A folder stands for the pictures and videos in it and in its subfolders, sorted by
    name, without hidden ones and without the folder of results `out`.

    Raises UserError for what does not exist, for a folder without pictures and for a
    file that is neither a picture nor a video.
    """
    sources: list[Source] = []
    places: list[Path] = []
    left_out: list[tuple[Path, str]] = []
    for word in words:
        live = videos.camera_or_stream(word)
        if live is not None:
            sources, places = [*sources, live], [*places, Path()]
            continue
        path = remote.fetched(Path(word))
        if path.is_dir():
            files, others = _walk(path, out)
            if not files and not others:
                raise UserError(
                    f"Folder {path} holds no pictures ({', '.join(sorted(SUFFIXES))}) "
                    "and no videos."
                )
            sources += files
            places += [file.parent.relative_to(path) for file in files]
            left_out += others
        elif not path.is_file():
            raise UserError(
                f"{path} does not exist. Expected a picture, folder, video, the number "
                "of a camera, or the address of a stream (rtsp://...)."
            )
        else:
            kind, reason = _kind(path)
            if kind == "other" and not reason:
                raise UserError(
                    f"{path}: unknown kind of file. Expected a picture "
                    f"({', '.join(sorted(SUFFIXES))}) or a video "
                    f"({', '.join(sorted(videos.SUFFIXES))})."
                )
            if kind == "other":
                left_out.append((path, reason))
            else:
                sources, places = [*sources, path], [*places, Path()]
    return Found(tuple(sources), tuple(places), tuple(left_out))


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
) -> tuple[tuple[Source, ...], tuple[Path, ...]]:
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
    return tuple(one for one, _ in found), tuple(place for _, place in found)


def targets(sources: Sequence[Source], places: Sequence[Path], out: Path) -> list[Path]:
    """A path without ending for the results of each source, none of them twice.

    Names of more than `LONGEST` bytes are cut and end in a part of their hash.
    """
    found: list[Path] = []
    taken: set[str] = set()
    for source, place in zip(sources, places, strict=True):
        if isinstance(source, int):
            stem = f"camera{source}"
        elif isinstance(source, Page):
            stem = f"{Path(str(source.file)).stem}_page{source.number + 1}"
        else:
            stem = source.stem
        if len(os.fsencode(stem)) > LONGEST:
            digest = hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
            cut = os.fsencode(stem)[: LONGEST - 9].decode("utf-8", "ignore")
            stem = f"{cut}~{digest}"
        name, number = stem, 2
        # Some file systems take A and a for one name.
        while str(place / name).casefold() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(str(place / name).casefold())
        found.append(out / place / name)
    return found


def refuse_replacing(sources: Iterable[Source], results: Iterable[Path]) -> None:
    """Raises UserError where a result would replace a source."""
    known = {}
    for source in sources:
        file = source.file if isinstance(source, Page) else source
        if isinstance(file, Path):
            stat = file.stat()
            known[stat.st_dev, stat.st_ino] = file
    for result in results:
        try:
            stat = result.stat()
        except OSError:
            continue
        replaced = known.get((stat.st_dev, stat.st_ino))
        if replaced is not None:
            raise UserError(
                f"The result {result} would replace the input {replaced}. Choose "
                "another folder with --out."
            )


def _walk(folder: Path, out: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Pictures and videos below a folder, and pictures that are not read, with why."""
    results = out.resolve()
    seen: set[Path] = set()
    files: list[Path] = []
    others: list[tuple[Path, str]] = []
    for where, folders, names in os.walk(folder, followlinks=True):
        real = Path(where).resolve()
        if real in seen or (real == results and Path(where) != folder):
            folders.clear()  # a circle of links, or results of an earlier call
            continue
        seen.add(real)
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and f not in NOT_WALKED
        )
        for name in sorted(names):
            file = Path(where) / name
            if name.startswith("."):
                continue
            if not file.is_file():
                if signatures.suffix_of(name) in SUFFIXES or is_video(file):
                    others.append((file, "is a link to a file that is not there"))
                continue
            kind, reason = _kind(file)
            if kind != "other":
                files.append(file)
            elif reason:
                others.append((file, reason))
    return files, others


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
