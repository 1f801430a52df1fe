"""LiteRT.js is fetched once, whole or not at all, and from elsewhere when offline."""

import base64
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fake_litertjs import CONTENTS, install

from kerasseg.demo import litertjs


@pytest.fixture
def archive(monkeypatch):
    """Bytes of a small archive that passes for the pinned one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in CONTENTS.items():
            about = tarfile.TarInfo(f"package/{name}")
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    digest = hashlib.sha512(out.getvalue()).digest()
    monkeypatch.setattr(litertjs, "INTEGRITY", base64.b64encode(digest).decode())
    return out.getvalue()


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A registry on this machine: `answer` is what it gives, `asked` what was asked."""

    class Registry(BaseHTTPRequestHandler):
        answer, asked = b"", []

        def do_GET(self):
            self.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.answer) + self.missing))
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *args):
            pass

    Registry.missing = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield Registry
    server.shutdown()
    server.server_close()


def test_it_is_fetched_once(registry, archive):
    registry.answer = archive
    assert litertjs.cached() is None
    assert litertjs.load() == CONTENTS
    assert litertjs.load() == CONTENTS
    assert registry.asked == [f"/@litertjs/core/-/core-{litertjs.VERSION}.tgz"]


@pytest.mark.parametrize("damage", ["cut short", "another file", "broken off"])
def test_nothing_wrong_enters_the_cache(registry, archive, tmp_path, damage):
    registry.answer = archive[:-9] if damage == "cut short" else b"something else"
    registry.missing = 99 if damage == "broken off" else 0
    with pytest.raises(ValueError, match=r"npm pack @litertjs/core@.*--litertjs"):
        litertjs.load()
    assert not list(tmp_path.rglob("*.tgz"))


def test_a_damaged_cache_is_filled_again(registry, archive):
    registry.answer = archive
    path = litertjs.fetch()
    path.write_bytes(archive[:50])
    assert litertjs.load() == CONTENTS
    assert path.read_bytes() == archive


def test_without_network_the_error_names_the_other_ways(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(ValueError, match=r"could not be fetched .*--litertjs litertjs"):
        litertjs.load()
    monkeypatch.setenv("npm_config_registry", "file:///etc")
    with pytest.raises(ValueError, match="must be a web address"):
        litertjs.load()


def test_it_comes_from_a_file_or_an_installed_package(archive, tmp_path):
    (tmp_path / litertjs.ARCHIVE).write_bytes(archive)
    assert litertjs.load(tmp_path / litertjs.ARCHIVE) == CONTENTS
    assert litertjs.load(tmp_path) == CONTENTS
    installed = tmp_path / "node_modules" / "@litertjs" / "core"
    install(installed)
    for folder in (tmp_path / "node_modules" / "@litertjs", installed, tmp_path):
        assert litertjs.load(folder) == CONTENTS


def test_what_is_another_thing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no LiteRT\.js"):
        litertjs.load(tmp_path / "none")
    (tmp_path / "other.tgz").write_bytes(b"no")
    with pytest.raises(ValueError, match="its SHA-512 differs"):
        litertjs.load(tmp_path / "other.tgz")
    install(tmp_path / "old", version="2.0.0")
    with pytest.raises(ValueError, match=r"core 2\.0\.0, expected @litertjs/core"):
        litertjs.load(tmp_path / "old")
