"""Writes report.html of a run: scores, curves, pictures, exports, settings, commands.

The page asks for nothing from outside: pictures, drawings and style are inside it.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.drawing import html, plots
from kerasseg.files import atomic
from kerasseg.runs import image_table, report_classes, report_more, score_table
from kerasseg.runs.log import read_log
from kerasseg.taxonomy import Taxonomy

FILE = "report.html"

PICTURES = {
    "examples": "Images across the split: image, truth, prediction, errors.",
    "worst": "The images with the lowest mIoU. Look here first for wrong labels.",
}
"""The captions of the sheets that `evaluate` draws; others have their file's name."""

PLOTS = ("confusion", "iou")
"""The names of pictures that have a section or a table of their own."""


def write(run_folder: str | Path) -> Path:
    """Writes RUN/report.html from what the run folder holds; returns its path.

    Parts whose files are missing are left out, with a note that names the file.
    Raises UserError for a folder that does not exist and a file that cannot be read.
    """
    run = Path(run_folder)
    if not run.is_dir():
        raise UserError(f"No run folder at {run}. Expected one made by training.")
    metrics = _json(run / "metrics.json") or {}
    environment = _json(run / "environment.json") or {}
    log = _log(run / "log.csv")
    classes = _classes(run, metrics)
    body = [
        _head(run, metrics, log),
        *([] if metrics.get("folds") else _how_it_went(run, log)),
        html.section("Classes", report_classes.scores(metrics, classes)),
        report_classes.mistakes(run, metrics, classes),
        report_classes.objects(metrics),
        *report_more.sections(run, metrics),
        *_pictures(run, classes, metrics.get("worst") or []),
        html.section("Export", _exports(_json(run / "export" / "gate.json"), classes)),
        html.section("Use and repeat", _commands(run)),
        html.section("Settings", _settings(run, environment)),
    ]
    document = html.page(f"{run.resolve().name}: kerasseg report", "".join(body))
    atomic.write_text(run / FILE, document)
    return run / FILE


def _head(run: Path, metrics: dict, log: dict) -> str:
    name = html.text(run.resolve().name)
    lead = html.missing("metrics.json", "python -m kerasseg.evaluate writes it.")
    if metrics:
        what = "volumes" if "case_dice" in metrics else "images"
        split = (
            f"{metrics.get('samples', 'the')} {what} of the split “{metrics['split']}”"
        )
        known = " It was trained on them: they do not say how well it works on others."
        trained = known if metrics.get("trained_on") else ""
        if metrics.get("folds"):
            trained = " Each was judged by the network of a fold that has not seen it."
        words = f"Scores on {html.text(split)}.{trained}{_interval(metrics)}"
        lead = f'<p class="lead">{words}</p>\n'
    overlap = "counts" in metrics
    figures = {
        "mean IoU": html.number(metrics.get("miou")),
        "mean Dice": html.number(metrics.get("mean_dice")),
        "mean Dice of volumes": html.number(
            score_table.mean_case_dice(metrics) if "case_dice" in metrics else None
        ),
        "right answers" if overlap else "pixel accuracy": html.number(
            metrics.get("pixel_accuracy")
        ),
        "class accuracy": html.number(metrics.get("class_accuracy")),
        "frequency-weighted IoU": html.number(metrics.get("fw_iou")),
        "Cohen’s kappa": html.number(metrics.get("kappa")),
    }
    if log:
        figures["epochs"] = str(len(next(iter(log.values()))))
    if "seconds" in log:
        figures["training time"] = html.duration(np.nansum(log["seconds"]))
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>\n"
        for name, value in figures.items()
        if value != "–"
    )
    cells = f'<dl class="figures">\n{cells}</dl>\n' if cells else ""
    return f"<header>\n<h1>{name}</h1>\n{lead}{cells}</header>\n"


def _interval(metrics: dict) -> str:
    low, high = metrics.get("miou_interval") or (None, None)
    if low is None or high is None:
        return ""
    groups = metrics.get("groups")
    over = f"{groups} groups of images" if groups else "images"
    return f" The 95 % interval of the mean IoU over {over}: {low:.3f} to {high:.3f}."


def _how_it_went(run: Path, log: dict) -> list[str]:
    return [
        html.section("Training", _training(log)),
        html.section("Health", _health(_json(run / "health.json"))),
    ]


def _training(log: dict) -> str:
    if "epoch" in log:  # the file counts from 0, as programs do
        log = log | {"epoch": log["epoch"] + 1}
    drawings = ""
    for name in ("loss", "miou", "learning_rate"):
        lines = {n: log[n] for n in (name, f"val_{name}") if n in log}
        lines = {n: v for n, v in lines.items() if np.isfinite(v).any()}
        if lines:
            ends = [f"{n} {v[np.isfinite(v)][-1]:.4g}" for n, v in lines.items()]
            alternative = f"Curve over the epochs, at the end: {', '.join(ends)}"
            epochs = {"epoch": log["epoch"]} if "epoch" in log else {}
            drawings += html.drawing(plots.curves(lines | epochs), name, alternative)
    if not drawings:
        return html.missing("log.csv", "Training writes one row an epoch.")
    rows = [
        [f"{v:.5g}" if np.isfinite(v) else "–" for v in values]
        for values in zip(*log.values(), strict=True)
    ]
    numbers = html.table("One row an epoch.", list(log), rows, text_columns=0)
    return f'<div class="curves">\n{drawings}</div>\n{html.folded("Numbers", numbers)}'


