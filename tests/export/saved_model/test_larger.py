"""The gate sees how the SavedModel treats pictures larger than the network."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import walk

from kerasseg import config, models
from kerasseg.data.synthetic import TAXONOMY
from kerasseg.export import __main__ as export
from kerasseg.export import gate
from kerasseg.export.run import Export
from kerasseg.export.saved_model import encoded, larger, signatures, tiles

SIZE = (32, 48)


@pytest.fixture(scope="module")
def network():
    return tiny.network()


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


@pytest.mark.parametrize(("overlap", "flip"), [(0, False), (8, False), (8, True)])
def test_the_gate_lets_in_what_agrees(network, batches, tmp_path, overlap, flip):
    ways = {"overlap": overlap, "flip": flip}
    path = signatures.write(network, tmp_path / "1", **ways)
    _, row = gate.check(network, {"saved_model": path}, batches, **ways)
    assert row["larger"] > 0.9999
    assert row["agreement"] > 0.9999
    assert row["passed"]
    assert "larger pictures 100.0000 %" in row["rule"]


def test_the_gate_finds_tiles_that_are_wrong(network, batches, tmp_path, monkeypatch):
    """Tiles that fade out the wrong way show on larger pictures only."""
    ramp = tiles._ramp
    monkeypatch.setattr(tiles, "_ramp", lambda *of: 1.2 - ramp(*of))
    path = signatures.write(network, tmp_path / "1", overlap=8)
    rows = gate.check(network, {"saved_model": path}, batches, overlap=8)
    assert rows[1]["agreement"] > 0.9999
    assert rows[1]["larger"] < 0.9999
    assert not rows[1]["passed"]
    assert "FAILED" in gate.table(rows)


def test_flags_reach_the_file(tmp_path, capsys):
    assert Export().max_pixels == encoded.MAX_PIXELS
    records, run = walk.records(tmp_path / "records"), tmp_path / "run-1"
    run.mkdir()
    keras.utils.set_random_seed(0)
    options = {"filters": 4, "depth": 2}
    models.build("unet_small", 11, (*SIZE, 3), **options).save(run / "network.keras")
    settings = config.parse(["--data.records", str(records)])
    (run / "config.toml").write_text(config.to_toml(settings))
    (run / "taxonomy.json").write_text(json.dumps(TAXONOMY.to_json()))
    flags = ["--overlap", "8", "--flip", "--max-pixels", "4700"]
    with pytest.raises(SystemExit):
        export.main([str(run), "--formats", "saved_model", "--max-pixels", "4600"])
    assert "--max-pixels must be at least 4608" in capsys.readouterr().err
    export.main([str(run), "--formats", "saved_model", *flags])
    row = json.loads((run / "export" / "gate.json").read_text())[1]
    assert row["passed"]
    assert row["larger"] > 0.9999
    card = (run / "export" / "card.md").read_text()
    for part in ("tiles that share 8 pixels", "its mirror image", "more than 4,700"):
        assert part in card
    # With the flip, a mirrored picture has the mirrored answer.
    served = tf.saved_model.load(str(run / "export" / "1"))
    image = tf.random.stateless_uniform((1, 30, 40, 3), (0, 1), 0, 255)
    ask = served.signatures["serving_default"]
    one = ask(image=image)["class_map"].numpy()
    other = ask(image=image[:, :, ::-1])["class_map"].numpy()[:, :, ::-1]
    assert (one == other).mean() > 0.99
    ask = served.signatures["serve_bytes"]
    data = tf.io.encode_png(np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than the 4700"):
        ask(image_bytes=data[None])


def test_options_that_cannot_be(network, tmp_path):
    for options in ({"overlap": 7}, {"overlap": 32}, {"max_pixels": 0}):
        with pytest.raises(ValueError, match="must be"):
            signatures.write(network, tmp_path / "1", **options)
    assert not list(tmp_path.iterdir())
