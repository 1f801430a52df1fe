"""`python -m kerasseg.export RUN`: SavedModel and LiteRT files, scored again.

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

from kerasseg import atomic, runs
from kerasseg.command import command
from kerasseg.export.formats import ARTEFACTS, Format, Limits
from kerasseg.quiet import start_tensorflow


@dataclass(frozen=True)
class Export:
    """Write SavedModel and LiteRT files of a run and score them against the network."""

    run: tyro.conf.Positional[str] = ""
    """Run folder; empty: the one trained last."""
    formats: tuple[Format, ...] = ("saved_model", "float32", "float16", "int8")
    """What to write; mediapipe: int8 for MediaPipe's ImageSegmenter."""
    records: str = ""
    """Records to score on; empty: those of the training."""
    split: str = ""
    """Split to score on; empty: the run's validation split."""
    calibration: int = 32
    """Images of the training split, not augmented, that set the ranges of int8."""
    keep_float: tuple[str, ...] = ()
    """Names of layers that int8 leaves in float32."""
    limits: Limits = field(default_factory=Limits)


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Export, args=argv, prog="python -m kerasseg.export")
    run = Path(asked.run) if asked.run else runs.newest()
    settings = runs.settings(run)
    records = asked.records or settings.data.records or run / "records"
    passed = _export(run, records, asked.split or settings.data.val, asked)
    if not passed:
        sys.exit(3)


def export(run: Path, records, split: str) -> None:
    """Writes RUN/export/1 (SavedModel), model.tflite, gate.json and card, scored.

    Artefacts that fail the gate are kept in RUN/export/rejected and a ValueError says
    so.
    """
    if not _export(run, records, split, Export(formats=("saved_model", "float32"))):
        raise ValueError(
            f"The export of {run} broke a limit of the gate; the files are kept in "
            f"{run / 'export' / 'rejected'}. See the table above."
        )


def _export(run: Path, records, split: str, asked: Export) -> bool:
    """Whether all artefacts passed the gate."""
    # ---- Write aside: nobody serves what the gate has not seen --------------------
    start_tensorflow()
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards
    from kerasseg.export import card, gate, litert, saved_model
    from kerasseg.inference import network_size

    network, taxonomy = runs.load(run), runs.taxonomy(run)
    shards.describe(records).split(split)
    size, folder = network_size(network), run / "export"
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    if {"int8", "mediapipe"} & set(asked.formats):
        train = runs.settings(run).data.train
        images = _calibration(records, train, size, asked.calibration)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as aside:
        files, converted = {}, {}
        for name in dict.fromkeys(asked.formats):
            files[name] = Path(aside, ARTEFACTS[name].file)
            if name == "saved_model":
                saved_model.write(network, files[name], taxonomy, name=run.name)
                continue
            kind = "int8" if name == "mediapipe" else name
            if kind not in converted:
                keep = asked.keep_float if kind == "int8" else ()
                converted[kind] = litert.convert(network, kind, images, keep)
            # MediaPipe takes scores only, and refuses a file with two graphs.
            given = litert.SIGNATURES if name != "mediapipe" else ("probabilities",)
            litert.finish(converted[kind], files[name], run.name, taxonomy, given)

        # ---- Score, and let in what passed ---------------------------------------
        batches = pipeline.batches(records, split, batch_size=8, size=size)
        rows = gate.check(network, files, batches, asked.limits)
        for row in rows[1:]:
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
        _print_culprits(network, images, rejected)
    written = [str(folder / row["file"]) for row in rows[1:] if row["passed"]]
    rows = _with_earlier(rows, folder)
    atomic.write_json(folder / "gate.json", rows)
    card.write(run, rows, records, size)
    for row in failed:
        agrees = f"{row['worst']['id']} ({100 * row['worst']['agreement']:.2f} %)"
        print(
            f"{row['name']} broke its limit: {row['rule']}. It is kept in {rejected}. "
            f"The image that agrees least: {agrees}",
            file=sys.stderr,
        )
    print(f"Written: {', '.join([*written, str(folder / 'card.html')])}")
    return not failed


def _calibration(records, split: str, size, count: int) -> list:
    """`count` images of a split, spread over it, as validation reads them."""
    from kerasseg.data import pipeline
    from kerasseg.data import records as shards

    count = min(count, shards.describe(records).split(split).samples)
    # `training` only mixes their order: augmentation happens on the device, later.
    mixed = pipeline.batches(records, split, batch_size=1, size=size, training=True)
    return [batch["image"].numpy()[0] for batch in mixed.take(count)]


def _print_culprits(network, images, rejected: Path) -> None:
    """The layers that lose most in int8, as a table and in layer_errors.json."""
    from kerasseg.export import layer_errors, litert

    with litert.converter(network, "int8", images) as converter:
        errors = layer_errors.report(network, converter, images[:4])
    atomic.write_json(rejected / "layer_errors.json", errors)
    print(f"{'error':>8}   layer (relative, by its quantisation alone)")
    for row in errors[:8]:
        print(f"{100 * row['error']:6.2f} %   {row['layer']}")
    print(
        f"The culprit is most likely '{errors[0]['layer']}'. Try --keep-float "
        f"{errors[0]['layer'].split(', ')[0]}; all layers: "
        f"{rejected / 'layer_errors.json'}"
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
