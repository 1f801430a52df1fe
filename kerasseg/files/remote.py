"""Files elsewhere, gs://bucket/folder or s3://...: downloaded to a cache, or uploaded.

By fsspec, imported only for such a path. Of the other two, universal_pathlib is a layer
on it, and etils.epath also needs it for all but Google's storage. Its own "filecache"
names files by a hash of their address; the readers of datasets need the folders as they
are. So what is downloaded lies in the cache of `kerasseg.files.cache` in its folders.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kerasseg import UserError
from kerasseg.files import atomic
from kerasseg.files.cache import cache_folder

URL = re.compile(r"([a-z][a-z0-9+]+):/+(.*)")
"""One slash is enough: `Path` makes one of two."""
IN_EXTRA = "gcs", "gs", "s3", "s3a"
"""Protocols whose packages are in the extra `remote`."""
FILES_PER_REQUEST = 256
"""How many files are downloaded at a time."""
CHANGE_MARKS = ("size", "ETag", "etag", "mtime", "LastModified", "created", "updated")
"""What file systems know of a file that changes with its content."""
LIST = ".brought.json"
"""File of the change marks of what a folder in the cache holds."""


def is_remote(path: str | Path) -> bool:
    """Whether a path names a place elsewhere, by a protocol like s3://."""
    return URL.match(str(path)) is not None


def url_of(path: str | Path) -> str:
    """The address of a remote path, written in one way: with "://", no "/" at its end.

    Raises UserError for a path of this machine.
    """
    match = URL.fullmatch(str(path))
    if match is None:
        raise UserError(f"Expected an address like s3://bucket/folder, got {path}.")
    protocol, rest = match.groups()
    slash = "/" if protocol in ("file", "local") else ""
    return f"{protocol}://{slash}{rest}".rstrip("/")


def cache_of(path: str | Path) -> Path:
    """The folder in the cache for what is at the remote `path`."""
    url = url_of(path)
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return cache_folder(f"{digest}-{Path(url).name}")


def list_names(path: str | Path) -> list[str]:
    """Names of what is in a remote folder; none where there is no such folder.

    Raises OSError where the file system cannot be read; so do all functions below.
    """
    with _opened(path) as (system, root):
        try:
            found = system.ls(root, detail=False)
        except FileNotFoundError:
            return []
        return sorted({PurePosixPath(f).name for f in found if f.rstrip("/") != root})


def download(path: str | Path, name: str, file: Path) -> None:
    """Copies PATH/NAME to `file`, which appears whole or not at all.

    Raises FileNotFoundError where there is no such file.
    """
    with _opened(path) as (system, root), atomic.replacing(file) as aside:
        system.get_file(f"{root}/{name}", str(aside))


def upload(file: Path, path: str | Path, name: str) -> None:
    """Copies `file` to PATH/NAME. Raises OSError if less than all of it arrives."""
    with _opened(path) as (system, root):
        if url_of(path).partition(":")[0] not in IN_EXTRA:  # those have no folders, and
            system.makedirs(root, exist_ok=True)  # a typing error would make a bucket
        system.put_file(str(file), f"{root}/{name}")
        if system.size(f"{root}/{name}") != file.stat().st_size:
            raise OSError(f"{name} arrived incomplete")


def size_of(path: str | Path, name: str) -> int:
    """Bytes of PATH/NAME; -1 where there is no such file."""
    with _opened(path) as (system, root):
        try:
            return system.size(f"{root}/{name}")
        except FileNotFoundError:
            return -1


def remove(path: str | Path, names: list[str]) -> None:
    """Removes these files of a remote folder, as far as they are there."""
    with _opened(path) as (system, root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                system.rm_file(f"{root}/{name}")


def fetched(path: Path) -> Path:
    """A file or folder as one of this machine: a remote one is copied to the cache.

    Only what is new or changed there is downloaded.

    Raises UserError if there is nothing at a remote path.
    """
    if not is_remote(path):
        return path
    folder, url = cache_of(path), url_of(path)
    with _opened(path) as (system, root):
        found = {
            name.removeprefix(root).strip("/") or PurePosixPath(name).name: (name, mark)
            for name, mark in _change_marks(system, root)
        }
        if not found:
            raise UserError(f"There is nothing at {url}. Check the address.")
        for name in found:
            if ".." in PurePosixPath(name).parts:
                raise UserError(f"{url} holds a file of the name {name}: refused.")
        _update(system, folder, found)
    is_file = [name for name, (place, _) in found.items() if place.rstrip("/") == root]
    return folder / is_file[0] if is_file else folder


def _change_marks(system: Any, root: str) -> Iterator[tuple[str, list[str]]]:
    for name, known in system.find(root, detail=True).items():
        yield name, [str(known[key]) for key in CHANGE_MARKS if key in known]


def _update(system: Any, folder: Path, found: dict[str, tuple[str, list[str]]]) -> None:
    """Makes `folder` hold these files: name in it -> (remote name, change marks).

    The list of those it has is written anew on the way, so that a download that was
    stopped goes on.
    """
    listed = folder / LIST
    had = json.loads(listed.read_text("utf-8")) if listed.is_file() else {}
    have = {
        name: mark
        for name, (_, mark) in found.items()
        if had.get(name) == mark and (folder / name).is_file()
    }
    for name in had.keys() - have.keys():
        (folder / name).unlink(missing_ok=True)
    missing = sorted(found.keys() - have.keys())
    for start in range(0, len(missing), FILES_PER_REQUEST):
        names = missing[start : start + FILES_PER_REQUEST]
        files = [folder / name for name in names]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        system.get([found[name][0] for name in names], [str(file) for file in files])
        have |= {name: found[name][1] for name in names}
        atomic.write_json(listed, have)


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[Any, str]]:
    """The file system of a path and the path there; its errors as OSError, in one line.

    Raises UserError that names what to install where a package is missing.
    """
    url = url_of(path)
    protocol = url.partition(":")[0]
    try:
        from fsspec.core import url_to_fs

        system, root = url_to_fs(url)
    except ImportError as error:
        match = re.search(r'nstall (\S+)|"(\w+)"', str(error))
        package = "'kerasseg[remote]'"
        if match and protocol not in IN_EXTRA:
            package = match[1] or match[2]
        raise UserError(
            f"{protocol}:// needs a package that is not here ({error}). Install it "
            f"with: pip install {package}"
        ) from error
    except ValueError as error:
        raise UserError(f"{url} cannot be opened: {error}.") from error
    system.invalidate_cache()
    try:
        yield system, root.rstrip("/")
    except (FileNotFoundError, UserError):
        raise
    except Exception as error:  # each file system has its own kinds
        reason = f"{type(error).__name__}: {error}"
        raise OSError(f"{url} could not be read or written ({reason}).") from error
