"""Cameras, and videos where PyAV is missing: read and written with OpenCV alone.

OpenCV writes MPEG-4 part 2 of even sides at a constant rate, without sound; browsers do
not play it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.console import silenced
from kerasseg.inference.video.frames import USUAL, Frame, Head, Sound, Times
from kerasseg.inference.video.sources import SECONDS, Stream
from kerasseg.inference.video.wholeness import is_cut

MISSING = (
    "PyAV is missing: overlays of videos are MPEG-4 without sound that browsers do not "
    "play, at a constant rate, and odd sides lose a pixel. Install it with: pip "
    "install 'kerasseg[video]'"
)
"""What is told once where OpenCV must do."""


class Video:
    """A camera by its number, a video file or a stream, as OpenCV reads them.

    Raises UserError where no frame can be read.
    """

    left_out = 0
    problem = ""

    def __init__(self, source: Path | Stream | int) -> None:
        self._source = source
        limit = [round(SECONDS * 1000)]
        with silenced():  # the message for what is missing comes below, in one line
            if isinstance(source, int):
                self._video = cv2.VideoCapture(source)
            elif isinstance(source, Stream):
                names = cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC
                limits = [number for name in names for number in (name, *limit)]
                self._video = cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, limits)
            else:
                self._video = cv2.VideoCapture(str(source))
            good, self._first = self._video.read()
        if not good:
            self._video.release()
            raise UserError(self._refusal())
        rate = Fraction(self._video.get(cv2.CAP_PROP_FPS) or 0).limit_denominator(1001)
        count = round(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        live = not isinstance(source, Path)
        rate = rate if 1 <= rate <= 1000 else USUAL
        self.head = Head(
            Fraction(1, 1000) if live else 1 / rate,
            rate,
            seconds=0.0 if live else max(count, 0) / float(rate),
            frames=0 if live else max(count, 0),
        )
        self._live = live

    def __iter__(self) -> Iterator[Frame]:
        times, begun = Times(), time.monotonic()
        good, pixels = True, self._first
        while good:
            now = round((time.monotonic() - begun) * 1000) if self._live else None
            rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            duration = 0 if self._live else 1
            yield Frame(rgb, times.increasing(now, duration), duration)
            good, pixels = self._video.read()
        if isinstance(self._source, int):
            self.problem = "the camera gives no more frames"
        elif isinstance(self._source, Path) and is_cut(self._source):
            self.problem = "the file is cut off"

    def close(self) -> None:
        self._video.release()

    def _refusal(self) -> str:
        if isinstance(self._source, int):
            return (
                f"camera {self._source}: no frame can be read. Is it there, and used "
                "by no other program?"
            )
        return (
            f"{self._source}: no frame can be read with OpenCV. Is it there, a video, "
            "and whole? PyAV reads more kinds: pip install 'kerasseg[video]'"
        )


class Mpeg4:
    """An MP4 file of MPEG-4 part 2 that is being written; whole after `close`.

    size: of the frames, height and width; an odd side loses its last pixel.
    """

    def __init__(
        self, file: Path, head: Head, size: tuple[int, int], name: str = ""
    ) -> None:
        self._file, self._name = file, name or file.name
        self._size = size[0] // 2 * 2, size[1] // 2 * 2
        if not min(self._size):
            raise UserError(
                f"{self._name}: a video is at least 2 pixels high and wide."
            )
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        rate = float(head.rate)
        self._writer = cv2.VideoWriter(str(file), codec, rate, self._size[::-1])
        self.written = 0

    def frame(self, pixels: np.ndarray, time: int, duration: int = 0) -> None:
        """Adds a frame uint8 RGB (H, W, 3)."""
        high, wide = self._size
        bgr = cv2.cvtColor(pixels[:high, :wide], cv2.COLOR_RGB2BGR)
        if bgr.shape[:2] != self._size:
            bgr = cv2.resize(bgr, (wide, high), interpolation=cv2.INTER_AREA)
        self._writer.write(bgr)
        self.written += 1

    def sound(self, sound: Sound) -> None:
        """OpenCV writes none; its reader gives none either."""

    def close(self, whole: bool = True) -> None:
        """Ends the file. Raises OSError where not all frames are in it."""
        self._writer.release()
        if not whole:
            return
        video = cv2.VideoCapture(str(self._file))
        found = round(video.get(cv2.CAP_PROP_FRAME_COUNT))
        video.release()
        if found != self.written or is_cut(self._file):
            raise OSError(
                f"{self._name} holds {max(found, 0)} frames, not {self.written}. "
                "Is the disk full?"
            )
