"""Files of keras.applications, in each of Keras' forms, for encoders of ours."""

import importlib

import keras
import numpy as np
import pytest
from networks import chosen, randomize_statistics

from kerasseg.models.importing import Request
from kerasseg.models.importing.convert import convert

pytestmark = pytest.mark.processes

main = importlib.import_module("kerasseg.models.import.__main__").main
NAME = "lraspp_mobilenet_v3_small"
ENDINGS = (".keras", ".h5", ".weights.h5")


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(224, 224, 3)
    )
    return randomize_statistics(network)


@pytest.mark.parametrize("ending", chosen(ENDINGS, ENDINGS[:1]))
def test_each_form_with_its_classifier(classifier, tmp_path, ending):
    path = tmp_path / f"network{ending}"
    save = classifier.save_weights if ending == ".weights.h5" else classifier.save
    save(path)
    request = Request(path, NAME, (64, 96), classes=3)
    made = convert("applications", request)
    assert made.network.output_shape == (None, 64, 96, 3)
    assert made.options == {"reduced_tail": False}
    for layer in classifier.layers:
        if layer.weights and layer.name not in ("conv_2", "logits"):
            filled = made.network.get_layer(f"encoder_{layer.name}").get_weights()
            for one, other in zip(filled, layer.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)


def test_what_is_wrong_is_one_line(classifier, tmp_path, capsys):
    path, out = tmp_path / "small.weights.h5", tmp_path / "out"
    classifier.save_weights(path)
    size = ("--size", "64", "64")
    for name, flags, message in (
        (NAME, (), "Say it with --classes N"),
        ("unet_small", ("--classes", "3"), "has no part that weights of keras.appl"),
        ("unet_x", ("--classes", "3"), "Unknown model 'unet_x'"),
        ("lraspp_mobilenet_v3_large", ("--classes", "3"), "does not fit keras.appl"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["applications", str(path), name, str(out), *size, *flags])
        assert left.value.code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert message in lines[0]
    assert not out.exists()
