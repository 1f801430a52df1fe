"""The client against servers that are busy, slow, wrong, large, or speak TLS."""

import contextlib
import http.server
import json
import shutil
import subprocess
import threading
import time

import cv2
import jpeg_png
import numpy as np
import pytest
from PIL import Image

from kerasseg.data.reading.embedded_file import EmbeddedFile
from kerasseg.data.reading.pictures.image import read
from kerasseg.serve.client import GrpcClient, Options, RestClient
from kerasseg.serve.client.__main__ import main as ask
from kerasseg.serve.errors import ServingError
from kerasseg.serve.picture_files import encoded

for package in ("grpc", "aiohttp", "orjson", "prometheus_client", "tensorflow_serving"):
    pytest.importorskip(package, reason="needs pip install 'kerasseg[serve]'")

GOOD = {"outputs": {"class_map": [[1]]}}
INPUT = {"image": np.zeros((1, 2), np.float32)}


@pytest.fixture
def scripted():
    """A REST server that answers with the given (status, body, delay) in turn."""
    made = []

    def one(*answers):
        asked, left = [], list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                asked.append((self.path, json.loads(self.rfile.read(length))))
                status, body, delay = left.pop(0) if len(left) > 1 else left[0]
                time.sleep(delay)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                with contextlib.suppress(BrokenPipeError):  # given up by the client
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield one
    for server in made:
        server.shutdown()
        server.server_close()


def client(address, **options):
    options = {"backoff": 0.01, "timeout": 20} | options
    return RestClient(address, "street", Options(**options))


def test_a_busy_server_is_asked_again(scripted):
    address, asked = scripted((503, {}, 0), (429, {}, 0), (200, GOOD, 0))
    answer = client(address).predict("serving_default", INPUT)
    assert answer["class_map"].tolist() == [[1]]
    body = {"signature_name": "serving_default", "inputs": {"image": [[0.0, 0.0]]}}
    assert asked == [("/v1/models/street:predict", body)] * 3


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [
        (400, "INVALID_ARGUMENT", 1),
        (404, "NOT_FOUND", 1),
        (413, "INVALID_ARGUMENT", 1),
        (429, "RESOURCE_EXHAUSTED", 3),
        (500, "INTERNAL", 1),
        (503, "UNAVAILABLE", 3),
        (302, "INTERNAL", 1),
    ],
)
def test_errors_keep_code_and_words(scripted, status, code, tries):
    address, asked = scripted((status, {"error": "because"}, 0))
    with pytest.raises(ServingError, match="because") as caught:
        client(address, retries=2).predict("serving_default", INPUT)
    assert (caught.value.code, len(asked)) == (code, tries)


def test_a_slow_server_is_given_up(scripted):
    address, _ = scripted((200, GOOD, 3))
    with pytest.raises(ServingError) as caught:
        client(address, timeout=0.2, retries=1).predict("serving_default", INPUT)
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b'{"outputs": {"a": 1}}'])
def test_odd_answers_are_errors(scripted, body):
    address, _ = scripted((200, body, 0))
    with pytest.raises(ServingError):
        client(address).predict("serving_default", INPUT, ["class_map"])


def test_nobody_there():
    options = Options(retries=1, backoff=0.01, timeout=5)
    for made in (
        RestClient("http://127.0.0.1:9", "street", options),
        GrpcClient("127.0.0.1:9", "street", options),
    ):
        with made, pytest.raises(ServingError) as caught:
            made.predict("serving_default", INPUT)
        assert caught.value.code == "UNAVAILABLE"


def test_sizes_are_limited(scripted, server):
    address, asked = scripted((200, {"outputs": [0] * 5000}, 0))
    small = {"limit": 2000}
    with pytest.raises(ServingError, match="larger than 2000 bytes"):
        client(address, **small).predict("serving_default", INPUT)
    assert len(asked) == 1
    big = {"image": np.zeros((1, 2000), np.float32)}
    with pytest.raises(ServingError, match="larger than 2000 bytes"):
        client(address, **small).predict("serving_default", big)
    assert len(asked) == 1
    with (
        GrpcClient(server.grpc, "street", Options(limit=2000)) as remote,
        pytest.raises(ServingError, match="larger than 2000 bytes"),
    ):
        remote.predict("serving_default", big)
    # What the server will not take.
    data = [jpeg_png.encoded(jpeg_png.noise(1200, 900), "PNG")]
    for made in (GrpcClient(server.grpc, "street"), RestClient(server.rest, "street")):
        with made, pytest.raises(ServingError, match=r"larger than|2000000"):
            made.segment(data)


