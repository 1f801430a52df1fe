"""Writes the doctor's HTML page: findings with pictures, class weights, overlays."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np

from kerasseg.data.datasets.folder_files import fit
from kerasseg.data.format.description import images_line
from kerasseg.doctor.check_bands import rows, used_bits
from kerasseg.doctor.checks import CHECKS
from kerasseg.doctor.class_balance import Balance, recipe
from kerasseg.doctor.facts import Facts, decode
from kerasseg.doctor.finding import Finding
from kerasseg.doctor.images import picture
from kerasseg.doctor.mask_ids import ids_of
from kerasseg.doctor.survey import Survey
from kerasseg.doctor.terminal_report import verdict
from kerasseg.drawing import html, pictures
from kerasseg.taxonomy import Taxonomy

LOOK = 6
"""Overlays drawn of each split."""

SIDE = 640
"""Longer sides of drawn images are shrunk to this."""

PICTURES = 4_000_000
"""Bytes that all pictures of a page may take; with what is written around them it stays
below 5 MB. The more pictures, the smaller they are."""
ROWS = 1000
"""Classes in the table, at most."""


def report(
    name: str,
    survey: Survey,
    findings: list[Finding],
    balances: list[Balance],
    left_out: Collection[str] = (),
) -> str:
    """The page, whole in one file.

    name: of the source. balances: of the splits, train first; empty where ids mean
    nothing. left_out: names of the checks that were not done.
    """
    count = sum(bool(f.examples) for f in findings) + len(survey.splits)
    most = PICTURES // max(count, 1)
    body = [_head(name, survey, findings)]
    body += [_finding(finding, survey, most) for finding in findings]
    body.append(html.section("Checks", _checks(findings, left_out)))
    if balances:
        body.append(html.section("Classes", _classes(survey.classes, balances)))
    if survey.good:
        body.append(html.section("Images", _images(survey)))
    for split, facts in survey.splits.items():
        body.append(html.section(f"A look at {split}", _look(facts, survey, most)))
    return html.page(f"{name}: kerasseg doctor", "".join(body))


def _head(name: str, survey: Survey, findings: list[Finding]) -> str:
    errors = sum(f.severity == "error" for f in findings)
    figures = {"errors": errors, "warnings": len(findings) - errors}
    figures |= {f"{split} images": len(f) for split, f in survey.splits.items()}
    figures["classes"] = survey.classes.num_classes
    cells = "".join(
        f"<div><dt>{html.text(what)}</dt><dd>{value}</dd></div>\n"
        for what, value in figures.items()
    )
    lead = f'<p class="lead">{html.text(verdict(findings))}</p>\n'
    cells = f'<dl class="figures">\n{cells}</dl>\n'
    return f"<header>\n<h1>{html.text(name)}</h1>\n{lead}{cells}</header>\n"


def _finding(finding: Finding, survey: Survey, most: int) -> str:
    kind = ' class="bad"' if finding.severity == "error" else ""
    body = f"<p{kind}>{html.text(finding.says)}</p>\n"
    body += f"<p>Fix: {html.text(finding.fix)}</p>\n"
    rows, titles = [], []
    for facts in finding.examples:
        drawn = [_drawn(one, survey) for one in facts]
        rows.append([p for pair in drawn for p in pair])
        titles.append([t for one in facts for t in (one.entry.image, one.entry.mask)])
    if rows:
        sheet = pictures.png(pictures.contact_sheet(rows, titles, width=1200))
        caption = "Image and mask over it. Ids of no class are magenta, ignored ones "
        caption += "hatched."
        body += html.figure(sheet, f"Examples: {finding.says}", caption, most=most)
    return html.section(f"{finding.severity.capitalize()}: {finding.check}", body)


def _checks(findings: list[Finding], left_out: Collection[str]) -> str:
    rows = []
    for check in CHECKS:
        about = [f for f in findings if f.check == check.name]
        worst = min((f.severity for f in about), default="")
        says = '<span class="good">✓ healthy</span>'
        if worst == "error":
            says = '<span class="bad">✗ error</span>'
        elif worst:
            says = "! warning"
        elif check.name in left_out:
            says = "– not checked"
        what = check.what[0].upper() + check.what[1:]
        rows.append([html.text(what), check.name, says])
    note = "What was looked at. --skip NAME leaves a check out."
    return html.table(note, ["Check", "Name", "Found"], rows, text_columns=3)


def _images(survey: Survey) -> str:
    image_format = survey.images.format
    bands = list(dict.fromkeys(image_format.bands[i] for i in image_format.display))
    line = images_line(image_format)
    values = f"; values {used_bits(survey)}" if rows(survey) else ""
    out = f"<p>{html.text(line[0].upper() + line[1:] + values)}. "
    shown = f"Pictures show {', '.join(bands)}" + (
        "." if image_format.is_picture else ", stretched for the eye (--bands)."
    )
    out += f"{html.text(shown)}</p>\n"
    cells = [
        [html.text(name), *(f"{value:.5g}" for value in values), html.percent(share, 2)]
        for name, *values, share in rows(survey)
    ]
    titles = ["Band", "Smallest", "Largest", "Mean", "Deviation", "At the largest"]
    return out + html.table("Values of the bands, without nodata.", titles, cells)


def _classes(classes: Taxonomy, balances: list[Balance]) -> str:
    first, rows = balances[0], []
    for i, name in enumerate(classes.names[:ROWS]):
        row = [html.swatch(classes.colours[i]) + html.text(name)]
        row += [html.percent(b.share[i], 2) for b in balances]
        row.append(str(first.images_with[i]))
        rows.append(row + [html.number(w[i], 2) for w in first.weights.values()])
    titles = ["Class", *(b.split for b in balances), f"Images of {first.split}"]
    ignored = ", ".join(f"{b.split} {html.percent(b.ignored)}" for b in balances)
    note = (
        f"Share of the labelled pixels. Ignored ({classes.ignore}): {ignored} of all. "
    )
    note += f"Weights from {first.split}."
    if len(classes.names) > ROWS:
        note += f" The first {ROWS} of {len(classes.names)} classes."
    out = html.table(note, [*titles, *first.weights], rows, wide=True)
    return out + html.code(recipe(first), "Lines for a recipe")


def _look(facts: list[Facts], survey: Survey, most: int) -> str:
    step = max(1, len(facts) // LOOK)
    cells, titles = [], []
    for one in facts[::step][:LOOK]:
        cells += _drawn(one, survey)
        titles += [one.entry.id, ""]
    rows = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    names = [titles[i : i + 4] for i in range(0, len(titles), 4)]
    sheet = pictures.png(pictures.contact_sheet(rows, names, width=1200))
    caption = "Do the borders lie on what is seen, do the colours mean what they say?"
    words = f"Images and overlays: {caption}"
    return html.figure(sheet, words, caption, most=most)


def _drawn(facts: Facts, survey: Survey) -> list[np.ndarray]:
    """The image and its overlay; the mask by itself where it does not fit over it."""
    nothing = [np.full((60, 90, 3), 216, np.uint8)] * 2
    try:
        shot, mask = decode(facts.entry, facts.entry.read(), survey.images)
        image = picture(shot, survey.images.format)
    except (OSError, ValueError):
        return nothing
    stored = None if mask.stored is None else mask.stored.pixels
    if facts.unknown and stored is not None and stored.ndim == 3:
        if stored.shape[-1] == 3 and stored.dtype == np.uint8:
            return [_small(image), _small(stored)]
    ids, _ = ids_of(mask, survey.masks)
    ids = fit(ids, image.shape[:2], survey.images.mask_fit, survey.masks.ignore)
    classes = survey.classes
    image, ids = _small(image), _small_label(ids)
    if ids.shape[:2] != image.shape[:2]:
        image_under = np.full((*ids.shape[:2], 3), 128, np.uint8)
    else:
        image_under = image
    if not classes.exclusive:
        return [image, pictures.overlay(image_under, ids.astype(np.uint8), classes)]
    shown = _shown(classes)
    outside = (ids < 0) | ((ids >= classes.num_classes) & (ids != classes.ignore))
    label = np.where(outside, shown.num_classes - 1, ids)
    return [image, pictures.overlay(image_under, label, shown)]


def _shown(classes: Taxonomy) -> Taxonomy:
    """The classes and one more, in magenta, for ids outside them."""
    if classes.num_classes == classes.ignore:
        return classes
    names = (*classes.names, "no class of these")
    return Taxonomy(names, (*classes.colours, (255, 0, 255)))


def _small_label(label: np.ndarray) -> np.ndarray:
    """As `_small`, by nearest neighbour: (H, W) ids, or (H, W, K)."""
    if label.ndim == 2:
        return _small(label.astype(np.float32)).astype(np.int32)
    planes = [_small(plane.astype(np.float32)) for plane in np.moveaxis(label, -1, 0)]
    return np.stack(planes, -1).astype(np.int32)


def _small(pixels: np.ndarray) -> np.ndarray:
    scale = SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = [max(1, round(scale * n)) for n in pixels.shape[1::-1]]
    how = cv2.INTER_AREA if pixels.ndim == 3 else cv2.INTER_NEAREST
    return cv2.resize(pixels, size, interpolation=how)
