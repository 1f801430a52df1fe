"""Writes MP4 files that browsers play, with PyAV: frames at their own times, and sound.

H.264 where both sides are even; else VP9, as 4:2:0 of H.264 has no odd ones (ITU-T
H.264, 7.4.2.1.1: cropping is in units of two). The matrix of the colours is that of
ITU-R BT.601, and the file says so: players guess else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.data.reading import optional_packages
from kerasseg.inference.video.frames import Head, Sound, Times
from kerasseg.inference.video.sound import Track

H264 = {
    # Without frames that are sent out of order no player needs an edit list.
    "libx264": {"preset": "ultrafast", "crf": "21", "bf": "0"},
    "libopenh264": {"rc_mode": "quality", "b": "0", "qmin": "18", "qmax": "24"},
}
"""Encoders of H.264, the best first -> their options."""
VP9 = {
    "libvpx-vp9": {
        **{"deadline": "realtime", "cpu-used": "7", "crf": "18", "b": "0"},
        **{"row-mt": "1", "lag-in-frames": "0"},
    }
}
BT601, BT709, LIMITED = 6, 1, 1
"""Of FFmpeg's lists: a colour space, primaries and their curve, a range."""


class Mp4:
    """An MP4 file that is being written; whole after `close`.

    head: of the video that it is drawn on. size: of the frames, height and width. name:
    what messages call it, where `file` is written aside.

    Raises UserError where this PyAV can encode no such video.
    """

    def __init__(
        self, file: Path, head: Head, size: tuple[int, int], name: str = ""
    ) -> None:
        self._av = optional_packages.require("av", file)
        self._size = size
        self._times = Times()
        self._durations: dict[int, int] = {}
        self._written, self._last = 0, 0
        # Units of more than a second are none for VP9.
        self._scale = head.time_base.numerator
        self._time_base = Fraction(1, head.time_base.denominator)
        options = {"movflags": "+faststart"}  # it plays while it is fetched
        self._file, self._name = file, name or file.name
        with self._told():
            self._container = self._av.open(f"file:{file}", "w", "mp4", options)
        try:
            self._stream = self._encoder(head)
            self._tracks = {
                one.index: Track(self._av, self._container, one) for one in head.sounds
            }
        except BaseException:
            self._container.close()
            raise

    def frame(self, pixels: np.ndarray, time: int, duration: int = 0) -> None:
        """Adds a frame uint8 RGB (H, W, 3); of another size it is resized.

        Raises OSError where it cannot be written.
        """
        high, wide = self._size
        if pixels.shape[:2] != self._size:
            pixels = cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA)
        frame = self._frame(pixels)
        time, duration = time * self._scale, duration * self._scale
        time = self._times.increasing(time, duration)
        frame.pts, frame.time_base = time, self._time_base
        if duration:
            self._durations[time] = duration
        self._written, self._last = self._written + 1, time
        with self._told():
            self._mux(self._stream.encode(frame))

    def sound(self, sound: Sound) -> None:
        """Adds a packet of sound. Raises OSError where it cannot be written."""
        with self._told():
            self._tracks[sound.packet.stream.index].add(sound)

    def close(self, whole: bool = True) -> None:
        """Ends the file. whole: False where it will be thrown away.

        Raises OSError where it cannot be written or does not hold all frames.
        """
        with self._told():
            try:
                if whole:
                    self._mux(self._stream.encode(None))
                    for track in self._tracks.values():
                        track.end()
            finally:
                self._container.close()
            if whole:
                self._check()

    def _check(self) -> None:
        """Reads the file back. Raises OSError where it does not hold the frames, or
        ends early: a full disk is not always told."""
        found, last = 0, Fraction(0)
        with self._av.open(f"file:{self._file}") as container:
            for packet in container.demux(video=0):
                if packet.size:
                    found += 1
                    last = max(last, packet.pts * packet.time_base)
        wanted = self._last * self._time_base
        if found != self._written or abs(last - wanted) > Fraction(1, 1000):
            raise OSError(
                f"{self._name} holds {found} frames up to {float(last):.3f} s, "
                f"not {self._written} up to {float(wanted):.3f} s. Is the disk full?"
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """FFmpeg's errors as OSError, which commands tell in one line."""
        try:
            yield
        except self._av.FFmpegError as error:
            reason = error.strerror or error
            told = OSError(f"{self._name} cannot be written ({reason}).")
            told.errno = error.errno  # a full disk stops more than this file
            raise told from error

    def _frame(self, pixels: np.ndarray) -> Any:
        """A PyAV frame of 4:2:0 and BT.601."""
        make = self._av.VideoFrame.from_ndarray
        if pixels.shape[0] % 2 == pixels.shape[1] % 2 == 0:  # faster than FFmpeg's
            return make(cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420), "yuv420p")
        return make(pixels, "rgb24").reformat(format="yuv420p")

    def _encoder(self, head: Head) -> Any:
        high, wide = self._size
        even = high % 2 == wide % 2 == 0
        # VP9 refuses frames that are shorter than a unit of time.
        rate = min(head.rate, 1 / self._time_base)
        for name, options in ((H264 if even else {}) | VP9).items():
            try:
                self._av.Codec(name, "w")
            except self._av.codec.codec.UnknownCodecError:
                continue
            stream = self._container.add_stream(
                name, rate=rate.limit_denominator(60_000), options=dict(options)
            )
            break
        else:
            raise UserError(
                f"This PyAV has no encoder of {'H.264 or ' if even else ''}VP9. "
                "Install the one of PyPI: pip install --force-reinstall av"
            )
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = self._time_base
        context.sample_aspect_ratio = head.aspect
        context.colorspace = BT601
        context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        return stream

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            duration = self._durations.pop(packet.pts, 0)
            if duration:
                packet.duration = duration
            self._container.mux(packet)
