"""LiteRT files: what they take and give, of which operators, with what inside."""

import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from tiny import SIZE, TAXONOMY

from kerasseg.export.litert import conversion, flatbuffer, layer_errors, snippets

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def network(tiny_network):
    return tiny_network


@pytest.fixture(scope="module")
def images():
    """Of low contrast: their range must not become the range of the input."""
    return np.random.default_rng(1).integers(90, 160, (6, *SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def data(network, images, tiny_litert):
    made = {"float32": tiny_litert}
    for kind in ("float16", "int8"):
        made[kind] = conversion.convert(network, kind, images)
    return made


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("litert")
    return {
        kind: conversion.finish(
            one, folder / f"{kind}.tflite", "net", TAXONOMY, conversion.SIGNATURES
        )
        for kind, one in data.items()
    }


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_signatures_take_pixels_and_agree_with_the_network(
    files, network, images, kind
):
    interpreter = Interpreter(str(files[kind]), num_threads=1)
    class_map = interpreter.get_signature_runner("class_map")
    probabilities = interpreter.get_signature_runner("probabilities")
    for run in (class_map, probabilities):
        image = run.get_input_details()["image"]
        assert (image["dtype"], tuple(image["shape"])) == (np.uint8, (1, *SIZE, 3))
    logits = network(images.astype("float32"), training=False)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    for image, probability in zip(images, expected, strict=True):
        ids = class_map(image=image[None])["class_map"]
        given = probabilities(image=image[None])["probabilities"]
        assert (ids.dtype, ids.shape) == (np.uint8, (1, *SIZE))
        assert (given.dtype, given.shape) == (np.float32, (1, *SIZE, 3))
        tolerance = {"float32": 1e-5, "float16": 5e-3, "int8": 0.1}[kind]
        np.testing.assert_allclose(given[0], probability, atol=tolerance)
        share = {"float32": 0.999, "float16": 0.99, "int8": 0.9}[kind]
        assert (ids[0] == probability.argmax(-1)).mean() >= share


def test_int8_takes_raw_pixels_whatever_the_calibration_images(files):
    interpreter = Interpreter(str(files["int8"]), num_threads=1)
    details = interpreter.get_input_details()[0]
    assert details["quantization"] == (1.0, 0)


def test_int8_computes_in_integers(files):
    count = flatbuffer.operators(files["int8"].read_bytes(), "class_map")
    assert (count["QUANTIZE"], count["DEQUANTIZE"]) == (1, 0)  # uint8 -> int8
    count = flatbuffer.operators(files["int8"].read_bytes(), "probabilities")
    assert (count["QUANTIZE"], count["DEQUANTIZE"]) == (1, 1)


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_batch_norm_is_folded_and_a_signature_has_only_its_own_operators(files, kind):
    count = flatbuffer.operators(files[kind].read_bytes(), "class_map")
    assert (count["MUL"], count["ADD"]) == (1, 1)  # Rescaling
    assert (count["ARG_MAX"], count["SOFTMAX"]) == (1, 0)
    count = flatbuffer.operators(files[kind].read_bytes(), "probabilities")
    assert (count["ARG_MAX"], count["SOFTMAX"]) == (0, 1)


def test_weights_are_stored_once(files, data):
    assert files["float32"].stat().st_size < 1.5 * len(data["float32"])
    assert len(data["int8"]) < len(data["float32"])


def test_the_same_network_gives_the_same_file(data, files, tmp_path):
    path, both = tmp_path / "again.tflite", conversion.SIGNATURES
    again = conversion.finish(data["int8"], path, "net", TAXONOMY, both)
    assert again.read_bytes() == files["int8"].read_bytes()


def test_the_file_opens_as_a_zip_of_names(files):
    with zipfile.ZipFile(files["int8"]) as archive:
        assert archive.read("labels.txt").decode().split() == list(TAXONOMY.names)
    model = flatbuffer.unpack(files["int8"].read_bytes())
    names = [flatbuffer.text(entry.name) for entry in model.metadata]
    buffer = model.buffers[model.metadata[names.index("TFLITE_METADATA")].buffer]
    assert bytes(buffer.data)[4:8] == b"M001"


class Pool(layers.Layer):
    def call(self, x):
        return tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")[0]


class Bicubic(layers.Layer):
    def call(self, x):
        return tf.image.resize(x, (64, 96), method="bicubic")


@pytest.mark.parametrize(
    ("layer", "hint"),
    [
        (
            Pool(name="odd_1"),
            r"MaxPoolWithArgmax in layer 'odd_1': use .*max_pool_with",
        ),
        (Bicubic(name="up"), r"ResizeBicubic in layer 'up': use .*bilinear"),
    ],
)
def test_a_flex_operator_is_refused_by_layer(layer, hint, capfd):
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Conv2D(3, 3, padding="same", name="first")(image)
    odd = keras.Model(image, layers.Conv2D(2, 1, name="last")(layer(x)), name="odd")
    with pytest.raises(ValueError, match=hint):
        conversion.convert(odd)
    assert "tf." not in capfd.readouterr().err


def test_layers_can_stay_float(images):
    network = tiny.convolution()
    kept = conversion.convert(network, "int8", images, keep_float=["logits"])
    count = flatbuffer.operators(kept)
    assert count["DEQUANTIZE"] > 0
    run = Interpreter(model_content=conversion.flatbuffer.split(kept, ["class_map"]))
    assert run.get_input_details()[0]["dtype"] == np.uint8
    assert run.get_input_details()[0]["quantization"] == (1.0, 0)
    types = {
        t.type
        for t in flatbuffer.unpack(kept).subgraphs[0].tensors
        if b"logits" in t.name
    }
    assert 0 in types
    with pytest.raises(ValueError, match="no layer 'nothing' to keep in float"):
        layer_errors.partly_quantised(network, None, ["nothing"])


def test_the_layer_that_loses_most_is_named(images):
    """One channel 10,000 times the others: one scale cannot serve both."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", name="fine", activation="relu")(image)
    x = layers.DepthwiseConv2D(1, use_bias=False, name="culprit")(x)
    network = keras.Model(image, layers.Conv2D(3, 1, name="logits")(x), name="n")
    kernel = np.full((1, 1, 8, 1), 1.0, np.float32)
    network.get_layer("culprit").set_weights([kernel])
    mixer = np.zeros((1, 1, 8, 3), np.float32)
    mixer[0, 0, :3] = np.eye(3) * [1e4, 1, 1]
    network.get_layer("logits").set_weights([mixer, np.array([0, 0, 0], np.float32)])
    with conversion.converter(network, "int8", images) as converter:
        rows = layer_errors.report(network, converter, images[:2])
    assert all(np.isfinite(row["error"]) for row in rows)
    assert [row["error"] for row in rows] == sorted(
        (row["error"] for row in rows), reverse=True
    )
    assert {"fine", "logits"} <= {name for r in rows for name in r["layer"].split(", ")}


def test_wrong_kinds_are_refused(network):
    with pytest.raises(ValueError, match="Unknown kind 'int4'"):
        conversion.convert(network, "int4")
    with pytest.raises(ValueError, match="needs images to calibrate on"):
        conversion.convert(network, "int8")


def test_snippets_have_six_lines_and_the_python_one_runs(files, tmp_path, monkeypatch):
    import cv2

    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.tflite").write_bytes(files["int8"].read_bytes())
    picture = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    cv2.imwrite("street.jpg", picture)
    lines = snippets.for_file("net.tflite", *SIZE)
    assert set(lines) == {"Python", "C++", "Kotlin", "Swift", "JavaScript"}
    for _, code in lines.values():
        assert len([line for line in code.splitlines() if line.strip()]) == 6
    names = {}
    exec(lines["Python"][1], names)
    assert names["classes"].shape == SIZE
