"""The demo's server: a fixed set of files, this machine only."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from fake_litertjs import CONTENTS, install

from kerasseg import UserError
from kerasseg.demo.__main__ import describe
from kerasseg.demo.server import WEB, Server, site
from kerasseg.export.litert import conversion
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference import litert
from kerasseg.taxonomy import Taxonomy

ABOUT = {"names": ["road"]}


@pytest.fixture(scope="module")
def server():
    with Server(site(b"network", ABOUT, CONTENTS), 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def ask(server, path, method="GET", host=None):
    client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    client.putrequest(method, path, skip_host=True)
    client.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    client.endheaders()
    answer = client.getresponse()
    data = answer.read()
    client.close()
    return answer, data


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/network.json", "application/json"),
        ("/network.tflite", "application/octet-stream"),
        ("/litertjs/wasm/litert_wasm_internal.wasm", "application/wasm"),
        ("/?from=a#bookmark", "text/html; charset=utf-8"),
    ],
)
def test_files_and_their_kinds(server, path, kind):
    answer, data = ask(server, path)
    assert answer.status == 200
    assert answer.getheader("Content-Type") == kind
    assert int(answer.getheader("Content-Length")) == len(data) > 0
    head, nothing = ask(server, path, "HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.getheader("Content-Length") == str(len(data))


def test_contents(server):
    assert json.loads(ask(server, "/network.json")[1]) == ABOUT
    assert ask(server, "/network.tflite")[1] == b"network"


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/web/../__main__.py",
        "/..\\..\\x",
        "/__main__.py",
        "/litertjs/",
        "/index.html/",
        "/\0",
        "*",
    ],
)
def test_nothing_else_is_served(server, path):
    client = socket.create_connection(("127.0.0.1", server.server_port), timeout=20)
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"
    client.sendall(request.encode())
    with client, client.makefile("rb") as answer:
        assert answer.readline().split()[1] in (b"404", b"400")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading(server, method):
    answer, _ = ask(server, "/", method)
    assert answer.status == 405
    assert answer.getheader("Allow") == "GET, HEAD"


@pytest.mark.parametrize(
    "host", ["evil.example:80", "evil.example", "127.0.0.1.nip.io"]
)
def test_no_name_of_another_machine(server, host):
    assert ask(server, "/network.tflite", host=host)[0].status == 421
    assert ask(server, "/", host="localhost:1")[0].status == 200


@pytest.mark.parametrize("path", ["/", "/worker.js", "/nothing"])
def test_every_answer_forbids_other_origins(server, path):
    answer, _ = ask(server, path)
    policy = answer.getheader("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'")
    assert "unsafe-inline" not in policy and "http" not in policy
    assert answer.getheader("Cross-Origin-Opener-Policy") == "same-origin"
    assert answer.getheader("Cross-Origin-Embedder-Policy") == "require-corp"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(ValueError, match=f"port {server.server_port} of .*--port"):
        Server({}, server.server_port)
    with pytest.raises(ValueError, match="--port"):
        Server({}, 70000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_a_run_until_it_is_stopped(start, run, tmp_path, number):
    install(tmp_path)
    demo = start(run, tmp_path)
    client = http.client.HTTPConnection(demo.url.split("/")[2], timeout=20)
    client.request("GET", "/network.json")
    about = json.loads(client.getresponse().read())
    assert about["name"] == "street-1"
    assert (about["height"], about["width"]) == (48, 64)
    assert demo.stop(number) == (0, "Stopping.\n")  # also with a connection open


def test_a_file_without_classes_takes_those_of_its_run(converted, tmp_path):
    classes = Taxonomy.named(list("abcde"))
    file = tmp_path / "run" / "export" / "model.tflite"
    conversion.finish(converted, file, "run")
    with pytest.raises(ValueError, match="holds no taxonomy"):
        describe(file)
    taxonomy = json.dumps(classes.to_json())
    (tmp_path / "run" / "taxonomy.json").write_text(taxonomy)
    assert describe(file)["names"] == list("abcde")


def test_wrong_words_are_one_line(tmp_path):
    words = [sys.executable, "-m", "kerasseg.demo", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "holds no LiteRT file" in done.stderr
    assert "python -m kerasseg.export" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("bands", "kind"),
    [(("gray",), "uint8"), (("red", "green", "blue", "nir"), "uint16")],
)
def test_networks_of_other_images_are_refused(tmp_path, monkeypatch, bands, kind):
    model = SimpleNamespace(image_format=ImageFormat.of(bands, kind))
    monkeypatch.setattr(litert, "Model", lambda *_, **__: model)
    file = tmp_path / "model.tflite"
    with pytest.raises(
        UserError, match=rf"takes {len(bands)} band.*RGB of 8 bits"
    ) as e:
        describe(file)
    assert f"--litert {file}" in str(e.value) and "\n" not in str(e.value)


def test_where_classes_overlap_the_page_is_told(tmp_path, monkeypatch):
    classes = Taxonomy(("heart", "lung"), ((1, 2, 3), (4, 5, 6)), exclusive=False)
    file = tmp_path / "model.tflite"
    file.touch()
    model = SimpleNamespace(image_format=RGB, taxonomy=classes, path=file)
    model.height, model.width, model.signatures = 8, 8, ["class_map"]
    monkeypatch.setattr(litert, "Model", lambda *_, **__: model)
    assert describe(file)["exclusive"] is False


PAINT = """
const { painted, above } = await import(process.argv[1]);
const colours = [[200, 0, 0], [0, 100, 0]];
const planes = Uint8Array.from([1, 0, 1, 1, 0, 0]);
const both = painted(planes, colours, false, new Set([0, 1]));
const one = painted(planes, colours, false, new Set([1]));
const ids = painted(Uint8Array.from([1, 0, 1]), colours, true, new Set());
const found = [both, one, ids].map(({ rgba, counts, pixels }) =>
  [[...rgba], [...counts], pixels]);
console.log(JSON.stringify([...found, [...above([0.5, 0.6])]]));
"""


def test_colours_of_classes_that_overlap_are_mixed():
    """Three pixels: the first class, both, none."""
    node = shutil.which("node")
    if not node:
        pytest.skip("needs Node.js")
    words = [node, "--input-type=module", "-e", PAINT, str(WEB / "pixels.js")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    both, one, ids, above = json.loads(done.stdout)
    counts = [2, 1]
    red, mixed = [200, 0, 0, 255], [100, 50, 0, 255]
    green, none = [0, 100, 0, 255], [0, 0, 0, 0]
    assert both == [red + mixed + none, counts, 3]
    assert one == [none + green + none, counts, 3]
    assert ids == [green + red + green, [1, 2], 3]
    assert above == [0, 1]