def _health(health: dict | None) -> str:
    if not health:
        return html.missing("health.json", "Training writes it after each epoch.")
    rates = health["learning_rate"]
    coverage = sorted(health["coverage"].items(), key=lambda item: item[1])
    facts = {
        "Skipped updates": f"{health['skipped']} of {health['steps']} steps",
        "Time spent waiting for input": html.percent(health["waiting"]),
        "Gradient norm": f"median {health['gradient_norm']:.3g}, largest "
        f"{health['gradient_norm_max']:.3g}",
        "Learning rate": f"largest {max(rates):.3g}, at the end {rates[-1]:.3g}",
        "Ignored pixels in training": html.percent(health["ignored_share"]),
        "Rarest classes in training": ", ".join(
            f"{name} {html.percent(share, 2)}" for name, share in coverage[:3]
        ),
        "Classes never seen in training": ", ".join(health["unseen"]) or "none",
        "Dead classes (IoU 0)": ", ".join(health["dead"]) or "none",
        "Of these, never predicted": ", ".join(health["never_predicted"]) or "none",
    }
    rows = [[name, html.text(value)] for name, value in facts.items()]
    epoch = health["best_epoch"] + 1
    note = f"Over the whole training; dead classes are of the best epoch, {epoch}."
    table = html.table(note, ["Fact", "Value"], rows, text_columns=2)
    warning = html.text(health["warning"])
    return (f'<p class="bad">{warning}</p>\n' if warning else "") + table


def _pictures(run: Path, classes: Taxonomy | None, worst: list[dict]) -> list[str]:
    files = [f for f in (run / "pictures").glob("*.png") if f.stem not in PLOTS]
    if not files:
        hint = "python -m kerasseg.evaluate draws them."
        return [html.section("Pictures", html.missing("pictures/", hint))]
    legend, sections = _legend(classes) if classes else "", []
    for file in sorted(files, key=lambda f: (f.stem == "worst", f.stem)):
        title = file.stem.replace("_", " ").capitalize()
        caption = PICTURES.get(file.stem, file.name)
        drawn = html.figure(file.read_bytes(), f"{title}: {caption}", caption)
        if file.stem == "worst" and worst:
            drawn += _named(run, worst)
        sections.append(html.section(title, legend + drawn))
        legend = ""
    return sections


def _named(run: Path, worst: list[dict]) -> str:
    """The names of the worst images, by which they are found again."""
    rows = [[html.text(one["image"]), html.number(one["miou"])] for one in worst]
    note = "The lowest mIoU of the split."
    if (run / image_table.FILE).is_file():
        note += f" All images: {image_table.FILE} in the folder of the run."
    return html.table(note, ["Image", "mIoU"], rows)


def _legend(classes: Taxonomy) -> str:
    items = "".join(
        f"<li>{report_classes.name(classes, i)}</li>\n"
        for i in range(classes.num_classes)
    )
    key = f'<ul class="key" aria-label="Colours of the classes">\n{items}</ul>\n'
    return html.folded("Colours", key) if classes.num_classes > 40 else key


def _exports(gate: list | None, classes: Taxonomy | None) -> str:
    if not gate:
        hint = "python -m kerasseg.export writes it."
        return html.missing("export/gate.json", hint)
    rows = []
    for row in gate:
        passed = '<span class="good">✓ passed</span>'
        failed = '<span class="bad">✗ failed</span>'
        size = f"{row['bytes'] / 1e6:.2f} MB" if row.get("bytes") else "–"
        rows.append(
            [
                html.text(row["name"]),
                html.text(row.get("file") or "–"),
                size,
                html.number(row.get("miou"), 4),
                html.percent(row.get("agreement"), 4),
                html.text(row.get("rule") or "–"),
                passed if row["passed"] else failed,
            ]
        )
    note = "Scored again on validation records. Agreement: pixels with the same class."
    if classes and not classes.exclusive:
        note = "Scored again on validation records. Agreement: equal answers."
    if "images" in gate[0]:
        note += " {} of {} images, spread evenly.".format(*gate[0]["images"])
    titles = ["Artefact", "File", "Size", "mIoU", "Agreement", "Limit", "Gate"]
    return html.table(note, titles, rows, text_columns=2)


def _commands(run: Path) -> str:
    where = shlex.quote(run.name if run.is_absolute() else str(run))
    lines = [
        "# repeat the training, score it again, draw pictures, export",
        f"python -m kerasseg.train {where}/config.toml",
        f"python -m kerasseg.evaluate {where}",
        f"python -m kerasseg.predict PICTURES --run {where}",
        f"python -m kerasseg.export {where}",
    ]
    return html.code("\n".join(lines), "Commands")


def _settings(run: Path, environment: dict) -> str:
    out = html.missing("config.toml", "Training writes it.")
    if (run / "config.toml").is_file():
        settings = (run / "config.toml").read_text(encoding="utf-8").strip()
        out = html.code(settings, "config.toml")
    if environment:
        made = html.code(json.dumps(environment, indent=1), "environment.json")
        out += html.folded("Versions and machine", made)
    return out


def _classes(run: Path, metrics: dict) -> Taxonomy | None:
    values = _json(run / "taxonomy.json")
    if values is not None:
        return Taxonomy.from_json(values)
    return Taxonomy.numbered(len(metrics["iou"])) if metrics.get("iou") else None


def _json(file: Path) -> Any:
    """What a JSON file holds; None where there is no file."""
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is not a JSON file: {error}.") from error


def _log(file: Path) -> dict[str, np.ndarray]:
    """Columns of a log.csv as float arrays, nan for empty cells; {} without rows."""
    rows = read_log(file)
    names = rows[0] if rows else []
    return {n: np.array([_float(row[n]) for row in rows]) for n in names}


def _float(words: str | None) -> float:
    try:
        return float(words or "nan")
    except ValueError:
        return float("nan")
