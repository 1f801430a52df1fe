"""Finds the pictures, videos and cameras that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.files import exif, remote

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
"""The suffixes of picture files."""
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}
"""The suffixes of video files."""


def inputs_of(word: str) -> list[Path | int]:
    """The files that a word names, or the number of a camera.

    A folder stands for the pictures in it, sorted by name.

    Raises UserError for what does not exist, for a folder without pictures and for a
    file that is neither a picture nor a video.
    """
    path = remote.fetched(Path(word))
    if word.isdecimal() and not path.exists():
        return [int(word)]
    if path.is_dir():
        files: list[Path | int] = sorted(
            f for f in path.iterdir() if f.suffix.lower() in PICTURES
        )
        if not files:
            raise UserError(
                f"Folder {path} holds no pictures ({', '.join(sorted(PICTURES))})."
            )
        return [*files]
    if not path.is_file():
        raise UserError(
            f"{path} does not exist. Expected a picture, folder, video or the number "
            "of a camera."
        )
    if path.suffix.lower() not in PICTURES | VIDEOS:
        raise UserError(
            f"{path}: unknown kind of file. Expected a picture "
            f"({', '.join(sorted(PICTURES))}) or a video ({', '.join(sorted(VIDEOS))})."
        )
    return [path]


def is_video(source: Path | int) -> bool:
    """Whether a source is a video file or a camera."""
    return isinstance(source, int) or source.suffix.lower() in VIDEOS


def names(sources: Sequence[Path | int]) -> list[str]:
    """A name of its own for each source, so that no result overwrites another."""
    found: list[str] = []
    for source in sources:
        stem = f"camera{source}" if isinstance(source, int) else source.stem
        name, number = stem, 2
        while name in found:
            name, number = f"{stem}_{number}", number + 1
        found.append(name)
    return found


def read_rgb(file: Path) -> np.ndarray:
    """uint8 (H, W, 3) RGB of a picture file, turned upright as its EXIF says.

    Bit for bit what records and the SavedModel hold of the same JPEG or PNG, but for
    CMYK JPEGs: OpenCV makes them RGB with another rounding, one grey level off.

    Raises UserError for a file that cannot be decoded.
    """
    data = file.read_bytes()
    known = data.startswith((exif.JPEG, exif.PNG))
    how = cv2.IMREAD_IGNORE_ORIENTATION if known else 0
    image = None
    if data:
        pixels = np.frombuffer(data, np.uint8)
        image = cv2.imdecode(pixels, cv2.IMREAD_COLOR | how)
    if image is None:
        raise UserError(
            f"{file}: not a picture that can be read (empty, cut short or of an "
            f"unknown format). Expected {', '.join(sorted(PICTURES))}."
        )
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return exif.turned(image, exif.orientation(data))  # 1 where OpenCV turned it
