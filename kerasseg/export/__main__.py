"""`python -m kerasseg.export RUN`: files for servers and devices, scored again.

Exit code 3: an artefact broke a limit of the gate and was put into RUN/export/rejected.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, start_tensorflow
from kerasseg.export import formats
from kerasseg.export.formats import ARTEFACTS, Format, Limits
from kerasseg.files import atomic


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


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Export, args=argv, prog="python -m kerasseg.export")
    run = Path(asked.run) if asked.run else runs.newest()
    settings = runs.settings(run)
    records = asked.records or settings.data.records or run / "records"
    rows = export_run(run, records, asked.split or settings.data.val, asked)
    if not all(row["passed"] for row in rows):
        sys.exit(3)


def export(run: Path, records, split: str) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite, gate.json and card, scored.

    Artefacts that fail the gate are kept in RUN/export/rejected and a ValueError says
    so.
    """
    asked = Export(formats=("saved_model", "float32"))
    if not all(row["passed"] for row in export_run(run, records, split, asked)):
        raise UserError(
            f"The export of {run} broke a limit of the gate; the files are kept in "
            f"{run / 'export' / 'rejected'}. See the table above."
        )


def export_run(run: Path, records, split: str, asked: Export) -> list[dict]:
    """Writes what is asked for; the rows of the gate, see `gate.check`."""
    # ---- Write aside: nobody serves what the gate has not seen --------------------
    formats.check(asked.formats)
    start_tensorflow()
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.export import card, engines, gate
    from kerasseg.export.litert import conversion
    from kerasseg.export.saved_model import signatures
    from kerasseg.inference.class_maps import network_size

    network, taxonomy = runs.load(run), runs.taxonomy(run)
    shards.describe(records).split(split)
    size, folder = network_size(network), run / "export"
    folder.mkdir(parents=True, exist_ok=True)
    ways = {"overlap": asked.overlap, "flip": asked.flip}
    if asked.max_pixels < 3 * size[0] * size[1]:
        raise UserError(
            f"--max-pixels must be at least {3 * size[0] * size[1]}, three times the "
            "network's own: the gate tries a larger picture."
        )
    images = []
    if {"int8", "mediapipe"} & set(asked.formats):
        train = runs.settings(run).data.train
        images = calibration_images(records, train, size, asked.calibration)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as aside:
        files, converted = {}, {}
        for name in dict.fromkeys(asked.formats):
            files[name] = Path(aside, ARTEFACTS[name].file)
            if name == "saved_model":
                options = ways | {"name": run.name, "max_pixels": asked.max_pixels}
                signatures.write(network, files[name], taxonomy, **options)
                continue
            if name not in formats.LITERT:
                engines.write(network, name, files[name], taxonomy)
                continue
            kind = "int8" if name == "mediapipe" else name
            if kind not in converted and kind == "int8":
                converted[kind] = _int8(run, network, images, asked.keep_float)
            elif kind not in converted:
                converted[kind] = conversion.convert(network, kind)
            # MediaPipe takes scores only, and refuses a file with two graphs.
            given = conversion.SIGNATURES if name != "mediapipe" else ("probabilities",)
            conversion.finish(converted[kind], files[name], run.name, taxonomy, given)

        # ---- Score, and let in what passed ---------------------------------------
        batches = pipeline.batches(records, split, batch_size=8, size=size)
        rows = gate.check(network, files, batches, asked.limits, **ways)
        for row in rows[1:]:
            if row["format"] == "saved_model":
                row["ways"] = ways | {"max_pixels": asked.max_pixels}
            row["worst"]["id"] = _id(records, split, row["worst"]["image"])
        print(gate.table(rows))
        rejected = folder / "rejected"
        shutil.rmtree(rejected, ignore_errors=True)
        for row in rows[1:]:
            target = folder / row["file"]
            if not row["passed"]:
                # Also an older one goes: it is not what this network gives.
                _remove(target)
                target = rejected / row["file"]
            with atomic.replacing(target) as place:
                files[row["format"]].rename(place)
    rows[0]["sha256"] = _sha256(run / "network.keras")
    rows[0]["split"] = split
    failed = [row for row in rows if not row["passed"]]
    if any(row["format"] in ("int8", "mediapipe") for row in failed):
        _print_culprits(run, network, images, rejected)
    written = [str(folder / row["file"]) for row in rows[1:] if row["passed"]]
    known = _with_earlier(rows, folder)
    atomic.write_json(folder / "gate.json", known)
    card.write(run, known, records, size)
    for row in failed:
        agrees = f"{row['worst']['id']} ({100 * row['worst']['agreement']:.2f} %)"
        print(
            f"{row['name']} broke its limit: {row['rule']}. It is kept in {rejected}. "
            f"The image that agrees least: {agrees}",
            file=sys.stderr,
        )
    print(f"Written: {', '.join([*written, str(folder / 'card.html')])}")
    return rows


