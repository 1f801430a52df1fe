"""Building blocks of a self-contained HTML page: text, tables, pictures, drawings."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import cv2
import numpy as np

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""
"""The frame of every page. Its policy forbids browsers any request to outside."""


def page(title: str, body: str) -> str:
    """A whole document; body is HTML."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return PAGE.format(title=text(title), style=style, body=body)


def text(value: Any) -> str:
    """Any value as text that is safe in HTML, also inside attributes."""
    return html.escape(str(value))


def number(value: float | None, digits: int = 3) -> str:
    """A score with so many decimals; a dash where there is none (None or nan)."""
    return f"{value:.{digits}f}" if _known(value) else "–"


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent; a dash where there is none (None or nan)."""
    return f"{100 * value:.{digits}f} %" if _known(value) else "–"


def duration(seconds: float) -> str:
    """Seconds, rounded to what a person would say: 45 s, 20 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def section(title: str, body: str) -> str:
    """A part of the page with a heading; body is HTML."""
    return f"<section>\n<h2>{text(title)}</h2>\n{body}</section>\n"


def missing(file: str, hint: str) -> str:
    """A note in place of what a missing file would show."""
    return f'<p class="note">Missing: {text(file)}. {text(hint)}</p>\n'


def code(source: str, label: str) -> str:
    """Text as it is, in a fixed-width font; label names it to screen readers."""
    return f'<pre tabindex="0" aria-label="{text(label)}">{text(source)}</pre>\n'


def folded(title: str, body: str) -> str:
    """A part that opens with a click on its title; body is HTML."""
    return f"<details>\n<summary>{text(title)}</summary>\n{body}</details>\n"


def table(
    caption: str,
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    text_columns: int = 1,
    wide: bool = False,
) -> str:
    """A table; titles are plain text, cells are HTML.

    The first `text_columns` columns are text, aligned left, the others numbers. The
    first cell names its row. wide: as wide as the page.
    """
    left = [' class="text"' if i < text_columns else "" for i in range(len(titles))]
    head = "".join(
        f'<th scope="col"{side}>{text(title)}</th>'
        for title, side in zip(titles, left, strict=True)
    )
    body = ""
    for first, *cells in rows:
        body += f'<tr><th scope="row"{left[0]}>{first}</th>'
        pairs = zip(cells, left[1:], strict=True)
        body += "".join(f"<td{side}>{cell}</td>" for cell, side in pairs) + "</tr>\n"
    kind = ' class="wide"' if wide else ""
    return _scroll(
        f"<table{kind}>\n<caption><p>{text(caption)}</p></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n",
        caption,
    )


def swatch(colour: Sequence[int]) -> str:
    """A small square of an RGB colour, 0..255."""
    red, green, blue = (int(c) for c in colour)
    style = f"background:#{red:02x}{green:02x}{blue:02x}"
    return f'<span class="swatch" style="{style}"></span>'


def bar(share: float | None) -> str:
    """A bar as long as a share of 1; an empty one for None or nan."""
    width = 100 * min(max(share, 0), 1) if _known(share) else 0
    return f'<span class="bar"><i style="width:{width:.1f}%"></i></span>'


def figure(
    png: bytes, alternative: str, caption: str, plot: bool = False, most: int = 0
) -> str:
    """A PNG picture inside the page; large ones that are not plots become JPEG.

    alternative: what the picture shows, for those who cannot see it. most: bytes that
    it may add to the page; it is shrunk until it does. 0: any number.
    """
    kind, data = "png", png
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if shown is None:
        return missing(alternative, "The file is not a picture.")
    if not plot and len(png) > 200_000:
        kind = "jpeg"
        data = _jpeg(shown)
    while most and 4 * len(data) / 3 > most and min(shown.shape[:2]) > 16:
        shown = cv2.resize(shown, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        kind, data = "jpeg", _jpeg(shown)
    high, wide = shown.shape[:2]
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    size = f'width="{wide}" height="{high}"'
    image = f'<img src="{source}" {size} alt="{text(alternative)}">\n'
    name = ' class="plot"' if plot else ""
    inside = _scroll(image, alternative)
    return (
        f"<figure{name}>\n{inside}<figcaption>{text(caption)}</figcaption>\n</figure>\n"
    )


def _jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def drawing(svg: bytes, name: str, alternative: str) -> str:
    """An SVG as part of the page, so that it takes the page's colours and letters.

    name: begins its ids, and differs between the drawings of one page. alternative:
    what it shows, for those who cannot see it.
    """
    markup = svg.decode()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL)
    markup = re.sub(r' xmlns(:\w+)?="[^"]*"', "", markup)
    markup = re.sub(r' (width|height)="[\d.]+pt"', "", markup)
    # Ids must differ between the drawings of one page.
    markup = re.sub(r' id="', f' id="{name}-', markup)
    markup = markup.replace('xlink:href="#', f'href="#{name}-')
    markup = markup.replace("url(#", f"url(#{name}-")
    return markup.replace(
        "<svg", f'<svg role="img" aria-label="{text(alternative)}"', 1
    )


def _scroll(body: str, label: str) -> str:
    """A part that scrolls by itself, also by keyboard, where the page is narrow."""
    role = f'tabindex="0" role="region" aria-label="{text(label)}"'
    return f'<div class="scroll" {role}>\n{body}</div>\n'


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and bool(np.isfinite(value))
