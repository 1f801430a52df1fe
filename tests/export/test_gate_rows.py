"""Rows of the gate by hand: where classes overlap, and what a GPU makes of a file."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from kerasseg.export import folder, gate
from kerasseg.export.litert import gpu

pytestmark = pytest.mark.export


def test_where_classes_overlap_each_answer_counts(tmp_path):
    """One class of eleven gets the wrong answer everywhere in one image of four."""
    network = tiny.convolution(11)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), np.uint8)
    planes = np.random.default_rng(1).integers(0, 2, (4, 32, 48, 11), np.uint8)
    planes[0, :, :, 3] = 255  # ignored for this class alone
    batch = {"image": tf.constant(pixels), "label": tf.constant(planes)}

    class Answers:
        def __init__(self, file):
            self.seen = 0

        def __call__(self, images):
            logits = network(tf.cast(images, tf.float32)).numpy()
            found = (logits > 0).astype(np.uint8)
            found[2, :, :, 5] ^= 1
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "runner", lambda name, file: Answers(file))
        file = tmp_path / "model.onnx"
        file.write_bytes(b"")
        first, row = gate.check(network, {"onnx": file}, [batch], exclusive=False)
    assert row["agreement"] == pytest.approx(1 - 1 / 44)
    assert row["worst"] == {"image": 2, "agreement": pytest.approx(1 - 1 / 11)}
    found = network(pixels.astype("float32")).numpy()[..., 3] > 0
    true, found = planes[1:, :, :, 3] == 1, found[1:]
    iou = (true & found).sum() / (true | found).sum()
    assert first["iou"][3] == pytest.approx(iou, abs=1e-6)


def test_what_a_gpu_makes_of_a_file_stands_under_its_row(monkeypatch):
    expected = np.zeros((2, 4, 4), np.uint8)
    result = np.zeros((2, 4, 4, 3), np.float32)
    result[..., 0] = 1
    result[0, :, :, 1] = 2
    done = gpu.Outcome("Some GPU", 4, 5, "", result)
    monkeypatch.setattr(gpu, "adapter", lambda: "Some GPU")
    monkeypatch.setattr(gpu, "run", lambda data, images: done)
    row = gpu.row(__file__, expected, lambda images: expected)
    assert row["agreement"] == 0.5
    assert gpu.line(row) == (
        "LiteRT GPU (Some GPU): 4 of 5 operators, 50.00 % of the pixels as on the CPU"
    )
    monkeypatch.setattr(gpu, "adapter", lambda: "")
    assert gpu.line(gpu.row(__file__, expected, None)) == "LiteRT GPU: not tried here"


@pytest.mark.parametrize("text", ["", "\xff", "{}", "[3]", '[{"sha256": 1}, {}]'])
def test_a_damaged_list_of_an_earlier_export_counts_as_none(tmp_path, text):
    (tmp_path / folder.GATE).write_text(text, encoding="latin-1")
    rows = [{"format": "network", "sha256": 1, "passed": True, "file": ""}]
    assert folder.with_earlier(rows, tmp_path) == rows
