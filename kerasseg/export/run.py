"""Exports a run: writes files aside, scores them, and lets in those that pass."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from kerasseg import UserError, runs
from kerasseg.console import counting, say, start_tensorflow
from kerasseg.console.flags import COUNT, PIXELS
from kerasseg.export import calibration, folder, formats
from kerasseg.export.formats import Compat, Format, Limits, Signatures
from kerasseg.export.writing import Writer, needs_images
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
    """What to write; mediapipe: float16 and int8 for MediaPipe's ImageSegmenter;
    opencv: float32 logits for cv2.dnn; onnx, openvino: float32 for those engines, with
    pip install 'kerasseg[onnx]', 'kerasseg[openvino]'.
    """
    signatures: Signatures = "separate"
    """LiteRT, ONNX and OpenVINO: a file for the class map and one for probabilities,
    one of them, or both in one file, which MediaPipe and OpenCV refuse.
    """
    compat: tuple[Compat, ...] = ()
    """More files, within an accelerator's documented list: gpu: float16, float image
    in, probabilities out; edgetpu: int8 logits at the network's stride.
    """
    records: str = ""
    """Records to score on; empty: those of the training."""
    split: str = ""
    """Split to score on; empty: the run's validation split."""
    gate: bool = True
    """Score the files; --no-gate: where there are no records. The card says so."""
    calibrate: str = ""
    """Folder of pictures that set the ranges of int8; empty: the training split."""
    calibration: Annotated[int, COUNT] = 32
    """How many images, not augmented, set the ranges of int8."""
    keep_float: tuple[str, ...] = ()
    """Names of layers that int8 leaves in float32."""
    overlap: Annotated[int, PIXELS] = 0
    """SavedModel: pixels > 0, even, that tiles share; it then cuts what is larger than
    the network into tiles and does not shrink it.
    """
    flip: bool = False
    """SavedModel: answer with the mean of the image and of its mirror image."""
    max_pixels: Annotated[int, COUNT] = 16_777_216
    """SavedModel: pictures of more pixels are refused before they are decoded."""
    limits: Limits = field(default_factory=Limits)

    def artefacts(self) -> dict[str, tuple[str, ...]]:
        """What is written, with its signatures (`formats.artefacts`)."""
        return formats.artefacts(self.formats, self.signatures, self.compat)


def export(
    run: Path,
    records: str | Path,
    split: str,
    wanted: Sequence[str] = ("saved_model", "float32"),
) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite and model_probabilities.tflite,
    or what other formats are wanted, gate.json and card, scored.

    Raises Rejected when a file breaks a limit of the gate; it is kept in
    RUN/export/rejected.
    """
    asked = Export(formats=tuple(wanted))  # type: ignore[arg-type]
    if not all(row["passed"] for row in export_run(run, records, split, asked)):
        raise Rejected(
            f"The export of {run} broke a limit of the gate; the files are kept in "
            f"{run / folder.NAME / folder.REJECTED}. See the table above."
        )


def export_run(run: Path, records: str | Path, split: str, asked: Export) -> list[dict]:
    """Writes what is asked for into RUN/export; the rows of the gate (`gate.check`).

    A file that breaks a limit goes to RUN/export/rejected and its row says so. A
    SavedModel becomes a new version. Where it fails, nothing is left behind.

    Raises UserError when a package or a split is missing, an option does not fit the
    network, or the network does not convert.
    """
    limited = "mediapipe" in asked.formats  # the others take any number of classes
    classes = runs.taxonomy(run).num_classes if limited else 1
    volume = runs.volume_format(run)
    wanted_names = (*asked.formats, *asked.compat)
    formats.check(wanted_names, runs.image_format(run), classes, bool(volume))
    if volume and (asked.overlap or asked.calibrate):
        flag = "--overlap" if asked.overlap else "--calibrate"
        raise UserError(
            f"{flag} is for pictures; volumes go through a window of half overlap, and "
            "int8 takes its ranges from records. Leave it out."
        )
    start_tensorflow()
    from kerasseg.data import records as shards
    from kerasseg.export import card, gate

    network: Any = runs.load(run)
    if asked.gate:
        described = shards.describe(records)
        described.split(split)
        runs.require_kind(run, records, described.image_format, described.volume)
    size: tuple[int, ...] = tuple(network.input_shape[1:-1])
    place = run / folder.NAME
    wanted = asked.artefacts()
    if "saved_model" in wanted and not volume:
        _check_max_pixels(asked.max_pixels, size)
    images = _images_for_int8(run, records, size, asked)
    ways = _ways(asked) | {"max_pixels": asked.max_pixels}
    writer = Writer(run, network, images, asked.keep_float, ways)
    with _aside(place) as aside:
        files = writer.write(wanted, aside)
        if asked.gate:
            rows = _score(run, network, files, records, split, asked)
            print(gate.table(rows))
        else:
            rows = unscored(files)
        if "saved_model" in files:
            row = next(row for row in rows if row["format"] == "saved_model")
            row["ways"] = ways
        folder.let_in(rows, files, place)
    split = split if asked.gate else ""
    rows[0] |= {"sha256": sha256_of(run / "network.keras"), "split": split}
    rows[0]["classes"] = list(runs.taxonomy(run).names)
    _explain_failures(run, network, images, rows)
    known = folder.with_earlier(rows, place)
    atomic.write_json(place / folder.GATE, known)
    page = card.write(run, known, records if asked.gate else "", size)
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


def _images_for_int8(run: Path, records, size, asked: Export) -> list[np.ndarray]:
    """The calibration images; none where no artefact is quantised."""
    if not needs_images(asked.artefacts()):
        return []
    if asked.calibrate:
        place, given = Path(asked.calibrate), runs.image_format(run)
        return calibration.of_folder(place, size, asked.calibration, given)
    learnt = (run / "int8_ranges.json").is_file() and not asked.keep_float
    if learnt and not asked.gate:
        return []
    if not Path(records).is_dir():
        raise UserError(
            f"int8 takes its ranges from images of the training, and {records} does "
            "not exist. Name a folder of pictures with --calibrate, or leave int8 out: "
            "--formats saved_model float32 float16."
        )
    train = runs.settings(run).data.train
    return calibration.of_records(records, train, size, asked.calibration)


def _ways(asked: Export) -> dict[str, Any]:
    """How the SavedModel treats a picture, beyond one run of the network."""
    return {"overlap": asked.overlap, "flip": asked.flip}


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

    size, ways = tuple(network.input_shape[1:-1]), _ways(asked)
    ways["image_format"] = runs.image_format(run)
    ways["exclusive"] = runs.taxonomy(run).exclusive
    ways["volume"] = runs.volume_format(run)
    some = 1 if ways["volume"] else 8  # patches of volumes are large
    batches = pipeline.batches(records, split, batch_size=some, size=size)
    with counting("gate: scoring batch", int(batches.cardinality())) as one_more:
        rows = gate.check(network, files, map(one_more, batches), asked.limits, **ways)
    for row in rows[1:]:
        number = row["worst"]["image"]
        patch = f"patch {number + 1}" if ways["volume"] else ""
        row["worst"]["id"] = patch or _sample_id(records, split, number)
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