def test_both_ways_give_the_same(server):
    data = [jpeg_png.encoded(jpeg_png.noise(30, 20)), b"nonsense"]
    rest = RestClient(server.rest, "street", Options(timeout=60))
    remote = GrpcClient(server.grpc, "street", Options(timeout=60))
    with rest, remote:
        (one,), (other,) = rest.segment(data[:1]), remote.segment(data[:1])
        assert one.shape == (30, 20)
        np.testing.assert_array_equal(one, other)
        assert rest.version() == remote.version() == 1
        image = {"image": jpeg_png.noise(5, 6)[None].astype("float32")}
        one = rest.predict("serving_default", image, ["class_map"])
        other = remote.predict("serving_default", image, ["class_map"])
        np.testing.assert_array_equal(one["class_map"], other["class_map"])
        assert other["class_map"].dtype == np.uint8
        assert rest.network == remote.network
        for made in (rest, remote):
            with pytest.raises(ServingError) as caught:
                made.segment(data)
            assert caught.value.code == "INVALID_ARGUMENT"
            assert caught.value.message == "image_bytes[1] is neither JPEG nor PNG"
            with pytest.raises(ServingError, match="depth"):
                made.predict("serving_default", image, ["depth"])


def test_the_command_writes_class_maps(server, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name, kind in (("a.jpg", "JPEG"), ("b.png", "PNG")):
        data = jpeg_png.encoded(jpeg_png.noise(30, 20), kind)
        (tmp_path / "in" / name).write_bytes(data)
    (tmp_path / "in" / "c.png").write_bytes(b"damaged")
    words = [str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    addresses = [f"{server.rest}/v1/models/street"], [server.grpc, "--model", "street"]
    for address in addresses:
        with pytest.raises(SystemExit) as left:
            ask([address[0], *words, *address[1:]])
        assert left.value.code == 2
        out, wrong = capsys.readouterr()
        assert "2 of 3 inputs predicted by version 1" in out
        assert "left out" in wrong and "c.png" in wrong
    ids = cv2.imread(str(tmp_path / "out" / "b_label.png"), cv2.IMREAD_UNCHANGED)
    with RestClient(server.rest, "street") as made:
        np.testing.assert_array_equal(made.segment([tmp_path / "in" / "b.png"])[0], ids)
    for address in ("http://127.0.0.1:9/v1/models/a", "127.0.0.1:9", "a/b/c"):
        with pytest.raises(SystemExit) as left:
            ask([address, *words, "--timeout", "0.2"])
        assert left.value.code == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_tls(start, folder, tmp_path):
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs openssl to make a certificate")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    server = start(folder, cert=str(cert), key=str(key))
    data = [jpeg_png.encoded(jpeg_png.noise(30, 20))]
    trusting = Options(ca=str(cert), timeout=60)
    for kind, address in ((RestClient, server.rest), (GrpcClient, server.grpc)):
        with kind(address, "street", trusting) as made:
            assert made.segment(data)[0].shape == (30, 20)
        doubting = Options(tls=True, retries=0, timeout=60)
        with kind(address, "street", doubting) as made, pytest.raises(ServingError):
            made.segment(data)
    server.stop()


def test_files_are_sent_as_jpeg_or_png_of_the_same_pixels(tmp_path, rng):
    colours = rng.integers(0, 256, (9, 7, 3), np.uint8)
    tag = Image.Exif()
    tag[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.bmp", "a.webp", "a.tif", "a.gif"):
        options = {} if name in ("a.bmp", "a.gif") else {"exif": tag}
        Image.fromarray(colours).save(tmp_path / name, **options)
        sent = encoded(tmp_path / name)
        right = read(tmp_path / name).pixels
        np.testing.assert_array_equal(read(EmbeddedFile("sent", sent)).pixels, right)
    for count in (1, 4):
        deep = rng.integers(0, 65536, (9, 7, count)).astype(np.uint16)
        np.save(tmp_path / "a.npy", deep)
        found = cv2.imdecode(
            np.frombuffer(encoded(tmp_path / "a.npy"), np.uint8), cv2.IMREAD_UNCHANGED
        )
        found = found[..., None] if count == 1 else found[..., [2, 1, 0, 3]]
        np.testing.assert_array_equal(found, deep)
    np.save(tmp_path / "a.npy", colours.astype(np.float32))
    with pytest.raises(ValueError, match=r"a\.npy has 3 bands of float32.*serving_def"):
        encoded(tmp_path / "a.npy")
