"""ONNX and OpenVINO files, run by their own engines."""

import importlib.util
import json

import cv2
import keras
import numpy as np
import pytest
from tiny import SIZE, TAXONOMY

from kerasseg import upsampling
from kerasseg.export import __main__ as export
from kerasseg.export import engines, formats, gate, runners
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.export
FORMATS = ["onnx", "openvino"]


@pytest.fixture(scope="module", params=FORMATS)
def written(request, tiny_network, tmp_path_factory):
    """A format and its file."""
    name = request.param
    if formats.missing(name):
        pytest.skip(f"needs {', '.join(formats.missing(name))}")
    place = tmp_path_factory.mktemp("engines") / formats.ARTEFACTS[name].file
    return name, engines.write(tiny_network, name, place, TAXONOMY)


@pytest.mark.processes
def test_pixels_in_class_map_out_as_the_network_says(written, tiny_network):
    name, file = written
    images = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3), np.uint8)
    ids = runners.runner(name, file, threads=1)(images)
    assert (ids.dtype, ids.shape) == (np.uint8, (3, *SIZE))
    logits = tiny_network(images.astype("float32"), training=False).numpy()
    assert (ids == logits.argmax(-1)).mean() > 0.999
    assert gate.size(file) > 1000


def test_batch_norm_is_folded_and_dilation_native(tmp_path):
    if formats.missing("onnx"):
        pytest.skip("needs onnx and tf2onnx")
    import onnx

    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    for rate, kind in ((2, keras.layers.Conv2D), (3, keras.layers.DepthwiseConv2D)):
        filters = {"filters": 4} if kind is keras.layers.Conv2D else {}
        x = kind(kernel_size=3, dilation_rate=rate, padding="same", **filters)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Conv2D(4, 1)(x) + keras.layers.Conv2D(4, 1)(pooled)
    network = keras.Model(image, keras.layers.Conv2D(3, 1)(keras.layers.ReLU()(x)))
    file = engines.write(network, "onnx", tmp_path / "m.onnx")
    operators = [node.op_type for node in onnx.load(file).graph.node]
    assert operators.count("Conv") == 5
    assert "BatchNormalization" not in operators
    assert not {"SpaceToDepth", "Pad", "Slice"} & set(operators)
    # OpenCV 5.0 refused the addition of the pooled vector.
    picture = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), np.uint8)
    by_opencv = cv2.dnn.readNetFromONNX(str(file))
    by_opencv.setInput(picture)
    expected = network(picture.astype("float32"), training=False).numpy().argmax(-1)
    assert (by_opencv.forward() == expected).mean() > 0.999


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.processes
def test_a_resize_by_an_odd_ratio_keeps_its_size(name, tmp_path):
    """12 x float32(23 / 12) is less than 23: ONNX Runtime did not load the file, as a
    map of 22 lines cannot be added to one of 23."""
    if formats.missing(name):
        pytest.skip(f"needs {', '.join(formats.missing(name))}")
    image = keras.Input((23, 47, 3), name="image")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    halved = keras.layers.Conv2D(3, 3, strides=2, padding="same")(pixels)
    whole = keras.layers.Conv2D(3, 1)(pixels)
    logits = keras.layers.Add()([upsampling.bilinear(halved, (23, 47)), whole])
    network = keras.Model(image, logits)
    file = engines.write(network, name, tmp_path / formats.ARTEFACTS[name].file)
    images = np.random.default_rng(0).integers(0, 256, (2, 23, 47, 3), np.uint8)
    ids = runners.runner(name, file, threads=1)(images)
    logits = network(images.astype("float32"), training=False).numpy()
    assert (ids == logits.argmax(-1)).mean() > 0.999


def test_classes_are_inside(written):
    name, file = written
    if name == "onnx":
        import onnx

        (entry,) = onnx.load(file).metadata_props
        text = entry.value
    else:
        import openvino

        model = openvino.Core().read_model(file / "model.xml")
        text = model.get_rt_info("taxonomy").value
    assert Taxonomy.from_json(json.loads(text)) == TAXONOMY


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_package_is_named(name, monkeypatch, tmp_path, capsys):
    find = importlib.util.find_spec
    absent = formats.ARTEFACTS[name].packages[-1]
    monkeypatch.setattr(
        formats, "find_spec", lambda one: None if one == absent else find(one)
    )
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(SystemExit) as left:
        export.main([str(tmp_path), "--formats", name])
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert f"--formats {name} needs {absent}" in told
    assert f"pip install 'kerasseg[{name}]'" in told
    assert told.count("\n") == 1