def _int8(run: Path, network, images, keep_float) -> bytes:
    """In the ranges that `python -m kerasseg.finetune_int8` found, if it made the run;
    else in those of the images."""
    from kerasseg.export.litert import conversion, fake_quantisation

    file = run / fake_quantisation.FILE
    if keep_float or not file.is_file():
        return conversion.convert(network, "int8", images, keep_float)
    copy = fake_quantisation.with_ranges(network, json.loads(file.read_text()))
    return conversion.convert(copy, "learnt")


def calibration_images(records, split: str, size, count: int) -> list:
    """`count` images of a split, spread over it, as validation reads them."""
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    count = min(count, shards.describe(records).split(split).samples)
    # `training` only mixes their order: augmentation happens on the device, later.
    mixed = pipeline.batches(records, split, batch_size=1, size=size, training=True)
    return [batch["image"].numpy()[0] for batch in mixed.take(count)]


def _print_culprits(run: Path, network, images, rejected: Path) -> None:
    """The layers that lose most in int8, as a table and in layer_errors.json."""
    from kerasseg.export.litert import conversion, layer_errors

    with conversion.converter(network, "int8", images) as converter:
        errors = layer_errors.report(network, converter, images[:4])
    atomic.write_json(rejected / "layer_errors.json", errors)
    print(f"{'error':>8}   layer (relative, by its quantisation alone)")
    for row in errors[:8]:
        print(f"{100 * row['error']:6.2f} %   {row['layer']}")
    print(
        f"The culprit is most likely '{errors[0]['layer']}'. Try --keep-float "
        f"{errors[0]['layer'].split(', ')[0]}, or fine-tune: python -m "
        f"kerasseg.finetune_int8 {run}. All layers: {rejected / 'layer_errors.json'}"
    )


def _with_earlier(rows: list[dict], folder: Path) -> list[dict]:
    """These rows and those of earlier exports of the same network, in fixed order."""
    file = folder / "gate.json"
    earlier = json.loads(file.read_text()) if file.is_file() else []
    same = bool(earlier) and all(
        earlier[0].get(key) == rows[0][key] for key in ("sha256", "split")
    )
    known = {row["format"]: row for row in earlier if same and row["passed"]}
    known = {
        name: row
        for name, row in known.items()
        if row["file"] and (folder / row["file"]).exists()
    }
    known |= {row["format"]: row for row in rows}
    return [known[name] for name in ["network", *ARTEFACTS] if name in known]


def _id(records, split: str, number: int) -> str:
    """The id of the sample that comes as the `number`th of a split."""
    import tensorflow as tf

    from kerasseg.data import records as shards

    paths = [str(path) for path in shards.shard_paths(records, split)]
    (serialised,) = tf.data.TFRecordDataset(paths).skip(number).take(1)
    example = tf.io.parse_single_example(serialised, shards.FEATURES)
    return example["image/filename"].numpy().decode()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
