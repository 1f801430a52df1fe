"""Cameras on the network: MJPEG and files over http, rtsp; some stall or are off."""

import http.server
import io
import re
import socket
import threading
import time
from pathlib import Path

import cv2
import films
import numpy as np
import pytest

from kerasseg.inference.results import names
from kerasseg.inference.video import frames, overlays, reading, sources
from kerasseg.inference.video.sources import Stream, camera_or_stream
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.named(["low"])
JPEG = cv2.imencode(".jpg", films.picture(3)[..., ::-1])[1].tobytes()


class Camera(http.server.BaseHTTPRequestHandler):
    """/mjpg: ten JPEGs and the end; /stall: three, then silence; /clip: a video file;
    /picture: a JPEG; /page: HTML; /private: a password is asked for."""

    stop = threading.Event()
    film = b""

    def do_GET(self):
        kind = self.path.partition("?")[0]
        if kind in ("/mjpg", "/stall"):
            self.head("multipart/x-mixed-replace; boundary=frame")
            for number in range(10):
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(b"Content-Length: %d\r\n\r\n" % len(JPEG))
                self.wfile.write(JPEG + b"\r\n")
                if kind == "/stall" and number == 2:
                    self.stop.wait(20)
                    return
            self.wfile.write(b"--frame--\r\n")
        elif kind == "/clip":
            self.head("video/mp4", len(self.film))
            self.wfile.write(self.film)
        elif kind == "/picture":
            self.head("image/jpeg", len(JPEG))
            self.wfile.write(JPEG)
        elif kind == "/private":
            given = self.headers.get("Authorization", "")
            if given != "Basic bWU6c2VjcmV0":  # me:secret
                self.send_error(403)
                return
            self.head("multipart/x-mixed-replace; boundary=frame")
        else:
            self.head("text/html")
            self.wfile.write(b"<html>nothing here</html>")

    def head(self, kind, length=0):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:  # who was asked has gone
            pass


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    film = films.write(tmp_path_factory.mktemp("film") / "a.mp4", sound="aac")
    Camera.film = film.read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Camera.stop.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(sources, "SECONDS", 0.5)
    monkeypatch.setattr(reading, "SECONDS", 0.5)


def overlaid(address, tmp_path, pause=0.0, **options):
    def segment(pixels):
        time.sleep(pause)
        return np.zeros(pixels.shape[:2], np.uint8)

    source = camera_or_stream(address)
    options = overlays.Options(**options)
    overlays.write_overlay(source, tmp_path / "cam", segment, TAXONOMY, options)
    return films.read(tmp_path / "cam_overlay.mp4")


def test_jpegs_in_a_row_until_their_end(camera, tmp_path):
    found, times = overlaid(f"{camera}/mjpg?camera=1", tmp_path)
    assert len(found) == 10
    assert sorted(set(times)) == times


def test_so_many_frames(camera, tmp_path):
    assert len(overlaid(f"{camera}/mjpg", tmp_path, frames=4)[0]) == 4


def test_a_video_file_at_an_address(camera, tmp_path):
    _, times = overlaid(f"{camera}/clip", tmp_path)
    assert [float(time) for time in times] == pytest.approx([i / 10 for i in range(10)])
    with films.av.open(str(tmp_path / "cam_overlay.mp4")) as container:
        assert container.streams.audio


def test_one_that_stalls_keeps_what_came(camera, tmp_path, impatient):
    with pytest.raises(
        overlays.Incomplete, match=r"/stall: no frame came for 0.5 seconds. \d frames"
    ):
        overlaid(f"{camera}/stall", tmp_path)
    assert len(films.read(tmp_path / "cam_overlay.mp4")[0]) in (2, 3)


def test_what_a_server_sends_decides(camera, tmp_path):
    assert camera_or_stream(f"{camera}/picture") is None
    assert camera_or_stream(f"{camera}/page") is None
    assert camera_or_stream(f"{camera}/mjpg") == Stream(f"{camera}/mjpg")
    private = camera.replace("//", "//me:secret@") + "/private"
    assert camera_or_stream(private) == Stream(private)
    with pytest.raises(ValueError, match="/private cannot be opened: 403"):
        camera_or_stream(f"{camera}/private")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("0", 0),
        ("999999999999", None),
        ("/dev/video0", 0),
        ("/dev/video12", 12),
        ("a.mp4", None),
        ("s3://bucket/a.mp4", None),
        ("rtsp://me:pw@cam:554/live/1?x=2", Stream("rtsp://me:pw@cam:554/live/1?x=2")),
        ("RTMP://host/app", Stream("RTMP://host/app")),
        ("https://host/live.m3u8?token=1", Stream("https://host/live.m3u8?token=1")),
        ("http://host/a.mp4", Stream("http://host/a.mp4")),
        ("http://host/a.JPG?size=2", None),
    ],
)
def test_words(word, found):
    assert camera_or_stream(word) == found


