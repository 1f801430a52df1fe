"""Small videos for tests, written with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs pip install 'kerasseg[video]'")

HIGH, WIDE = 48, 64


def picture(number: int, high: int = HIGH, wide: int = WIDE) -> np.ndarray:
    """Four flat quarters; the first one tells the number of the frame."""
    image = np.zeros((high, wide, 3), np.uint8)
    image[: high // 2, : wide // 2] = 20 * (number % 12) + 10
    image[: high // 2, wide // 2 :] = 200, 40, 40
    image[high // 2 :, : wide // 2] = 40, 200, 40
    image[high // 2 :, wide // 2 :] = 40, 40, 200
    return image


def write(
    file: Path | BinaryIO,
    codec: str = "libx264",
    *,
    frames: int = 10,
    rate: int = 10,
    size: tuple[int, int] = (HIGH, WIDE),
    times: tuple[int, ...] = (),
    time_base: Fraction | None = None,
    sound: str = "",
    turn: float = 0,
    mirrored: bool = False,
    pixels: str = "yuv420p",
    form: str | None = None,
    options: dict[str, str] | None = None,
) -> Path | BinaryIO:
    """times: of the frames, in units of time_base. sound: an encoder; a tone."""
    base = time_base or Fraction(1, rate)
    place = str(file) if isinstance(file, Path) else file
    with av.open(place, "w", form, options or {}) as container:
        video = container.add_stream(codec, rate=rate)
        video.height, video.width = size
        video.pix_fmt = pixels
        video.codec_context.time_base = base
        if turn or mirrored:
            video.set_display_rotation(turn, mirrored)
        track = container.add_stream(sound, rate=48000) if sound else None
        if track is not None:
            track.codec_context.layout = "mono"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), "rgb24")
            frame.pts = times[number] if times else number
            frame.time_base = base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if track is not None:
            wanted = track.codec_context.format.name
            tone = np.sin(np.arange(48000 * frames // rate) / 9) * 9000
            for start in range(0, len(tone), 960):
                piece = tone[None, start : start + 960].astype(np.int16)
                heard = av.AudioFrame.from_ndarray(piece, "s16", "mono")
                heard.sample_rate, heard.pts = 48000, start
                heard.time_base = Fraction(1, 48000)
                for one in av.AudioResampler(wanted, "mono", 48000).resample(heard):
                    container.mux(track.encode(one))
            container.mux(track.encode(None))
    return file


def read(file: Path) -> tuple[list[np.ndarray], list[Fraction]]:
    """The frames of a video as RGB, and their times in seconds, by PyAV alone."""
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
        return (
            [one.to_ndarray(format="rgb24") for one in frames],
            [one.pts * one.time_base for one in frames],
        )
