"""Plots of scores and of a training, as encoded bytes, ready for a file or a page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasseg import UserError
from kerasseg.taxonomy import Taxonomy

TRAIN, VALIDATION = "#1f83c9", "#d9660a"
"""Blue and orange: colour-blind eyes can tell them apart, on white and on black."""

MOST_CLASSES = 255
"""The largest number of classes in a plot."""
INK = "#010203"
"""The colour that `curves` replaces by currentColor, the colour of the text around."""


def confusion_heat_map(matrix: ArrayLike, taxonomy: Taxonomy) -> bytes:
    """PNG of a confusion matrix (C, C), rows true, columns predicted.

    Each row is divided by its sum: the diagonal is the recall of the class. Up to 24
    classes get numbers in percent. Rows of classes that never occur stay grey. Of more
    than `MOST_CLASSES` those of the most pixels are drawn.

    Raises UserError if the matrix does not have one row for each class.
    """
    counts, count = np.asarray(matrix, np.float64), taxonomy.num_classes
    if counts.shape != (count, count):
        raise UserError(
            f"Expected a confusion matrix ({count}, {count}), one row for each class "
            f"of the taxonomy, got {counts.shape}."
        )
    taxonomy, kept = _most(taxonomy, counts.sum(1))
    shown, count = counts[np.ix_(kept, kept)], taxonomy.num_classes
    total = shown.sum(1, keepdims=True)
    share = np.divide(shown, total, out=np.full_like(shown, np.nan), where=total > 0)
    side = max(2.0, count * (0.44 if count <= 24 else 0.13))
    figure, axes = _figure(side + 2.2, side + 1.8)
    axes.set_facecolor("0.88")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), taxonomy.names, rotation=90)
    axes.set_yticks(range(count), taxonomy.names)
    axes.tick_params(length=0, labelsize=_letters(count))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    numbered = np.argwhere(share >= 0.005) if count <= 24 else []
    for row, column in numbered:
        value = share[row, column]
        colour = "white" if value > 0.55 else "black"
        text = f"{100 * value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=colour, size=9)
    return _drawn(figure, "png")


def _most(taxonomy: Taxonomy, values: np.ndarray) -> tuple[Taxonomy, np.ndarray]:
    """At most `MOST_CLASSES` classes, those of the largest values; and their ids."""
    kept = np.argsort(-values, kind="stable")[:MOST_CLASSES]
    if len(kept) == taxonomy.num_classes:
        return taxonomy, np.arange(taxonomy.num_classes)
    names = tuple(taxonomy.names[i] for i in kept)
    return Taxonomy(names, tuple(taxonomy.colours[i] for i in kept)), kept


def iou_bars(iou: Sequence[float | None] | np.ndarray, taxonomy: Taxonomy) -> bytes:
    """PNG of the IoU of each class, best first, with a line at their mean.

    `iou` (C,) in 0..1; nan or None (the class never occurs) is written as "absent".
    Of more than `MOST_CLASSES` classes those that occur are drawn, the best of them.

    Raises UserError if it does not have one value for each class.
    """
    scores = np.array([np.nan if v is None else v for v in iou], np.float64)
    count = taxonomy.num_classes
    if scores.shape != (count,):
        raise UserError(
            f"Expected {count} IoU values, one for each class of the taxonomy, got "
            f"{len(scores)}."
        )
    known = scores[np.isfinite(scores)]
    taxonomy, kept = _most(taxonomy, np.nan_to_num(scores, nan=-1))
    best, count = scores[kept], taxonomy.num_classes
    order = np.argsort(-np.nan_to_num(best, nan=-1), kind="stable")
    values, letters = best[order], _letters(count)
    figure, axes = _figure(7.5, 0.9 + count * (0.28 if count <= 24 else 0.16))
    colours = [np.divide(taxonomy.colours[i], 255) for i in order]
    bars = np.nan_to_num(values)
    axes.barh(range(count), bars, 0.7, color=colours, edgecolor="0.3", lw=0.6)
    axes.set_yticks(range(count), [taxonomy.names[i] for i in order])
    axes.tick_params(axis="y", length=0, labelsize=letters)
    for row, value in enumerate(values):
        text = "absent" if np.isnan(value) else f"{value:.3f}"
        box = {"color": "white", "pad": 0.5}
        axes.text(bars[row] + 0.01, row, text, va="center", size=letters, bbox=box)
    if known.size:
        mean = known.mean()
        axes.axvline(mean, color="0.2", lw=1, ls=(0, (4, 3)), zorder=0)
        axes.set_title(f"mean {mean:.3f}", size=10, x=mean / 1.1)
    axes.set_xlim(0, 1.1)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("intersection over union")
    axes.spines[["left", "right", "top"]].set_visible(False)
    return _drawn(figure, "png")


def curves(history: Mapping[str, Sequence[float] | np.ndarray]) -> bytes:
    """SVG of loss, mean IoU and learning rate over the epochs, train and validation.

    `history`: name -> one number per epoch (nan where there is none). Draws those of
    loss, val_loss, miou, val_miou and learning_rate that are there; epochs count from
    1 unless `history["epoch"]` says otherwise. Letters and axes have the colour of the
    text around the drawing (`currentColor`), so it suits light and dark pages.
    Raises UserError if none of them is there.
    """
    titles = {"loss": "Loss", "miou": "Mean IoU", "learning_rate": "Learning rate"}
    lines = {
        name: np.asarray(values, np.float64)
        for name, values in history.items()
        if name.removeprefix("val_") in titles and np.isfinite(values).any()
    }
    shown = [n for n in titles if n in lines or f"val_{n}" in lines]
    if not shown:
        raise UserError(
            f"Expected at least one of {', '.join(titles)} in the history, got "
            f"{', '.join(history) or 'nothing'}."
        )
    figure, panels = _figure(3.7 * len(shown), 2.7, len(shown))
    for name, axes in zip(shown, np.ravel(panels), strict=True):
        axes.set_title(titles[name], loc="left", size=11, weight="bold", color=INK)
        for key, text, colour, dash in (
            (name, "train", TRAIN, "-"),
            (f"val_{name}", "validation", VALIDATION, (0, (5, 2))),
        ):
            if key in lines:
                there = np.isfinite(lines[key])
                epochs = history.get("epoch", range(1, len(there) + 1))
                dot = "o" if there.sum() <= 12 else ""
                style = {"color": colour, "ls": dash, "marker": dot, "ms": 3.5}
                points = np.asarray(epochs)[there], lines[key][there]
                axes.plot(*points, label=text, **style)
        if name == "miou":
            axes.set_ylim(0, 1)
        if name != "learning_rate":
            corner = "upper right" if name == "loss" else "lower right"
            axes.legend(frameon=False, fontsize=9, loc=corner)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.spines[["right", "top"]].set_visible(False)
        axes.grid(axis="y", color="#808080", alpha=0.25, lw=0.6)
    return _drawn(figure, "svg")


def rate_curve(
    rates: ArrayLike, losses: ArrayLike, smoothed: ArrayLike, suggestion: float
) -> bytes:
    """PNG of the losses (N,) of steps with rising learning rates (N,), these
    smoothed (N,), and the rate that is suggested; nan: none is."""
    figure, axes = _figure(6.5, 4)
    axes.plot(rates, losses, color=TRAIN, alpha=0.3, lw=1, label="each step")
    axes.plot(rates, smoothed, color=TRAIN, lw=2, label="smoothed")
    if np.isfinite(suggestion):
        text = f"suggested: {suggestion:.2g}"
        axes.axvline(suggestion, color=VALIDATION, ls=(0, (5, 2)), label=text)
    least, most = np.min(smoothed), np.max(np.asarray(smoothed)[:10])
    axes.set_ylim(least - 0.1 * (most - least), most + 0.5 * (most - least) + 1e-6)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)
    axes.spines[["right", "top"]].set_visible(False)
    axes.grid(axis="y", color="#808080", alpha=0.25, lw=0.6)
    return _drawn(figure, "png")


def _letters(count: int) -> int:
    return 10 if count <= 24 else 8


def _figure(width: float, height: float, panels: int = 1) -> tuple[Any, Any]:
    """A figure of the given size in inches and its axes, without pyplot."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    return figure, figure.subplots(1, panels)


def _drawn(figure: Any, kind: str) -> bytes:
    import matplotlib

    file = io.BytesIO()
    if kind == "png":
        figure.savefig(file, format="png", dpi=110)
        return file.getvalue()
    for axes in figure.axes:
        _ink(axes)
    # Text stays text (searchable, in the page's font); no date: equal in, equal out.
    fixed: Any = {"svg.fonttype": "none", "svg.hashsalt": "kerasseg"}
    with matplotlib.rc_context(fixed):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return file.getvalue().replace(INK.encode(), b"currentColor")


def _ink(axes: Any) -> None:
    axes.tick_params(colors=INK)
    axes.spines[:].set_color(INK)
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label]
    texts += axes.get_legend().get_texts() if axes.get_legend() else []
    for text in texts:
        text.set_color(INK)