def test_passwords_are_in_no_message_and_no_name():
    stream = Stream("rtsp://me:pw@cam.local:8554/live/ch 1?pw=pw")
    assert str(stream) == "rtsp://cam.local:8554/live/ch 1"
    assert stream.stem == "cam.local_8554_live_ch_1"
    assert Stream("rtsp://[::1]/").stem == "1"
    target, again = names.targets([stream, stream], [Path()] * 2, Path("out"))
    assert (target.name, again.name) == (stream.stem, f"{stream.stem}_2")


def test_nobody_there(tmp_path, impatient):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        for protocol in ("rtsp", "http", "rtmp"):
            with pytest.raises(ValueError, match=r"does not answer") as told:
                overlaid(f"{protocol}://me:pw@127.0.0.1:{port}/a", tmp_path)
            assert "\n" not in str(told.value)
            assert "pw" not in str(told.value)


def test_somebody_who_says_nothing(tmp_path, impatient):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        for protocol in ("rtsp", "http"):
            begun = time.monotonic()
            with pytest.raises(ValueError, match="does not answer"):
                overlaid(f"{protocol}://127.0.0.1:{port}/a", tmp_path)
            assert time.monotonic() - begun < 30


class Rtsp(threading.Thread):
    """A camera that speaks RTSP 1.0 (RFC 2326): a transport stream in RTP (RFC 2250),
    interleaved in the connection. after: "end" closes, "silence" waits."""

    def __init__(self, film: bytes, after: str) -> None:
        super().__init__(daemon=True)
        self.film, self.after = film, after
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"rtsp://127.0.0.1:{self.server.getsockname()[1]}/road"
        self.asked: list[str] = []
        self.done = threading.Event()

    def run(self):
        connection, _ = self.server.accept()
        with connection, connection.makefile("rb") as lines:
            while self.answer(connection, lines):
                pass
            self.play(connection)

    def answer(self, connection, lines) -> bool:
        method, *_ = lines.readline().decode().split(" ")
        number = "0"
        for line in iter(lines.readline, b"\r\n"):
            name, _, value = line.decode().strip().partition(": ")
            number = value if name.lower() == "cseq" else number
        self.asked.append(method)
        more = {
            "OPTIONS": ("Public: DESCRIBE, SETUP, PLAY, TEARDOWN", ""),
            "DESCRIBE": (
                "Content-Type: application/sdp",
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=road\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track\r\n",
            ),
            "SETUP": (
                "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1",
                "",
            ),
            "PLAY": ("Session: 1", ""),
        }[method]
        head, body = more
        text = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{head}\r\n"
        text += f"Content-Length: {len(body)}\r\n\r\n{body}"
        connection.sendall(text.encode())
        return method != "PLAY"

    def play(self, connection):
        step = 7 * 188
        for place in range(0, len(self.film), step):
            number = place // step
            stamp = (number * 900).to_bytes(4, "big")
            packet = b"\x80\x21" + number.to_bytes(2, "big") + stamp + b"road"
            packet += self.film[place : place + step]
            connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
        if self.after == "silence":
            self.done.wait(20)


@pytest.mark.parametrize("after", ["end", "silence"])
def test_rtsp(tmp_path, impatient, monkeypatch, after):
    held = io.BytesIO()
    films.write(held, "mpeg2video", form="mpegts", frames=25, rate=25)
    camera = Rtsp(held.getvalue(), after)
    camera.start()
    if after == "end":
        found, _ = overlaid(camera.address, tmp_path)
    else:
        with pytest.raises(
            overlays.Incomplete, match=r"no frame came for 0\.5 seconds"
        ):
            overlaid(camera.address, tmp_path)
        found, _ = films.read(tmp_path / "cam_overlay.mp4")
    camera.done.set()
    assert len(found) >= 23
    assert re.match("OPTIONS DESCRIBE SETUP PLAY", " ".join(camera.asked))


def test_a_live_stream_is_caught_up_with(tmp_path, impatient, monkeypatch, capsys):
    monkeypatch.setattr(frames, "LATE", 0.1)
    monkeypatch.setattr(frames, "IN_TIME", 0.02)
    held = io.BytesIO()
    films.write(held, "mpeg2video", form="mpegts", frames=25, rate=25)
    camera = Rtsp(held.getvalue(), "end")
    camera.start()
    found, times = overlaid(camera.address, tmp_path, pause=0.1)
    assert 3 < len(found) < 20
    assert times[-1] > 0.7
    assert re.search(r" a second, \d+ left out to keep up\n", capsys.readouterr().out)


def test_how_far_a_stream_is_behind():
    lag = frames.Lag()
    told = [(10, 0), (11, 1), (13.5, 1.6), (14, 2.1), (14.1, 3), (14.2, 4), (15, 104)]
    late = [lag.is_late(now, time) for now, time in told]
    assert late == [False, False, False, False, False, False, False]
    assert lag.is_late(20, 106.9)
    assert lag.is_late(20.1, 108)
    assert not lag.is_late(20.2, 108.8)
