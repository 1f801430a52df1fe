"""Class maps drawn over the frames of a video file or of what a camera sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.console import silenced
from kerasseg.drawing import video_frames
from kerasseg.files import atomic
from kerasseg.taxonomy import Taxonomy


def write_overlay(
    source: Path | int,
    target: Path,
    segment: Callable[[np.ndarray], np.ndarray],
    taxonomy: Taxonomy,
    alpha: float = 0.5,
    frames: int = 0,
    show: bool = False,
) -> None:
    """Segments frame by frame until the end, q in the window, or Ctrl-C, and writes
    the overlays as TARGET_overlay.mp4.

    source: a video file, or the number of a camera. segment: function: uint8 RGB
    (H, W, 3) -> ids (H, W). alpha: opacity of the colours. frames: of the source,
    at most; 0 for all. show: in a window too.

    Raises UserError where no frame can be read.
    """
    with silenced():  # the message for a missing camera comes below, in one line
        video = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    good, frame = video.read()
    if not good:
        what = f"camera {source}" if isinstance(source, int) else source
        raise UserError(
            f"{what}: no frame can be read. Is it there, a video, and whole?"
        )
    target = target.with_name(f"{target.name}_overlay.mp4")
    done, began, speed = 0, time.perf_counter(), 0.0
    with atomic.replacing(target) as aside:
        size = frame.shape[1], frame.shape[0]
        # The name must end in .mp4 for the container to be chosen.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(aside), codec, rate, size)
        try:
            while good and (not frames or done < frames):
                start = time.perf_counter()
                pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                label = segment(pixels)
                drawn = video_frames.overlay(pixels, label, taxonomy, alpha)
                drawn = video_frames.captioned(drawn, taxonomy, label, speed)
                shown = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
                writer.write(shown)
                if show and video_frames.show(target.stem, shown):
                    break
                done += 1
                now = 1 / (time.perf_counter() - start)
                speed = now if done < 3 else 0.9 * speed + 0.1 * now
                good, frame = video.read()
        except KeyboardInterrupt:
            print()  # What was seen until now is kept.
        finally:
            writer.release()
            video.release()
    seconds = max(time.perf_counter() - began, 1e-9)
    print(f"{target}: {done} frames, {done / seconds:.1f} a second")
