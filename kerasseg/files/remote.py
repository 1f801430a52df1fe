"""Files elsewhere, gs://bucket/folder or s3://...: brought here, or sent there.

By fsspec, imported only for such a path. Of the other two, universal_pathlib is a layer
on it, and etils.epath also needs it for all but Google's storage. What is brought lies
in a cache: KERASSEG_CACHE, else ~/.cache/kerasseg. It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kerasseg import UserError
from kerasseg.files import atomic
from kerasseg.files.cache import cache_folder

URL = re.compile(r"([a-z][a-z0-9+]+):/+(.*)")
"""One slash is enough: `Path` makes one of two."""
EXTRA = "gcs", "gs", "s3", "s3a"
"""Protocols whose packages are in the extra `remote`."""
TOGETHER = 256
"""Files that are brought at a time."""
TELLING = ("size", "ETag", "etag", "mtime", "LastModified", "created", "updated")
"""What file systems say of a file that changes with its content."""


def is_remote(path) -> bool:
    return URL.match(str(path)) is not None


def url_of(path) -> str:
    protocol, rest = URL.fullmatch(str(path)).groups()
    slash = "/" if protocol in ("file", "local") else ""
    return f"{protocol}://{slash}{rest}".rstrip("/")


def cache_of(path) -> Path:
    """The folder here for what is at `path`."""
    url = url_of(path)
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder(f"{digest}-{Path(url).name}")


def names(path) -> list[str]:
    """Of the files and folders in a folder; none where there is no such folder."""
    with _opened(path) as (system, root):
        try:
            found = system.ls(root, detail=False)
        except FileNotFoundError:
            return []
        return sorted({PurePosixPath(f).name for f in found if f.rstrip("/") != root})


def bring(path, name: str, file: Path) -> None:
    """Copies PATH/NAME to `file`, which appears whole or not at all."""
    with _opened(path) as (system, root), atomic.replacing(file) as aside:
        system.get_file(f"{root}/{name}", str(aside))


def send(file: Path, path, name: str) -> None:
    """Copies `file` to PATH/NAME; OSError if less than all of it arrives."""
    with _opened(path) as (system, root):
        if url_of(path).partition(":")[0] not in EXTRA:  # those have no folders, and
            system.makedirs(root, exist_ok=True)  # would make a bucket of a slip
        system.put_file(str(file), f"{root}/{name}")
        if system.size(f"{root}/{name}") != file.stat().st_size:
            raise OSError(f"{name} arrived incomplete")


def size_of(path, name: str) -> int:
    """Bytes of PATH/NAME; -1 where it is not."""
    with _opened(path) as (system, root):
        try:
            return system.size(f"{root}/{name}")
        except FileNotFoundError:
            return -1


def remove(path, names: list[str]) -> None:
    with _opened(path) as (system, root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                system.rm_file(f"{root}/{name}")


def here(path: Path) -> Path:
    """A file or folder elsewhere as one here; what is here already is left alone.

    Only what is new or changed there is brought. Raises ValueError if there is nothing.
    """
    if not is_remote(path):
        return path
    folder, url = cache_of(path), url_of(path)
    with _opened(path) as (system, root):
        found = {
            name.removeprefix(root).strip("/") or PurePosixPath(name).name: (name, mark)
            for name, mark in _marked(system, root)
        }
        if not found:
            raise UserError(f"There is nothing at {url}. Check the address.")
        for name in found:
            if ".." in PurePosixPath(name).parts:
                raise UserError(f"{url} holds a file of the name {name}: refused.")
        _update(system, folder, found)
    alone = [name for name, (place, _) in found.items() if place.rstrip("/") == root]
    return folder / alone[0] if alone else folder


def _marked(system, root: str) -> Iterator[tuple[str, list[str]]]:
    for name, known in system.find(root, detail=True).items():
        yield name, [str(known[key]) for key in TELLING if key in known]


def _update(system, folder: Path, found: dict) -> None:
    """Makes `folder` hold these files; the list of those it has is renewed on the way,
    so that a stopped download goes on."""
    listed = folder / ".brought.json"
    had = json.loads(listed.read_text("utf-8")) if listed.is_file() else {}
    have = {name: mark for name, (_, mark) in found.items() if had.get(name) == mark}
    have = {name: mark for name, mark in have.items() if (folder / name).is_file()}
    for name in had.keys() - have.keys():
        (folder / name).unlink(missing_ok=True)
    missing = sorted(found.keys() - have.keys())
    for start in range(0, len(missing), TOGETHER):
        some = missing[start : start + TOGETHER]
        files = [folder / name for name in some]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        system.get([found[name][0] for name in some], [str(file) for file in files])
        have |= {name: found[name][1] for name in some}
        atomic.write_json(listed, have)


@contextlib.contextmanager
def _opened(path) -> Iterator[tuple]:
    """The file system of a path and the path there; its errors as OSError, in one line.

    ValueError that names what to install where a package is missing.
    """
    url = url_of(path)
    protocol = url.partition(":")[0]
    try:
        from fsspec.core import url_to_fs

        system, root = url_to_fs(url)
    except ImportError as error:
        told = re.search(r'nstall (\S+)|"(\w+)"', str(error))
        usual = "'kerasseg[remote]'"
        named = told[1] or told[2] if told and protocol not in EXTRA else usual
        raise UserError(
            f"{protocol}:// needs a package that is not here ({error}). Install it "
            f"with: pip install {named}"
        ) from error
    except ValueError as error:
        raise UserError(f"{url} cannot be opened: {error}.") from error
    system.invalidate_cache()
    try:
        yield system, root.rstrip("/")
    except (FileNotFoundError, ValueError):
        raise
    except Exception as error:  # each file system has its own kinds
        reason = f"{type(error).__name__}: {error}"
        raise OSError(f"{url} could not be read or written ({reason}).") from error
