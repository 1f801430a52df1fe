"""Records elsewhere (gs://..., s3://...): shards brought here, or sent there.

`dataset.json` is sent last and tells the checksum of each shard, so what was sent in
part is never taken for records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from kerasseg import UserError
from kerasseg.data.format.description import FILE, Description, Shard, again, describe
from kerasseg.files import atomic, remote
from kerasseg.files.sha256 import sha256_of


def bring_shards(
    path, description: Description, splits: Iterable[str], anew: bool = False
) -> Path:
    """The folder here that now holds the shards of these splits.

    Those it has already stay, unless `anew`. Raises ValueError that names a shard which
    is missing or has another SHA-256 than `dataset.json` says.
    """
    folder = remote.cache_of(path)
    shards = [shard for split in splits for shard in description.split(split).shards]
    missing = [s for s in shards if anew or not _is(folder / s.name, s)]
    for shard in tqdm(missing, f"bring {path}", unit="shard", disable=None):
        url = f"{remote.url_of(path)}/{shard.name}"
        _checked(folder / shard.name).unlink(missing_ok=True)
        with atomic.replacing(folder / shard.name) as aside:
            try:
                remote.bring(path, shard.name, aside)
            except FileNotFoundError as error:
                raise UserError(
                    f"Shard {url} is missing. {again(description)}"
                ) from error
            if sha256_of(aside) != shard.sha256:
                raise UserError(
                    f"Shard {url} is damaged or another: its SHA-256 is not the one in "
                    f"{FILE}. {again(description)}"
                )
        atomic.write_text(_checked(folder / shard.name), shard.sha256)
    return folder


def here(path: Path) -> Path:
    """Records, or another folder of files, as a folder of this machine."""
    if not remote.is_remote(path) or FILE not in remote.names(path):
        return remote.here(path)
    description = describe(path)
    return bring_shards(path, description, description.splits)


def present(path, splits: Iterable[str]) -> Description | None:
    """The records at `path`, None if there are none; ValueError for something else.

    Shards of these splits alone are what a writing left there that was stopped.
    """
    names = remote.names(path)
    if FILE in names:
        return describe(path)
    shard = re.compile(rf"({'|'.join(map(re.escape, splits))})-\d+-of-\d+\.tfrecord")
    other = [name for name in names if not shard.fullmatch(name)]
    if other:
        raise UserError(
            f"{remote.url_of(path)} is not empty and holds no records ({FILE}), but "
            f"{other[0]}. Nothing was written: name a new folder."
        )
    return None


def publish(
    folder: Path, path, old: Description | None, new: Description, progress: bool
) -> None:
    """Sends what `folder` holds to `path`, `dataset.json` last; removes old shards.

    What was sent is noted beside `folder`, so that a sending that was stopped goes on.
    """
    note = folder.with_name(f"{folder.name}.sent.json")
    sent = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    shards = [shard for split in new.splits.values() for shard in split.shards]
    written = [shard for shard in shards if (folder / shard.name).is_file()]
    quiet = None if progress else True
    for shard in tqdm(written, f"send {path}", unit="shard", disable=quiet):
        same = sent.get(shard.name) == shard.sha256
        if not same or remote.size_of(path, shard.name) != shard.bytes:
            remote.send(folder / shard.name, path, shard.name)
            sent[shard.name] = shard.sha256
            atomic.write_json(note, sent)
    remote.send(folder / FILE, path, FILE)
    note.unlink(missing_ok=True)
    remote.remove(path, sorted(old.shards() - new.shards()) if old else [])


def _is(file: Path, shard: Shard) -> bool:
    """Whether a file here is that shard, as was found out when it was brought."""
    checked = _checked(file)
    return (
        file.is_file()
        and checked.is_file()
        and checked.read_text("utf-8") == shard.sha256
        and file.stat().st_size == shard.bytes
    )


def _checked(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")
