"""Reads videos and streams with PyAV: whatever FFmpeg decodes, upright, with times."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.data.reading import optional_packages
from kerasseg.inference.video.frames import USUAL, Frame, Head, Lag, Sound, Times
from kerasseg.inference.video.sources import SECONDS, Stream
from kerasseg.inference.video.wholeness import is_cut

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,asf,"
    "flv,live_flv,gif,ogg,mxf"
)
"""What a file may be. Others, such as playlists under the name of a video, would make
FFmpeg open further files."""


class Video:
    """A video file or a stream.

    Raises UserError where it cannot be opened and where it holds no video.
    """

    left_out = 0
    problem = ""

    def __init__(self, source: Path | Stream) -> None:
        self._av = optional_packages.require("av", source)
        self._source = source
        self._container = self._opened()
        try:
            self._stream = self._best()
            self.head = self._head()
        except BaseException:
            self._container.close()
            raise

    def __iter__(self) -> Iterator[Frame | Sound]:
        times, lag = Times(), Lag()
        live = isinstance(self._source, Stream) and self._source.is_live
        damaged = 0
        for packet in self._packets():
            if packet is not None and packet.stream.type == "audio":
                if packet.dts is not None:
                    yield Sound(packet, self._start)
                continue
            try:
                decoded = self._stream.decode(packet)
            except self._av.FFmpegError:
                damaged += 1  # the next may be whole
                continue
            for frame in decoded:
                damaged += frame.is_corrupt
                found = self._frame(frame, times)
                at = float(found.time * self.head.time_base)
                if live and lag.is_late(time.monotonic(), at):
                    self.left_out += 1
                    continue
                yield found
        if self.problem or isinstance(self._source, Stream):
            return  # of a stream, the frames before its first whole one are damaged
        if is_cut(self._source):
            self.problem = "the file is cut off"
        elif damaged:
            self.problem = f"{damaged} of its frames are damaged"

    def close(self) -> None:
        self._container.close()

    def _opened(self) -> Any:
        if isinstance(self._source, Stream):
            # Over TCP no packet is lost; FFmpeg goes on to UDP where that is refused.
            options = {"rtsp_flags": "prefer_tcp"}
            address, limit = self._source.address, SECONDS
        else:
            # Without the protocol a name such as a:b.mp4 is taken for an address.
            address, limit = f"file:{self._source}", None
            options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        try:
            return self._av.open(address, options=options, timeout=limit)
        except (self._av.FFmpegError, OSError, ValueError) as error:
            raise UserError(self._refusal(error)) from error

    def _refusal(self, error: Exception) -> str:
        reason = _reason(error)
        if isinstance(self._source, Stream):
            return (
                f"{self._source} does not answer as a video ({reason}). Check the "
                "address, name and password, and that the camera is on."
            )
        if not self._source.stat().st_size:
            return f"{self._source} is empty: no frame can be read."
        if is_cut(self._source):
            return (
                f"{self._source} is cut off, and without its end no frame can be read "
                f"({reason}). Copy it again."
            )
        return f"{self._source}: no frame can be read ({reason}). Is it a video?"

    def _best(self) -> Any:
        stream = self._container.streams.best("video")
        if stream is None:
            kinds = sorted({one.type for one in self._container.streams})
            raise UserError(
                f"{self._source}: no frame can be read. It holds no video that FFmpeg "
                f"can decode, only {', '.join(kinds) or 'nothing'}."
            )
        return stream

    def _head(self) -> Head:
        stream, container = self._stream, self._container
        live = isinstance(self._source, Stream)
        stream.thread_type = "SLICE" if live else "AUTO"  # threads of frames come late
        # JPEGs in a row come without times: the clock has them.
        self._clocked = container.format.name == "mpjpeg"
        self._begun = 0.0
        rate = stream.guessed_rate or stream.average_rate or USUAL
        rate = rate if 1 <= rate <= 1000 else USUAL
        microseconds = container.duration or 0
        seconds = max(microseconds, 0) / 1e6
        start = container.start_time or 0
        self._start = Fraction(start, 1_000_000)
        self._sounds = tuple(
            one
            for one in container.streams.audio
            if one.codec_context is not None and one.codec_context.sample_rate
        )
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return Head(
            Fraction(1, 1000) if self._clocked else stream.time_base,
            Fraction(rate),
            Fraction(aspect),
            seconds,
            stream.frames or round(seconds * rate),
            self._sounds,
        )

    def _packets(self) -> Iterator[Any]:
        """Packets; at the end None, for what the decoder holds back."""
        packets = self._container.demux(self._stream, *self._sounds)
        while True:
            try:
                packet = next(packets, None)
            except (self._av.FFmpegError, OSError) as error:
                # JPEGs in a row have no other end than that nothing comes.
                if not (self._clocked and error.errno == errno.EIO):
                    self.problem = self._interruption(error)
                packet = None
            if packet is None:
                yield None
                return
            if packet.size:  # the empty ones at the end ask for what `None` does
                yield packet

    def _interruption(self, error: Exception) -> str:
        late = isinstance(error, self._av.error.ExitError | TimeoutError)
        if late and isinstance(self._source, Stream):
            return f"no frame came for {SECONDS:g} seconds"
        return f"it breaks off ({_reason(error)})"

    def _frame(self, frame: Any, times: Times) -> Frame:
        duration = frame.duration or 0
        if self._clocked:
            now = time.monotonic()
            self._begun = self._begun or now
            at = round((now - self._begun) / self.head.time_base)
        else:
            at = frame.pts
            if at is not None:
                at -= round(self._start / self.head.time_base)
        at = times.increasing(at, duration)
        return Frame(upright(frame), at, duration)


def upright(frame: Any) -> np.ndarray:
    """uint8 RGB (H, W, 3) of a PyAV frame, turned and mirrored as it wants to be seen.

    The matrix of ISO/IEC 14496-12, 8.2.2: its first four numbers tell which way the
    rows and columns run; angles between the quarters are left as they are.
    """
    pixels = frame.to_ndarray(format="rgb24", threads=1)  # more cost more time
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(matrix, np.int32, 5)
    if abs(b) > abs(a):  # rows become columns
        pixels = pixels.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        pixels = pixels[:, ::-1]
    if d < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _reason(error: Exception) -> str:
    """FFmpeg's words, without its number and the name of the file."""
    return getattr(error, "strerror", None) or str(error)
