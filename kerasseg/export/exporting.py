"""Writes files of a network aside, scores them, and lets in those that pass."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError, runs
from kerasseg.console import counting, say
from kerasseg.export import folder, formats
from kerasseg.export.options import Export
from kerasseg.export.writing import Writer
from kerasseg.files import atomic
from kerasseg.files.sha256 import sha256_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Source:
    """What is exported.

    run: the folder with network.keras, taxonomy.json and image_format.json, which gets
    the folder export. images: (h, w, C) each, that int8 takes its ranges from. batches:
    for the gate, see `gate.check`; None: the files are not scored. split: their name.
    images_of: how many of them are looked at, and of how many; (0, 0): not known.
    sample_id: from the number of an image in them, the first is 0, to its name.
    records: they are of, for the card; "": not known. passes: the network at each size
    over which the SavedModel takes the mean (`inference.scales.Sized`); (): its own.
    """

    run: Path
    network: keras.Model
    images: Sequence[np.ndarray] = ()
    batches: Iterable[dict[str, Any]] | None = None
    split: str = ""
    images_of: tuple[int, int] = (0, 0)
    sample_id: Callable[[int], str] = str
    records: str = ""
    passes: Sequence[Any] = ()


def exported(source: Source, asked: Export) -> list[dict]:
    """Writes what is asked for into RUN/export, with gate.json and the card; the rows
    of the gate (`gate.check`). See `run.export_run`."""
    from kerasseg.export import card, gate

    run, network = source.run, source.network
    size: tuple[int, ...] = tuple(network.input_shape[1:-1])
    place = run / folder.NAME
    wanted = asked.artefacts()
    if "saved_model" in wanted and not runs.volume_format(run):
        _check_max_pixels(asked.max_pixels, size)
    ways = _ways(asked) | {"max_pixels": asked.max_pixels}
    writer = Writer(run, network, source.images, asked.keep_float, ways, source.passes)
    with _aside(place) as aside:
        files = writer.write(wanted, aside)
        if source.batches is not None:
            rows = _score(source, files, asked)
            print(gate.table(rows))
        else:
            rows = unscored(files)
        if "saved_model" in files:
            row = next(row for row in rows if row["format"] == "saved_model")
            row["ways"] = ways
            if asked.scales:
                row["ways"] = ways | {"sizes": [list(p.size) for p in source.passes]}
        folder.let_in(rows, files, place)
    rows[0] |= {"sha256": sha256_of(run / "network.keras"), "split": source.split}
    if source.images_of[0] < source.images_of[1]:
        rows[0]["images"] = list(source.images_of)
    rows[0]["classes"] = list(runs.taxonomy(run).names)
    _explain_failures(run, network, source.images, rows)
    known = folder.with_earlier(rows, place)
    atomic.write_json(place / folder.GATE, known)
    page = card.write(run, known, source.records, size)
    written = [str(place / row["file"]) for row in rows[1:] if row["passed"]]
    say(f"Written: {', '.join([*written, str(page)])}")
    return rows


@contextlib.contextmanager
def _aside(place: Path) -> Iterator[Path]:
    """A folder on the disk of `place` that is removed at the end; `place` too, where
    nothing came into it."""
    had = place.is_dir()
    atomic.remove_leftovers(place)
    try:
        with atomic.scratch(place) as aside:
            yield aside
    except BaseException:
        if not had:
            shutil.rmtree(place, ignore_errors=True)
        raise


def unscored(files: dict[str, Path]) -> list[dict]:
    """Rows like those of `gate.check` where nothing was scored: without scores."""
    from kerasseg.export import gate

    first = {"format": "network", "name": "network", "file": "", "bytes": 0}
    rows = [
        {"format": name, "name": formats.ARTEFACTS[name].title}
        | {"bytes": gate.size(file), "rule": "not scored here"}
        for name, file in files.items()
    ]
    return [row | {"passed": True, "scored": False} for row in [first, *rows]]


def _check_max_pixels(max_pixels: int, size: tuple[int, ...]) -> None:
    least = 3 * size[0] * size[1]
    if max_pixels < least:
        raise UserError(
            f"--max-pixels must be at least {least}, three times the network's own: "
            "the gate tries a larger picture."
        )


def _ways(asked: Export) -> dict[str, Any]:
    """How the SavedModel treats a picture, beyond one run of the network."""
    return {"overlap": asked.overlap, "flip": asked.flip}


# ---- Score --------------------------------------------------------------------------


def _score(source: Source, files: dict[str, Path], asked: Export) -> list[dict]:
    """The rows of `gate.check`, with the name of the image that agrees least."""
    from kerasseg.export import gate

    ways = _ways(asked) | {"passes": source.passes}
    ways["image_format"] = runs.image_format(source.run)
    ways["exclusive"] = runs.taxonomy(source.run).exclusive
    ways["volume"] = runs.volume_format(source.run)
    batches: Any = source.batches or ()
    length = int(batches.cardinality()) if hasattr(batches, "cardinality") else -1
    with counting("gate: scoring batch", length) as one_more:
        batches = map(one_more, batches)
        rows = gate.check(source.network, files, batches, asked.limits, **ways)
    for row in rows[1:]:
        row["worst"]["id"] = source.sample_id(row["worst"]["image"])
    return rows


# ---- Say what failed, and where to look ----------------------------------------------


def _explain_failures(run: Path, network, images, rows: list[dict]) -> None:
    rejected = run / folder.NAME / folder.REJECTED
    failed = [row for row in rows if not row["passed"]]
    kinds = {formats.ARTEFACTS[row["format"]].kind for row in failed}
    if "int8" in kinds and len(images):
        _print_layer_errors(run, network, images, rejected)
    for row in failed:
        worst = f"{row['worst']['id']} ({100 * row['worst']['agreement']:.2f} %)"
        print(
            f"{row['name']} broke its limit: {row['rule']}. It is kept in {rejected}. "
            f"The image that agrees least: {worst}",
            file=sys.stderr,
        )


def _print_layer_errors(run: Path, network, images, rejected: Path) -> None:
    """The layers that lose most in int8, as a table and in layer_errors.json."""
    from kerasseg.export.litert import conversion, layer_errors
    from kerasseg.export.litert.flattened import flattened
    from kerasseg.export.litert.range_layers import range_layers

    network = flattened(network)
    given = runs.image_format(run)
    kept = range_layers(network, given)
    exclusive = runs.taxonomy(run).exclusive
    with conversion.converter(network, "int8", images, given, exclusive) as converter:
        errors = layer_errors.report(network, converter, images[:4], kept)
    atomic.write_json(rejected / "layer_errors.json", errors)
    print(f"{'error':>8}   layer (relative, by its quantisation alone)")
    for row in errors[:8]:
        print(f"{100 * row['error']:6.2f} %   {row['layer']}")
    say(
        f"The culprit is most likely '{errors[0]['layer']}'. Try --keep-float "
        f"{errors[0]['layer'].split(', ')[0]}, or fine-tune: python -m "
        f"kerasseg.finetune_int8 {run}. All layers: {rejected / 'layer_errors.json'}"
    )
