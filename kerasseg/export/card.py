"""The model card of an export: accuracy, size, speed, use, limits, origin of its files.

One list of parts is written twice: card.md for repositories, card.html for reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from kerasseg import runs
from kerasseg.data.format.description import describe
from kerasseg.drawing import html
from kerasseg.export import contract, latency, which_file
from kerasseg.export import folder as folder_
from kerasseg.export.contract import Parts
from kerasseg.export.formats import LITERT, missing
from kerasseg.export.litert import flatbuffer
from kerasseg.export.runners import runner
from kerasseg.files import atomic
from kerasseg.image_format import ImageFormat
from kerasseg.runs.seen import trained_on
from kerasseg.taxonomy import Taxonomy

WEAK = 0.5
"""Classes of a lower IoU are named among the known limits."""


def write(
    run: Path, rows: list[dict], records: str | Path, size: tuple[int, ...]
) -> Path:
    """Writes RUN/export/card.md and card.html; returns the latter.

    rows: of the gate, see `gate.check`, or `exporting.unscored`; records: they were
    scored on; "": not known. size: height and width of the network; of volumes depth,
    height and width of a patch. Measures the latency of the files that passed, except
    that of the SavedModel.
    """
    folder, taxonomy = run / "export", runs.taxonomy(run)
    image_format = runs.image_format(run)
    accepted = [row for row in rows[1:] if row["passed"]]
    devices = [
        row
        for row in accepted
        if row["format"] != "saved_model" and not missing(row["format"])
    ]
    volume = runs.volume_format(run)
    if volume:
        given = contract.of_volumes(accepted, size, taxonomy, image_format, volume)
    else:
        height, width = size
        given = contract.parts(accepted, height, width, taxonomy, image_format)
    parts = [
        *_accuracy(rows, taxonomy.names, () if volume else size),
        *which_file.parts(folder, accepted, image_format),
        *_cost(folder, devices, size, image_format),
        *given,
        *_limits(rows[0], taxonomy, size, _judged(run, records, rows[0])),
        *_origin(run, records, rows[0]),
    ]
    name = run.resolve().name
    what = "volumes" if volume else "images"
    lead = (
        f"Semantic segmentation of {_said(size)} {what} into "
        f"{taxonomy.counted()}. {_verdict(rows)}"
    )
    atomic.write_text(folder / "card.md", _markdown(name, lead, parts))
    body = f'<header>\n<h1>{html.text(name)}</h1>\n<p class="lead">{html.text(lead)}'
    body += "</p>\n</header>\n" + _html(parts)
    atomic.write_text(folder / "card.html", html.page(f"{name}: model card", body))
    return folder / "card.html"


def _said(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))


def _verdict(rows: list[dict]) -> str:
    judged = [row for row in rows[1:] if folder_.scored(row)]
    words = []
    if judged or not rows[1:]:
        passed = sum(row["passed"] for row in judged)
        words.append(
            f"{passed} of {len(judged)} files passed the gate on the split "
            f"'{rows[0]['split']}'."
        )
    if len(judged) < len(rows) - 1:
        others = [row["file"] for row in rows[1:] if row not in judged]
        words.append(f"Not scored here: {', '.join(others)}.")
    return " ".join(words)


def _accuracy(rows: list[dict], names: Sequence[str], size: tuple[int, ...]) -> Parts:
    """size: that of pictures and labels in the gate; (): volumes have their own."""
    yield "section", "Accuracy"
    rows = [row for row in rows if folder_.scored(row)]
    if not rows:
        yield (
            "text",
            "Not scored here: there were no records. Nobody compared these files with "
            "the network; python -m kerasseg.export RUN --records FOLDER does.",
        )
        return
    titles = [
        "Artefact",
        "mIoU",
        "Lost points",
        "Same answers",
        "Worst image",
        "Limit",
        "",
    ]
    cells = []
    for row in rows:
        lost = same = worst = rule = verdict = ""
        if row is not rows[0]:
            lost = f"{100 * (rows[0]['miou'] - row['miou']):.2f}"
            same = f"{100 * row['agreement']:.3f} %"
            least = row["worst"]["agreement"]
            if least < 1:
                worst = f"{row['worst']['id']} ({100 * least:.2f} %)"
            rule = row["rule"]
            verdict = "passed" if row["passed"] else "REJECTED"
        name = row["name"] if row is not rows[0] else "Keras network"
        cells.append([name, f"{row['miou']:.4f}", lost, same, worst, rule, verdict])
    which = "every image"
    if "images" in rows[0]:
        which = "{} of {} images, spread evenly,".format(*rows[0]["images"])
    note = (
        f"Each file was run on {which} of the split. Same answers: share of pixels "
        "for which it says the same as the Keras network, where classes overlap for "
        "each class; worst image: where fewest."
    )
    if size:
        note += (
            f" Images and labels are brought to {_said(size)} for it; kerasseg."
            "evaluate scores the pixels of the records."
        )
    yield "table", note, titles, cells
    per_class = [
        [
            name,
            *("–" if row["iou"][i] is None else f"{row['iou'][i]:.4f}" for row in rows),
        ]
        for i, name in enumerate(names)
    ]
    yield (
        "table",
        "IoU of each class.",
        ["Class", *(r["name"] for r in rows)],
        per_class,
    )


def _cost(
    folder: Path,
    devices: list[dict],
    size: tuple[int, ...],
    image_format: ImageFormat,
) -> Parts:
    yield "section", "Size and speed"
    if not devices:
        yield "text", "No file for devices was accepted, so none was measured."
        return
    titles = ["Artefact", "File", "MB", "ms, 1 thread", "ms, 2 threads"]
    cells, counts = [], {}
    for row in devices:
        file = folder / row["file"]
        runs_of = (runner(row["format"], file, n) for n in latency.THREADS)
        times = [
            latency.measure(run, *size, image_format=image_format) for run in runs_of
        ]
        if row["format"] in LITERT and not row["format"].endswith("_probabilities"):
            counts[row["name"]] = flatbuffer.operators(file.read_bytes())
        spans = [f"{t['median']:.1f} (p10 {t['fast']:.1f})" for t in times]
        cells.append([row["name"], row["file"], f"{row['bytes'] / 1e6:.2f}", *spans])
    note = (
        f"One class map, without reading and resizing; median and 10th percentile, "
        f"measured on {latency.machine()}."
    )
    yield "table", note, titles, cells
    if not counts:
        return
    known = sorted({operator for count in counts.values() for operator in count})
    rows = [[op, *(str(count.get(op, 0)) for count in counts.values())] for op in known]
    yield "section", "Operators"
    note = (
        "Those of what runs by default in LiteRT files; all are built into every "
        "interpreter."
    )
    yield "table", note, ["Operator", *counts], rows


def _judged(run: Path, records: str | Path, network: dict) -> str:
    """What the scores say of images that are new."""
    if not (records and folder_.scored(network)):
        return "On images of other cameras, weather, places it may answer far worse."
    if not trained_on(run, records, network["split"]):
        return (
            "The scores are of the split that also chose the best epoch: on new images "
            "they are somewhat lower, with other cameras, weather, places maybe far "
            "lower."
        )
    said = (
        "The scores above are of images that the network was trained on: they compare "
        "the files, and do not say how well it works on new images."
    )
    if (run / "config.toml").is_file() and runs.settings(run).fit.folds:
        said += " For that see the report: there each image is judged by a network that"
        said += " has not seen it."
    return said


def _limits(
    network: dict, taxonomy: Taxonomy, size: tuple[int, ...], judged: str
) -> Parts:
    yield "section", "Known limits"
    names = taxonomy.names
    known = network["iou"] if folder_.scored(network) else []
    pairs = list(zip(names, known, strict=False))
    weak = [
        f"{name} ({iou:.2f})" for name, iou in pairs if iou is not None and iou < WEAK
    ]
    unseen = [name for name, iou in pairs if iou is None]
    shape = (
        f"Images are stretched to {_said(size)}: another aspect ratio than that of "
        "the training changes shapes, and details smaller than a pixel of it are lost."
    )
    if len(size) == 3:
        shape = (
            "Volumes of another scanner, protocol, part of the body or spacing than "
            "those of the training may be answered far worse, without a sign of it."
        )
    answer = "Every pixel gets one of the classes; there is no 'unknown'"
    if not taxonomy.exclusive:
        answer = "Each class is asked for itself, and is there above 0.5"
    limits = [
        shape,
        f"{answer}. Probabilities are not calibrated.",
        judged,
        "Speed was measured on this one machine; measure it on the device.",
        "Not fit to be the only safeguard of a vehicle or a machine near people."
        if len(size) == 2
        else "No medical device: not fit to diagnose or treat anybody.",
    ]
    if weak:
        limits.insert(0, f"Weak classes, IoU below {WEAK}: {', '.join(weak)}.")
    if unseen:
        limits.insert(0, f"Not in the scored split: {', '.join(unseen)}.")
    yield "list", limits


def _origin(run: Path, records: str | Path, network: dict) -> Parts:
    yield "section", "Licence and data"
    data, model = "unknown, not at hand here.", "a model from elsewhere"
    if (run / "config.toml").is_file():
        settings = runs.settings(run)
        data = f"{Path(settings.data.records).name or 'unknown'}, not at hand here."
        model = settings.model.name
    if records:
        described = describe(records)
        splits = "; ".join(
            f"{name}: {split.samples} images"
            for name, split in described.splits.items()
        )
        data = f"{described.name}. {splits}."
    yield (
        "list",
        [
            f"Data: {data}",
            f"Network: {model}, run {run.resolve().name}, "
            f"network.keras SHA-256 {network['sha256']}.",
            "The program that made this (kerasseg) is under Apache-2.0. The weights "
            "are bound by the terms of the data and of pretrained weights they were "
            "trained from: state them here before passing the files on.",
            f"Written on {date.today().isoformat()}.",
        ],
    )


def _markdown(name: str, lead: str, parts: list[tuple]) -> str:
    lines = [f"# {name}", "", lead, ""]
    for kind, *content in parts:
        if kind == "section":
            lines += [f"## {content[0]}", ""]
        elif kind == "text":
            lines += [content[0], ""]
        elif kind == "list":
            lines += [*(f"- {item}" for item in content[0]), ""]
        elif kind == "code":
            language, short, code = content
            lines += [f"### {language}", "", f"```{short}", code.rstrip(), "```", ""]
        else:
            note, titles, rows = content
            cells = [titles, ["---"] * len(titles), *rows]
            clean = [[cell.replace("|", "\\|") for cell in row] for row in cells]
            lines += [note, "", *(f"| {' | '.join(row)} |" for row in clean), ""]
    return "\n".join(lines)


def _html(parts: list[tuple]) -> str:
    sections: list[tuple[str, str]] = []
    for kind, *content in parts:
        if kind == "section":
            sections.append((content[0], ""))
            continue
        if kind == "text":
            body = f"<p>{html.text(content[0])}</p>\n"
        elif kind == "list":
            items = "".join(f"<li>{html.text(item)}</li>\n" for item in content[0])
            body = f"<ul>\n{items}</ul>\n"
        elif kind == "code":
            language, _, code = content
            body = f"<h3>{html.text(language)}</h3>\n" + html.code(code, language)
        else:
            note, titles, rows = content
            cells = [[html.text(cell) or "–" for cell in row] for row in rows]
            texts = 1 + (titles[1] == "File")
            if titles[0] == "File":
                texts = len(titles)
            body = html.table(note, titles, cells, text_columns=texts)
        title, before = sections[-1]
        sections[-1] = (title, before + body)
    return "".join(html.section(title, body) for title, body in sections)
