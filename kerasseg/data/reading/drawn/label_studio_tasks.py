"""JSON exports of Label Studio: the regions of each task, of one annotator."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import ENDINGS
from kerasseg.data.reading.pairing.names import is_junk

AREAS = ("polygon", "brush", "rectangle", "ellipse", "bitmask")
"""Kinds of regions that are pixels."""
TYPES = {f"{kind}{end}": kind for kind in AREAS for end in ("", "labels")}
NOT_AREAS = ("keypoint", "keypointlabels", "vector", "vectorlabels")
HASHED = re.compile("[0-9a-f]{8}-")
"""What Label Studio writes before the name of an uploaded file."""


@dataclass(frozen=True)
class Region:
    """kind: of `AREAS`. label: the class. size: (H, W) of the image in Label Studio.
    value: of the export, in percent of it."""

    kind: str
    label: str
    size: tuple[int, int]
    value: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """An image, as Label Studio names it, and its regions in their order."""

    number: Any
    image: str
    regions: tuple[Region, ...]


def read_tasks(
    src: Path, image_key: str, annotator: str
) -> tuple[Path, list[Task], Counter[str]]:
    """The file, its tasks that are annotated, and what was left out, counted.

    src: the export, or a folder that holds it. image_key: of `data`, "" for the one
    that is there. annotator: "" for the only one; "first", "last", or who.

    Raises UserError for a file that is not an export, and where several annotators or
    images are to choose from.
    """
    file = src if src.is_file() else _file(src)
    left_out: Counter[str] = Counter()
    tasks = []
    for task in _documents(file):
        where = f"{file}: task {task.get('id')}"
        chosen = _annotation(task, annotator, where, left_out)
        if chosen is None:
            left_out["tasks without an annotation"] += 1
            continue
        try:
            regions = tuple(_regions(chosen.get("result") or [], where, left_out))
            image = _image(task.get("data") or {}, chosen, image_key, where)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{where} has a region that cannot be read ({error!r}). Export it "
                "again, as JSON."
            ) from error
        tasks.append(Task(task.get("id"), image, regions))
    if not tasks:
        raise UserError(f"{file} has no task with an annotation. Label some first.")
    return file, tasks, left_out


def _file(src: Path) -> Path:
    if not src.is_dir():
        raise UserError(f"{src} does not exist. Check the path.")
    files = [f for f in sorted(src.glob("*.json")) if not is_junk(f) and _is_export(f)]
    if len(files) != 1:
        some = ", ".join(f.name for f in files[:3]) or "none"
        raise UserError(
            f"{src} must hold one JSON export of Label Studio, it holds {some}. Name "
            "the file as SRC."
        )
    return files[0]


def _is_export(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["


def _documents(file: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{file} is not JSON ({error}). Export it again.") from error
    tasks = document if isinstance(document, list) else [document]
    if not tasks or not all(isinstance(task, dict) for task in tasks):
        raise UserError(f"{file} is not a list of tasks. Export it as JSON.")
    if not any("annotations" in t or "completions" in t for t in tasks):
        kind = "JSON-MIN" if "data" not in tasks[0] else "a list of tasks to import"
        raise UserError(
            f"{file} has no annotations: it seems to be {kind}. Export as JSON in "
            "Label Studio."
        )
    return tasks


def _annotation(
    task: dict[str, Any], annotator: str, where: str, left_out: Counter[str]
) -> dict[str, Any] | None:
    """The annotation of a task that counts; cancelled ones do not."""
    every = task.get("annotations", task.get("completions")) or []
    found = [a for a in every if not a.get("was_cancelled") and not a.get("skipped")]
    left_out["cancelled annotations"] += len(every) - len(found)
    if annotator not in ("", "first", "last"):
        found = [a for a in found if annotator in _who(a)]
    if len(found) > 1 and not annotator:
        names = ", ".join(sorted({_who(a)[0] for a in found}))
        raise UserError(
            f"{where} has {len(found)} annotations, by {names}. Say whose counts with "
            "--annotator NAME, or --annotator first or last (by time)."
        )
    found.sort(key=lambda a: str(a.get("created_at") or ""))
    if len(found) > 1:
        left_out["further annotations of the same task"] += len(found) - 1
    if not found:
        return None
    return found[0] if annotator == "first" else found[-1]


def _who(annotation: dict[str, Any]) -> list[str]:
    """What an annotator may be called: the address, else the number."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        return [str(by[key]) for key in ("email", "id") if by.get(key) is not None]
    return [str(by)]


def _image(
    data: dict[str, Any], annotation: dict[str, Any], key: str, where: str
) -> str:
    if key:
        if key not in data:
            raise UserError(
                f"{where} has no '{key}' in its data. --image may be {', '.join(data)}."
            )
        return str(data[key])
    fitting = [k for k, v in data.items() if isinstance(v, str) and _names(v)]
    if len(fitting) != 1:
        raise UserError(
            f"{where} has {'several images' if fitting else 'no image'} in its data "
            f"({', '.join(fitting or data)}). Say which with --image KEY."
        )
    return str(data[fitting[0]])


def _names(text: str) -> bool:
    return Path(file_name(text)).suffix.lower() in ENDINGS


def file_name(image: str) -> str:
    """The path of an image in the words of Label Studio: /data/upload/3/ab12cd34-x.jpg,
    /data/local-files/?d=folder/x.jpg, s3://bucket/x.jpg, https://host/x.jpg?y."""
    image = image.replace("\\", "/")
    parts = urlsplit(image)
    if query := parse_qs(parts.query).get("d"):
        return query[0]
    return unquote(parts.path).lstrip("/") or image


def _regions(
    results: list[dict[str, Any]], where: str, left_out: Counter[str]
) -> Iterator[Region]:
    """Areas; their labels stand in them, or in another result of the same id."""
    named: dict[Any, list] = {}
    for result in results:
        value = result.get("value") or {}
        labels = value.get(result["type"]) or value.get("labels")
        if isinstance(labels, list) and result["type"].endswith("labels"):
            named.setdefault(result.get("id"), labels)
    drawn = set()
    for result in results:
        kind = TYPES.get(result["type"])
        if result["type"] in NOT_AREAS:
            left_out["points and lines"] += result["type"] == NOT_AREAS[0] or (
                result["type"].endswith("labels")
            )
        if kind is None or result.get("id") in drawn:
            continue
        number = result.get("id")
        if number is not None:
            drawn.add(number)
        labels = (result["value"].get(result["type"])) or named.get(number) or []
        if len(labels) != 1:
            what = " and ".join(map(str, labels)) or "no label"
            raise UserError(
                f"{where}, region {number}, has {what}. A region needs one label: "
                "correct it in Label Studio."
            )
        if result.get("image_rotation"):
            raise UserError(
                f"{where}, region {number}, was drawn on an image that Label Studio "
                f"turned by {result['image_rotation']} degrees. Turn it back there and "
                "draw again."
            )
        size = int(result["original_height"]), int(result["original_width"])
        yield Region(kind, str(labels[0]), size, result["value"])
