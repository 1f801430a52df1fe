"""Plots: they can be drawn for any number of classes, and say what they were given."""

import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import cv2
import numpy as np
import pytest

from kerasseg.drawing import plots
from kerasseg.taxonomy import Taxonomy


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("classes", [1, 11, 150])
def test_plots_of_any_number_of_classes(rng, classes):
    taxonomy = Taxonomy.numbered(classes)
    matrix = rng.integers(0, 9, (classes, classes))
    matrix[-1] = 0
    heat = decoded(plots.confusion_heat_map(matrix, taxonomy))
    assert min(heat.shape[:2]) > 200
    iou = rng.random(classes)
    iou[-1] = np.nan
    bars = decoded(plots.iou_bars(iou, taxonomy))
    assert bars.shape[1] > 400


def test_heat_map_is_the_share_of_each_row():
    # Class 0 is always right, class 1 never: dark cells (0, 0) and (1, 0) of two.
    heat = decoded(plots.confusion_heat_map([[5, 0], [7, 0]], Taxonomy.numbered(2)))
    dark = (heat.astype(int).sum(-1) < 250) & (heat[..., 0] > heat[..., 2] + 40)
    rows, columns = np.nonzero(dark)
    high, wide = np.ptp(rows), np.ptp(columns)
    assert high == pytest.approx(2 * wide, rel=0.05)


def test_bars_name_absent_classes_and_refuse_a_wrong_number():
    three = Taxonomy.numbered(3)
    absent = plots.iou_bars([0.5, None, 0.2], three)
    assert absent == plots.iou_bars([0.5, float("nan"), 0.2], three)
    assert decoded(plots.iou_bars([None] * 3, three)) is not None
    with pytest.raises(ValueError, match="3 IoU values"):
        plots.iou_bars([0.5], three)


def test_heat_map_refuses_a_wrong_shape():
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        plots.confusion_heat_map(np.eye(3), Taxonomy.numbered(2))


HISTORY = {
    "epoch": [0, 1, 2],
    "loss": [2.0, 1.0, 0.5],
    "val_loss": [float("nan"), 1.5, float("nan")],
    "miou": [0.1, 0.4, 0.6],
    "learning_rate": [1e-3, 1e-4, 1e-5],
    "seconds": [3.0, 3.0, 3.0],
}


def test_curves_are_svg_with_real_letters_in_the_colour_of_the_page():
    svg = plots.curves(HISTORY)
    assert svg == plots.curves(HISTORY)
    xml.fromstring(svg)
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())
    assert {"Loss", "Mean IoU", "Learning rate", "validation"} <= set(words)
    assert b"currentColor" in svg
    assert plots.INK.encode() not in svg


@pytest.mark.parametrize("history", [{}, {"loss": [float("nan")]}, {"seconds": [1.0]}])
def test_curves_refuse_nothing_to_draw(history):
    with pytest.raises(ValueError, match="at least one of loss"):
        plots.curves(history)


def test_plots_do_not_touch_pyplot():
    code = "import sys; from kerasseg.drawing import plots; "
    code += "plots.curves({'loss': [1.0]})"
    code += "; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
