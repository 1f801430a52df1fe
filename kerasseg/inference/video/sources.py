"""What is a video file, and what words of a command line name a stream or a camera."""

from __future__ import annotations

import base64
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from kerasseg import UserError
from kerasseg.data.reading.pictures import signatures

SUFFIXES = frozenset(
    ".3g2 .3gp .asf .avi .f4v .flv .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf "
    ".ogv .ts .vob .webm .wmv".split()
)
"""The endings of the names of video files, in small letters."""
STREAMS = frozenset("rtsp rtsps rtmp rtmps rtp udp srt".split())
"""Protocols that carry video only. http and https carry it among other things."""
PLAYLISTS = frozenset((".m3u8", ".mpd", ".mjpg", ".mjpeg"))
"""Endings of addresses of streams over http."""
SECONDS = 10.0
"""How long a stream may take to answer, and for each frame after that."""


@dataclass(frozen=True)
class Stream:
    """A video that comes over the network. address: as FFmpeg understands it.

    As a text, for messages, it is the address without name, password and question.
    """

    address: str

    def __str__(self) -> str:
        parts = urlsplit(self.address)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, place, parts.path, "", ""))

    @property
    def is_live(self) -> bool:
        """Whether it goes on while nobody reads; over http it may be a file."""
        return self.address.partition("://")[0].lower() in STREAMS

    @property
    def stem(self) -> str:
        """The name of its results: host and path, without a password or a question."""
        parts = urlsplit(self.address)
        with contextlib.suppress(ValueError):  # a port that is no number
            port = f"_{parts.port}" if parts.port else ""
            place = f"{parts.hostname or ''}{port}{parts.path}"
            return re.sub(r"[^\w.-]+", "_", place).strip("._") or "stream"
        return "stream"


def camera_or_stream(word: str) -> int | Stream | None:
    """What a word of the command line names besides files; None: a file, or nothing.

    A number and /dev/video0 are cameras. Of http addresses the server is asked what it
    sends there, unless the ending says it.

    Raises UserError for an address whose server does not answer.
    """
    if word.isdecimal() and not Path(word).exists():
        # Longer ones are no cameras, and OpenCV takes numbers of 32 bits only.
        return int(word) if len(word) < 5 else None
    device = re.fullmatch(r"/dev/video(\d{1,4})", word)
    if device:
        return int(device[1])
    protocol, mark, _ = word.partition("://")
    protocol = protocol.lower()
    if mark and protocol in STREAMS:
        return Stream(word)
    if mark and protocol in ("http", "https"):
        return Stream(word) if _sends_video(word) else None
    return None


def is_video_file(file: Path) -> bool:
    """Whether the name says so. .ts is also the ending of programs: its first byte,
    0x47 of a transport stream (ISO/IEC 13818-1), decides; after 4 others in .m2ts."""
    suffix = file.suffix.lower()
    if suffix != ".ts":
        return suffix in SUFFIXES
    with contextlib.suppress(OSError), file.open("rb") as opened:
        head = opened.read(5)
        return not head or head[:1] == b"\x47" or head[4:5] == b"\x47"
    return True


def _sends_video(address: str) -> bool:
    suffix = PurePosixPath(urlsplit(address).path).suffix.lower()
    if suffix in SUFFIXES | PLAYLISTS:
        return True
    if suffix in signatures.SUFFIXES:
        return False
    import urllib.error
    import urllib.request  # slow, and for pictures and files not needed

    parts = urlsplit(address)
    name, _, place = parts.netloc.rpartition("@")
    headers = {"User-Agent": "kerasseg"}
    if name:  # urllib takes names and passwords in a header only
        word = base64.b64encode(unquote(name).encode()).decode()
        headers["Authorization"] = f"Basic {word}"
    bare = urlunsplit((parts.scheme, place, parts.path, parts.query, ""))
    request = urllib.request.Request(bare, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            kind = answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        if error.code == 401 and name:  # of a kind that FFmpeg knows: cameras do that
            return True
        raise UserError(
            f"{Stream(address)} cannot be opened: {error.code} {error.reason}. Check "
            "the address."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"{Stream(address)} does not answer ({reason}). Check the address, and "
            "that the machine is on."
        ) from error
    main, _, detail = kind.partition("/")
    return main == "video" or detail in (
        *("x-mixed-replace", "vnd.apple.mpegurl", "x-mpegurl", "dash+xml"),
    )
