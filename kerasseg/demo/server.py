"""Serves a fixed set of files to the browsers of this machine, with strict headers."""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

from kerasseg import UserError, __version__

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
}

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    # Both give the page threads: browsers share memory only within one origin.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

HOSTS = {"127.0.0.1", "localhost"}
WEB = Path(__file__).with_name("web")


class Server(ThreadingHTTPServer):
    """Answers GET and HEAD for `files` (path -> contents) on 127.0.0.1.

    port: 0 for any that is free. Raises UserError when it is taken.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], port: int):
        self.files = files
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"Cannot listen on port {port} of 127.0.0.1 ({error}). Choose --port; "
                "0 takes any that is free."
            ) from error

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address) -> None:
        # A browser may leave in the middle of an answer.
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def site(network: bytes, about: dict, litertjs: dict[str, bytes]) -> dict[str, bytes]:
    """Path of an URL -> contents: the page, the network and LiteRT.js.

    network: the bytes of the LiteRT file; about: what the page shows of it
    (web/view.js); litertjs: of `litertjs.load`.
    """
    assets = [path for path in WEB.iterdir() if path.suffix in TYPES]
    files = {f"/{path.name}": path.read_bytes() for path in assets}
    files["/"] = files.pop("/index.html")
    files |= {f"/litertjs/{name}": data for name, data in litertjs.items()}
    # Browsers do not resolve package names; our loader works within a worker.
    index = files["/litertjs/dist/index.js"]
    files["/litertjs/dist/index.js"] = index.replace(
        b'"@litertjs/wasm-utils"', b'"/loader.js"'
    )
    files["/network.json"] = json.dumps(about).encode()
    files["/network.tflite"] = network
    return files


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"kerasseg/{__version__}", ""
    timeout = 60

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _refuse(self) -> None:
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse

    def _answer(self) -> None:
        # A page elsewhere whose name was pointed at this machine must not read here.
        if self.headers.get("Host", "").partition(":")[0] not in HOSTS:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = self.path.partition("?")[0]
        data = self.server.files.get(path)
        if data is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        kind = PurePosixPath(path).suffix or ".html"
        self.send_header("Content-Type", TYPES[kind])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self.command not in ("GET", "HEAD"):
            self.send_header("Allow", "GET, HEAD")
        super().end_headers()

    def log_message(self, format, *args) -> None:
        """The terminal is for the user: no line for each request."""
