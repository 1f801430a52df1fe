"""Exports a run: writes files aside, scores them, and lets in those that pass."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from kerasseg import UserError, runs
from kerasseg.console import start_tensorflow
from kerasseg.export import folder, formats
from kerasseg.export.formats import ARTEFACTS, Format, Limits
from kerasseg.files import atomic
from kerasseg.files.sha256 import sha256_of

if TYPE_CHECKING:
    import keras


class Rejected(UserError):
    """A file of an export broke a limit of the gate."""


@dataclass(frozen=True)
class Export:
    """Write files of a run for servers and devices, scored against the network."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    formats: tuple[Format, ...] = ("saved_model", "float32", "float16", "int8")
    """What to write; mediapipe: int8 for MediaPipe's ImageSegmenter; onnx, openvino:
    float32 for those engines, with pip install 'kerasseg[onnx]', 'kerasseg[openvino]'.
    """
    records: str = ""
    """Records to score on; empty: those of the training."""
    split: str = ""
    """Split to score on; empty: the run's validation split."""
    calibration: int = 32
    """Images of the training split, not augmented, that set the ranges of int8."""
    keep_float: tuple[str, ...] = ()
    """Names of layers that int8 leaves in float32."""
    overlap: int = 0
    """SavedModel: pixels > 0, even, that tiles share; it then cuts what is larger than
    the network into tiles and does not shrink it.
    """
    flip: bool = False
    """SavedModel: answer with the mean of the image and of its mirror image."""
    max_pixels: int = 16_777_216
    """SavedModel: pictures of more pixels are refused before they are decoded."""
    limits: Limits = field(default_factory=Limits)


