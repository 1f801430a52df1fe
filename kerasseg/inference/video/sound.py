"""Sound of a video: copied where browsers play it in an MP4 file, else made AAC."""

from __future__ import annotations

from typing import Any

from kerasseg.inference.video.frames import Sound, Times

COPIED = frozenset(("aac", "mp3", "opus", "flac"))
"""Codecs, by FFmpeg's names, that browsers play in an MP4 file."""
RATES = frozenset(
    (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
)
"""Samples a second that AAC has (ISO/IEC 14496-3, table 1.18)."""


class Track:
    """One track of sound in a file that is being written."""

    def __init__(self, av: Any, container: Any, source: Any) -> None:
        self._av = av
        self._container = container
        self._times = Times()
        self._copied = source.codec_context.codec.canonical_name in COPIED
        if self._copied:
            self._stream = container.add_stream_from_template(source)
            return
        rate = source.codec_context.sample_rate
        self._rate = rate if rate in RATES else 48000
        self._layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=self._rate)
        self._stream.codec_context.layout = self._layout
        self._resampler: Any = None
        self._form: tuple[Any, ...] = ()

    def add(self, sound: Sound) -> None:
        """Adds a packet; damaged ones leave a gap. Raises OSError as `mux` does."""
        packet = sound.packet
        if self._copied:
            start = round(sound.start / packet.time_base)
            late = (packet.pts or packet.dts) - packet.dts
            # Below 0 is what a decoder needs before the first sound that is heard.
            at = self._times.increasing(packet.dts - start, packet.duration or 0)
            packet.dts = at
            packet.pts = packet.dts + late
            packet.stream = self._stream
            self._container.mux(packet)
            return
        try:
            frames = packet.decode()
        except self._av.FFmpegError:
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(sound.start / frame.time_base)
            form = frame.format.name, frame.layout.name, frame.sample_rate
            if form != self._form:  # broadcasts change it between programmes
                self._flush()
                self._form = form
                self._resampler = self._av.AudioResampler(
                    "fltp", self._layout, self._rate, 1024
                )
            self._encode(self._resampler.resample(frame))

    def end(self) -> None:
        """Writes what is held back."""
        if not self._copied:
            self._flush()
            self._container.mux(self._stream.encode(None))

    def _flush(self) -> None:
        if self._resampler is not None:
            self._encode(self._resampler.resample(None))

    def _encode(self, frames: Any) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))
