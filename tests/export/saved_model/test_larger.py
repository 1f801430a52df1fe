"""The gate sees how the SavedModel treats pictures larger than the network."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tiny import SIZE

from kerasseg.export import gate
from kerasseg.export.saved_model import larger, signatures, tiles

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def batches(images):
    label = np.random.default_rng(1).integers(0, 3, (3, *SIZE), np.uint8)
    return [{"image": tf.constant(images), "label": tf.constant(label)}]


def test_the_mosaic_by_hand():
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones(
        (3, 3, 6, 1), np.uint8
    )
    picture = larger.mosaic(images, (3, 6))[..., 0]
    assert picture.shape == (5, 10)
    assert picture[[0, 0, 4, 4], [0, 9, 0, 9]].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("folder", "ways"),
    [("tiny_saved_model", {}), ("tiny_tiled", {"overlap": 8, "flip": True})],
)
@pytest.mark.processes
def test_the_gate_lets_in_what_agrees(request, tiny_network, batches, folder, ways):
    path = request.getfixturevalue(folder)
    network, row = gate.check(tiny_network, {"saved_model": path}, batches, **ways)
    assert row["larger"] > 0.9999
    assert row["agreement"] > 0.9999
    assert row["passed"]
    assert "larger pictures 100.0000 %" in row["rule"]
    assert "FAILED" not in gate.table([network, row])


@pytest.mark.processes
def test_the_gate_finds_tiles_that_are_wrong(batches, tmp_path, monkeypatch):
    """Tiles that fade out the wrong way show on larger pictures only."""
    network, ramp = tiny.convolution(), tiles._ramp
    monkeypatch.setattr(tiles, "_ramp", lambda *of: 1.2 - ramp(*of))
    path = signatures.write(network, tmp_path / "1", overlap=8)
    rows = gate.check(network, {"saved_model": path}, batches, overlap=8)
    assert rows[1]["agreement"] > 0.9999
    assert rows[1]["larger"] <= 0.9999
    assert not rows[1]["passed"]
    assert "FAILED" in gate.table(rows)


def test_options_that_cannot_be(tiny_network, tmp_path):
    for options in ({"overlap": 7}, {"overlap": 32}, {"max_pixels": 0}):
        with pytest.raises(ValueError, match="must be"):
            signatures.write(tiny_network, tmp_path / "1", **options)
    assert not list(tmp_path.iterdir())