def export(run: Path, records: str | Path, split: str) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite, gate.json and card, scored.

    Raises Rejected when a file breaks a limit of the gate; it is kept in
    RUN/export/rejected.
    """
    asked = Export(formats=("saved_model", "float32"))
    if not all(row["passed"] for row in export_run(run, records, split, asked)):
        raise Rejected(
            f"The export of {run} broke a limit of the gate; the files are kept in "
            f"{run / folder.NAME / folder.REJECTED}. See the table above."
        )


def export_run(run: Path, records: str | Path, split: str, asked: Export) -> list[dict]:
    """Writes what is asked for into RUN/export; the rows of the gate (`gate.check`).

    A file that breaks a limit goes to RUN/export/rejected and its row says so.

    Raises UserError when a package or a split is missing, an option does not fit the
    network, or the network does not convert.
    """
    limited = "mediapipe" in asked.formats  # the others take any number of classes
    classes = runs.taxonomy(run).num_classes if limited else 1
    formats.check(asked.formats, runs.image_format(run), classes)
    start_tensorflow()
    from kerasseg.data import records as shards
    from kerasseg.export import card, gate
    from kerasseg.inference.class_maps import network_size

    network: Any = runs.load(run)
    described = shards.describe(records)
    described.split(split)
    runs.require_kind(run, records, described.image_format)
    size, place = network_size(network), run / folder.NAME
    _check_max_pixels(asked.max_pixels, size)
    images = _images_for_int8(run, records, size, asked)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=place) as aside:
        files = _write(run, network, images, asked, Path(aside))
        rows = _score(run, network, files, records, split, asked)
        print(gate.table(rows))
        folder.let_in(rows, files, place)
    rows[0] |= {"sha256": sha256_of(run / "network.keras"), "split": split}
    _explain_failures(run, network, images, rows)
    known = folder.with_earlier(rows, place)
    atomic.write_json(place / folder.GATE, known)
    page = card.write(run, known, records, size)
    written = [str(place / row["file"]) for row in rows[1:] if row["passed"]]
    print(f"Written: {', '.join([*written, str(page)])}")
    return rows


def calibration_images(
    records: str | Path, split: str, size: tuple[int, int], count: int
) -> list[np.ndarray]:
    """`count` images of a split, spread over it, as validation reads them.

    (h, w, C) each, at `size` (height, width); fewer where the split has fewer.
    """
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    count = min(count, shards.describe(records).split(split).samples)
    # `training` only mixes their order: augmentation happens on the device, later.
    mixed = pipeline.batches(records, split, batch_size=1, size=size, training=True)
    return [batch["image"].numpy()[0] for batch in mixed.take(count)]


def _check_max_pixels(max_pixels: int, size: tuple[int, int]) -> None:
    least = 3 * size[0] * size[1]
    if max_pixels < least:
        raise UserError(
            f"--max-pixels must be at least {least}, three times the network's own: "
            "the gate tries a larger picture."
        )


def _images_for_int8(run: Path, records, size, asked: Export) -> list[np.ndarray]:
    """The calibration images; none where no format is quantised."""
    if not {"int8", "mediapipe"} & set(asked.formats):
        return []
    train = runs.settings(run).data.train
    return calibration_images(records, train, size, asked.calibration)


# ---- Write aside: nobody serves what the gate has not seen ---------------------------


def _write(
    run: Path, network: keras.Model, images, asked: Export, aside: Path
) -> dict[str, Path]:
    """Writes the files into `aside`: format -> file."""
    from kerasseg.export import engines
    from kerasseg.export.saved_model import signatures

    taxonomy, image_format = runs.taxonomy(run), runs.image_format(run)
    names = tuple(dict.fromkeys(asked.formats))
    files: dict[str, Path] = {name: aside / ARTEFACTS[name].file for name in names}
    for name, file in files.items():
        if name == "saved_model":
            signatures.write(
                network,
                file,
                taxonomy,
                name=run.name,
                max_pixels=asked.max_pixels,
                image_format=image_format,
                **_ways(asked),
            )
        elif name not in formats.LITERT:
            engines.write(network, name, file, taxonomy, image_format)
    _write_litert(run, network, images, asked, files)
    return files


def _write_litert(run: Path, network, images, asked: Export, files) -> None:
    from kerasseg.export.litert import conversion

    converted: dict[str, bytes] = {}
    taxonomy, image_format = runs.taxonomy(run), runs.image_format(run)
    for name, file in files.items():
        if name not in formats.LITERT:
            continue
        kind = "int8" if name == "mediapipe" else name
        if kind not in converted and kind == "int8":
            converted[kind] = _int8(run, network, images, asked.keep_float)
        elif kind not in converted:
            converted[kind] = conversion.convert(
                network, kind, image_format=image_format
            )
        # MediaPipe takes scores only, and refuses a file with two graphs.
        given = conversion.SIGNATURES if name != "mediapipe" else ("probabilities",)
        conversion.finish(
            converted[kind], file, run.name, taxonomy, given, image_format
        )


def _int8(run: Path, network, images, keep_float) -> bytes:
    """In the ranges that `python -m kerasseg.finetune_int8` found, if it made the run;
    else in those of the images."""
    from kerasseg.export.litert import conversion, fake_quantisation

    file, given = run / fake_quantisation.FILE, runs.image_format(run)
    if keep_float or not file.is_file():
        return conversion.convert(network, "int8", images, keep_float, given)
    copy = fake_quantisation.with_ranges(network, json.loads(file.read_text()))
    return conversion.convert(copy, "learnt", image_format=given)


def _ways(asked: Export) -> dict[str, Any]:
    """How the SavedModel treats a picture, beyond one run of the network."""
    return {"overlap": asked.overlap, "flip": asked.flip}


# ---- Score --------------------------------------------------------------------------


def _score(
    run: Path,
    network: keras.Model,
    files: dict[str, Path],
    records,
    split: str,
    asked: Export,
) -> list[dict]:
    """The rows of `gate.check`, with the id of the image that agrees least."""
    from kerasseg.data import pipeline
    from kerasseg.export import gate
    from kerasseg.inference.class_maps import network_size

    size, ways = network_size(network), _ways(asked)
    ways["image_format"] = runs.image_format(run)
    batches = pipeline.batches(records, split, batch_size=8, size=size)
    rows = gate.check(network, files, batches, asked.limits, **ways)
    for row in rows[1:]:
        if row["format"] == "saved_model":
            row["ways"] = _ways(asked) | {"max_pixels": asked.max_pixels}
        row["worst"]["id"] = _sample_id(records, split, row["worst"]["image"])
    return rows


def _sample_id(records, split: str, number: int) -> str:
    """The id of the sample that comes as the `number`th of a split, from 0."""
    import tensorflow as tf

    from kerasseg.data import records as shards

    paths = [str(path) for path in shards.shard_paths(records, split)]
    (serialised,) = tf.data.TFRecordDataset(paths).skip(number).take(1)
    example = tf.io.parse_single_example(serialised, shards.FEATURES)
    return example["image/filename"].numpy().decode()


# ---- Say what failed, and where to look ----------------------------------------------


def _explain_failures(run: Path, network, images, rows: list[dict]) -> None:
    rejected = run / folder.NAME / folder.REJECTED
    failed = [row for row in rows if not row["passed"]]
    if any(row["format"] in ("int8", "mediapipe") for row in failed):
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
    from kerasseg.export.litert.range_layers import range_layers

    given = runs.image_format(run)
    kept = range_layers(network, given)
    with conversion.converter(network, "int8", images, given) as converter:
        errors = layer_errors.report(network, converter, images[:4], kept)
    atomic.write_json(rejected / "layer_errors.json", errors)
    print(f"{'error':>8}   layer (relative, by its quantisation alone)")
    for row in errors[:8]:
        print(f"{100 * row['error']:6.2f} %   {row['layer']}")
    print(
        f"The culprit is most likely '{errors[0]['layer']}'. Try --keep-float "
        f"{errors[0]['layer'].split(', ')[0]}, or fine-tune: python -m "
        f"kerasseg.finetune_int8 {run}. All layers: {rejected / 'layer_errors.json'}"
    )
