"""Records elsewhere (gs://..., s3://...): shards downloaded from there, or uploaded.

`dataset.json` is sent last and holds the checksum of each shard, so what was sent in
part is never taken for records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from kerasseg import UserError
from kerasseg.console import hidden_bar
from kerasseg.data.format.description import FILE, Description, describe, how_to_rewrite
from kerasseg.data.format.splits import Shard
from kerasseg.data.writing.installing import name_of_shards
from kerasseg.files import atomic, remote
from kerasseg.files.sha256 import sha256_of


def download_shards(
    path: str | Path,
    description: Description,
    splits: Iterable[str],
    refresh: bool = False,
) -> Path:
    """The folder in the cache that now holds the shards of these splits.

    refresh: download also those that are in the cache already.

    Raises UserError that names a shard which is missing or has another SHA-256 than
    `dataset.json` says; OSError where it cannot be read.
    """
    folder = remote.cache_of(path)
    shards = [shard for split in splits for shard in description.split(split).shards]
    missing = [s for s in shards if refresh or not _is_cached(folder / s.name, s)]
    for shard in tqdm(missing, f"download {path}", unit="shard", disable=hidden_bar()):
        url = f"{remote.url_of(path)}/{shard.name}"
        _checksum_file(folder / shard.name).unlink(missing_ok=True)
        with atomic.replacing(folder / shard.name) as aside:
            try:
                remote.download(path, shard.name, aside)
            except FileNotFoundError as error:
                raise UserError(
                    f"Shard {url} is missing. {how_to_rewrite(description)}"
                ) from error
            if sha256_of(aside) != shard.sha256:
                raise UserError(
                    f"Shard {url} is damaged or another: its SHA-256 is not the one in "
                    f"{FILE}. {how_to_rewrite(description)}"
                )
        atomic.write_text(_checksum_file(folder / shard.name), shard.sha256)
    return folder


def fetched(path: Path) -> Path:
    """Records, or another folder of files, as a folder of this machine.

    Raises UserError if there is nothing, and as `download_shards`.
    """
    if not remote.is_remote(path) or FILE not in remote.list_names(path):
        return remote.fetched(path)
    description = describe(path)
    return download_shards(path, description, description.splits)


def existing_records(path: str | Path, splits: Iterable[str]) -> Description | None:
    """The records at `path`, which is elsewhere; None if there are none.

    Shards of these splits alone are what a writing left there that was stopped.

    Raises UserError if there is something else.
    """
    names = remote.list_names(path)
    if FILE in names:
        return describe(path)
    shard = name_of_shards(splits)
    other = [name for name in names if not shard.fullmatch(name)]
    if other:
        raise UserError(
            f"{remote.url_of(path)} is not empty and holds no records ({FILE}), but "
            f"{other[0]}. Nothing was written: name a new folder."
        )
    return None


def upload_records(
    folder: Path,
    path: str | Path,
    asides: dict[str, str],
    old: Description | None,
    new: Description,
    progress: bool,
) -> None:
    """Sends what `folder` holds to `path`, `dataset.json` last; removes old shards.

    asides: name of each shard to send -> that of its file in `folder`.

    What was sent is noted beside `folder`, so that an upload that was stopped goes on.

    Raises OSError where sending fails.
    """
    note = folder.with_name(f"{folder.name}.sent.json")
    sent = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    shards = [shard for split in new.splits.values() for shard in split.shards]
    written = [shard for shard in shards if shard.name in asides]
    hidden = hidden_bar() if progress else True
    for shard in tqdm(written, f"upload {path}", unit="shard", disable=hidden):
        same = sent.get(shard.name) == shard.sha256
        if not same or remote.size_of(path, shard.name) != shard.bytes:
            remote.upload(folder / asides[shard.name], path, shard.name)
            sent[shard.name] = shard.sha256
            atomic.write_json(note, sent)
    remote.upload(folder / FILE, path, FILE)
    note.unlink(missing_ok=True)
    remote.remove(path, sorted(old.shards() - new.shards()) if old else [])


def _is_cached(file: Path, shard: Shard) -> bool:
    """Whether a file in the cache is that shard; its SHA-256 was checked before."""
    checksum = _checksum_file(file)
    return (
        file.is_file()
        and checksum.is_file()
        and checksum.read_text("utf-8") == shard.sha256
        and file.stat().st_size == shard.bytes
    )


def _checksum_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")
