"""Classes that overlap, from the network to every file, through the gate."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from kerasseg.export import gate
from kerasseg.export.formats import ARTEFACTS, artefacts, missing
from kerasseg.export.writing import Writer
from kerasseg.image_format import RGB
from kerasseg.taxonomy import Taxonomy

pytestmark = [pytest.mark.export, pytest.mark.processes]


def test_every_file_agrees_with_the_network(tmp_path, monkeypatch, tiny_network):
    from kerasseg import runs

    classes = Taxonomy(tiny.TAXONOMY.names, tiny.TAXONOMY.colours, exclusive=False)
    monkeypatch.setattr(runs, "taxonomy", lambda _: classes)
    monkeypatch.setattr(runs, "image_format", lambda _: RGB)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, *tiny.SIZE, 3), np.uint8)
    labels = rng.integers(0, 2, (3, *tiny.SIZE, 3), np.uint8)
    names = [name for name in ("onnx", "openvino") if not missing(name)]
    wanted = artefacts(["saved_model", "float32", "int8", *names])
    writer = Writer(tmp_path / "run", tiny_network, images, (), {"flip": True})
    files = writer.write(wanted, tmp_path)
    batches = [{"image": tf.constant(images), "label": tf.constant(labels)}]
    rows = gate.check(tiny_network, files, batches, flip=True, exclusive=False)
    assert [row["format"] for row in rows[1:]] == list(files)
    for row in rows[1:]:
        least = 0.95 if ARTEFACTS[row["format"]].kind == "int8" else 0.9999
        assert row["agreement"] >= least, row["format"]
    assert rows[1]["larger"] >= 0.999
