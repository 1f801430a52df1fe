"""Export of any Keras model, through the same gate as a run."""

import json

import keras
import numpy as np
import pytest

from kerasseg import UserError, runs
from kerasseg.export.own_model import export_model
from kerasseg.inference import litert
from kerasseg.predict import predict_model
from kerasseg.taxonomy import Taxonomy

TWO = Taxonomy.named(["dark", "bright"])


@pytest.fixture(scope="module")
def model():
    """Any size, a stride of 2, one sigmoid: bright above a half of 255."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.AveragePooling2D(2)(image))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid")
    network = keras.Model(image, layer(x))
    layer.set_weights([np.full((1, 1, 3, 1), 4, "float32"), np.array([-6], "float32")])
    return network


@pytest.fixture(scope="module")
def data():
    """Images of 32 x 48, of one larger size, and what is bright in them."""
    label = np.zeros((5, 32, 48), np.uint8)
    label[:, 8:20, 10:30] = 1
    image = np.repeat(np.where(label, 220, 30)[..., None], 3, -1).astype(np.uint8)
    larger = [array.repeat(2, 0).repeat(2, 1) for array in (image[0], label[0])]
    return [(image, label), (larger[0][None], larger[1][None])]


@pytest.mark.export
def test_the_files_are_scored_and_answer_as_the_model(model, data, tmp_path):
    folder, (images, _) = tmp_path / "mine", data[0]
    formats = ("float32", "int8")
    rows = export_model(model, folder, data, TWO, formats=formats, calibration=images)
    assert [row["format"] for row in rows[:3]] == ["network", *formats]
    assert all(row["passed"] for row in rows)
    assert rows[0]["miou"] > 0.9
    assert "image" in rows[1]["worst"]["id"]
    (seen,) = predict_model(model, images[0], taxonomy=TWO)
    device = litert.Model(folder / "export" / "model.tflite")
    assert (device.height, device.width) == (32, 48)
    assert device.taxonomy.names == TWO.names
    assert np.mean(device.segment(images[0]) == seen) > 0.999
    network = runs.load(folder)
    assert network.output_shape == (None, 32, 48, 2)
    known = json.loads((folder / "export" / "gate.json").read_text())
    assert known[0]["classes"] == ["dark", "bright"]
    assert "a model from elsewhere" in (folder / "export" / "card.md").read_text()


def test_what_is_missing_is_said(model, data, tmp_path):
    with pytest.raises(UserError, match="int8 takes its ranges from images"):
        export_model(model, tmp_path, data, TWO, formats=("int8",))
    with pytest.raises(UserError, match="holds no images"):
        export_model(model, tmp_path, data, TWO, calibration=[])
    with pytest.raises(
        UserError, match="tells 2 classes apart, and the taxonomy has 3"
    ):
        export_model(model, tmp_path, data, Taxonomy.numbered(3))
    (tmp_path / "config.toml").touch()
    with pytest.raises(UserError, match="is the run of a training"):
        export_model(model, tmp_path, data, TWO)
