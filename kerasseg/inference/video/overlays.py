"""Class maps drawn over the frames of a video, a stream or of what a camera sees."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading import optional_packages
from kerasseg.drawing import video_frames
from kerasseg.files import atomic
from kerasseg.inference.video import labels, opencv, reading, writing
from kerasseg.inference.video.frames import Reader, Sound
from kerasseg.inference.video.interrupt import asked_to_stop
from kerasseg.inference.video.progress import Progress
from kerasseg.inference.video.sources import Stream
from kerasseg.taxonomy import Taxonomy

OVERLAY = "_overlay.mp4"
LABELS = "_labels"
"""What is added to the name of a video for its results."""


class Incomplete(UserError):
    """A source broke off; what was read of it is written."""


@dataclass(frozen=True)
class Options:
    """alpha: opacity of the colours. frames: of the source, at most; 0 for all. show:
    in a window too. labels: whether the class maps are written as well."""

    alpha: float = 0.5
    frames: int = 0
    show: bool = False
    labels: bool = False


def write_overlay(
    source: Path | Stream | int,
    target: Path,
    segment: Callable[[np.ndarray], np.ndarray],
    taxonomy: Taxonomy,
    options: Options | None = None,
    replacing: Callable[[Path], AbstractContextManager[Path]] = atomic.replacing,
) -> None:
    """Segments frame by frame until the end, q in the window, or Ctrl-C, and writes
    the overlays as TARGET_overlay.mp4, with the sound of the source; the class maps
    into TARGET_labels if asked for.

    source: a video file, a stream, or the number of a camera. segment: function: uint8
    RGB (H, W, 3) -> ids (H, W), or where classes overlap 0 and 1 (H, W, C). replacing:
    how files and folders appear whole.

    Raises UserError where no frame can be read, and Incomplete, after what was read is
    written, where the source breaks off. Raises OSError where the disk is full; then
    nothing is left of the video.
    """
    options = options or Options()
    folder = target.with_name(f"{target.name}{LABELS}")
    target = target.with_name(f"{target.name}{OVERLAY}")
    if options.labels:
        labels.refuse_foreign(folder)
    if options.show:  # before PyAV: it hangs in a window opened later
        video_frames.open_window(target.stem)
    if not _has_pyav():
        print(opencv.MISSING)
    reader = _reader(source)
    with contextlib.ExitStack() as stack:
        stack.callback(reader.close)
        kept: labels.Labels | None = None
        if options.labels:
            aside = stack.enter_context(replacing(folder))
            kept = labels.Labels(aside, taxonomy)
            stack.callback(kept.close)
        aside = stack.enter_context(replacing(target))
        drawing = _Drawing(segment, taxonomy, options, target.stem)
        progress = Progress(target.name, options.frames or reader.head.frames)
        done = _write(reader, aside, drawing, options.frames, kept, progress)
        if not done:
            why = f": {reader.problem}" if reader.problem else ""
            raise UserError(f"{_name(source)}: no frame can be read{why}.")
    more = f", {reader.left_out} left out to keep up" if reader.left_out else ""
    print(f"{target}: {done} frames, {progress.speed(done):.1f} a second{more}")
    if reader.problem:
        of = f" of {reader.head.frames}" if reader.head.frames > done else ""
        raise Incomplete(
            f"{_name(source)}: {reader.problem}. {done}{of} frames were read and are "
            f"in {target}."
        )


class _Drawing:
    """Segments and draws frame after frame; stopped: whether q was pressed."""

    def __init__(
        self,
        segment: Callable[[np.ndarray], np.ndarray],
        taxonomy: Taxonomy,
        options: Options,
        title: str,
    ) -> None:
        self._segment, self._taxonomy, self._title = segment, taxonomy, title
        self._options = options
        self._speed = 0.0
        self._done = 0
        self.stopped = False

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The label of a frame, and the frame with its classes and their names."""
        start = time.perf_counter()
        label = self._segment(pixels)
        drawn = video_frames.overlay(pixels, label, self._taxonomy, self._options.alpha)
        drawn = video_frames.captioned(drawn, self._taxonomy, label, self._speed)
        if self._options.show:
            self.stopped = video_frames.show(self._title, drawn)
        now = 1 / max(time.perf_counter() - start, 1e-9)
        self._done += 1
        self._speed = now if self._done < 3 else 0.9 * self._speed + 0.1 * now
        return label, drawn


def _write(
    reader: Reader,
    file: Path,
    drawing: _Drawing,
    most: int,
    kept: labels.Labels | None,
    progress: Progress,
) -> int:
    """Draws and writes the frames, at most so many; 0 for all. How many they were."""
    writer: writing.Mp4 | opencv.Mpeg4 | None = None
    done, early = 0, list[Sound]()
    try:
        with asked_to_stop() as stopped, contextlib.suppress(KeyboardInterrupt):
            for item in reader:
                if isinstance(item, Sound):
                    early.append(item)
                    continue
                label, drawn = drawing(item.pixels)
                if writer is None:
                    size = drawn.shape[:2]
                    kind = writing.Mp4 if _has_pyav() else opencv.Mpeg4
                    writer = kind(file, reader.head, size, progress.name)
                for sound in early:
                    writer.sound(sound)
                early.clear()
                writer.frame(drawn, item.time, item.duration)
                if kept is not None:
                    kept.add(label, float(item.time * reader.head.time_base))
                done += 1
                progress.frame(done)
                if done == most or drawing.stopped or stopped():
                    break
    except BaseException:
        if writer is not None:
            writer.close(whole=False)
        raise
    finally:
        progress.close()
    if writer is not None:
        for sound in early:
            writer.sound(sound)
        writer.close()
    return done


def _reader(source: Path | Stream | int) -> Reader:
    if isinstance(source, int) or not _has_pyav():
        return opencv.Video(source)
    return reading.Video(source)


def _has_pyav() -> bool:
    try:
        optional_packages.require("av")
    except optional_packages.MissingPackage:
        return False
    return True


def _name(source: Path | Stream | int) -> str:
    return f"camera {source}" if isinstance(source, int) else str(source)
