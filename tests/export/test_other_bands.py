"""Networks of other bands and depths: every file agrees with its network."""

import json
import zipfile

import keras
import numpy as np
import other_formats
import pytest
import tensorflow as tf
from other_formats import FORMATS, SIZE

from kerasseg import UserError
from kerasseg.data.format.encode import is_picture_file
from kerasseg.export import formats, gate, latency
from kerasseg.export.litert import (
    conversion,
    flatbuffer,
    layer_errors,
    range_layers,
    snippets,
)
from kerasseg.export.saved_model import signatures
from kerasseg.image_format import RGB, ImageFormat, InputRange
from kerasseg.inference import litert
from kerasseg.inference.class_maps import probabilities, segmenter
from kerasseg.models.pieces import first_layers
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.export

LARGER = (70, 101)
EACH = [
    pytest.param(name, marks=[] if name == "four of 16 bits" else pytest.mark.slow)
    for name in FORMATS
]


@pytest.mark.processes
@pytest.mark.parametrize("name", EACH)
def test_every_file_gives_what_the_network_gives(name, tmp_path):
    """The same arrays, also larger ones, with NaN or nodata; and as PNG."""
    one = FORMATS[name]
    network = other_formats.network(one)
    images = other_formats.images(one)
    images[0, :4, :4] = 7  # something to lose
    expected = tf.nn.softmax(network(images.astype("float32"), training=False)).numpy()
    assert len(np.unique(expected.argmax(-1))) == 3

    path = signatures.write(network, tmp_path / "1", image_format=one)
    stored = json.loads((path / "assets" / "image_format.json").read_text())
    assert ImageFormat.from_json(stored) == one
    served = tf.saved_model.load(str(path)).signatures
    given = served["probabilities"](image=tf.constant(images, tf.float32))
    np.testing.assert_allclose(given["probabilities"], expected, atol=1e-5)
    given = served["class_map"](image=tf.constant(images))
    assert (given["class_map"].numpy() == expected.argmax(-1)).mean() >= 0.9999
    given = served["network_size"](image=tf.constant(images))
    np.testing.assert_allclose(given["probabilities"], expected, atol=1e-5)

    data = conversion.convert(network, image_format=one)
    file = tmp_path / "model.tflite"
    both = conversion.SIGNATURES
    conversion.finish(data, file, "n", Taxonomy.numbered(3), both, one)
    device = litert.Model(file)
    assert device.image_format == one
    for image, wanted in zip(images, expected, strict=True):
        np.testing.assert_allclose(device.probabilities(image), wanted, atol=1e-5)
        assert (device.class_map(image) == wanted.argmax(-1)).mean() >= 0.9999

    large = other_formats.images(one, 1, LARGER)[0]
    if one.nodata is not None:
        large[10:14, 20:30] = one.nodata
    if one.type == "float32":
        large[30, 40, 2] = np.nan
    ids = segmenter(network, image_format=one)(large)
    given = served["serving_default"](image=tf.constant(large[None], tf.float32))
    assert (given["class_map"][0].numpy() == ids).mean() >= 0.9999
    # A device resizes class ids, the others logits: borders may differ.
    assert (device.segment(large) == ids).mean() > 0.9
    assert is_picture_file(one) == ("serve_bytes" in served)
    if is_picture_file(one):
        given = served["serve_bytes"](image_bytes=tf.io.encode_png(large)[None])
        png = tf.io.decode_png(given["class_map_png_bytes"][0])[..., 0]
        assert (png.numpy() == ids).mean() >= 0.9999
        wrong = tf.io.encode_png(np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"image_bytes\[0\] is"
        ):
            served["serve_bytes"](image_bytes=wrong[None])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["four of 16 bits", "eight of floats"])
def test_tiles_and_flip(name, tmp_path):
    one = FORMATS[name]
    network = other_formats.network(one)
    ways = {"overlap": 8, "flip": True}
    path = signatures.write(network, tmp_path / "1", image_format=one, **ways)
    large = other_formats.images(one, 1, LARGER)[0]
    large[10:14, 20:30] = one.nodata
    expected = probabilities(network, large, **ways, image_format=one)
    served = tf.saved_model.load(str(path)).signatures
    given = served["probabilities"](image=tf.constant(large[None], tf.float32))
    np.testing.assert_allclose(given["probabilities"][0], expected, atol=1e-5)


def of_levels(image_format, levels, low, high):
    """A network whose class is the nearest of the levels, in band 0."""
    channels = image_format.channels
    ranges = [(number,) * channels for number in (low, high, low, high - low)]
    with first_layers.images(channels, InputRange(*ranges)):
        image = keras.Input((*SIZE, channels), name="image")
        x = first_layers.scaled(image, 1 / 127.5, -1.0)
        x = keras.layers.Conv2D(len(levels), 1, name="logits")(x)
    network = keras.Model(image, x, name="levels")
    centres = (np.array(levels) - low) / (high - low)
    kernel = np.zeros((1, 1, channels, len(levels)))
    kernel[0, 0, 0] = 2 * centres
    network.get_layer("logits").set_weights([50 * kernel, -50 * centres**2])
    return network


def levels_of(image_format, levels, spread=3):
    """Six images of the levels and their labels, some pixels far outside."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(levels), (6, *SIZE))
    values = np.array(levels)[labels] + rng.integers(-spread, spread + 1, labels.shape)
    images = np.repeat(values[..., None], image_format.channels, -1)
    images[:, 0, 0], images[:, 0, 1] = 0, 4000 if image_format.type != "uint8" else 255
    labels[:, 0, :2] = 255
    return images.astype(image_format.type), labels.astype(np.uint8)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "levels", "spread"),
    [
        ("gray of 16 bits", (1000, 1012, 1024, 1036), 3),
        pytest.param("four of 16 bits", (1000, 1012, 1024), 3, marks=pytest.mark.slow),
        pytest.param("eight of floats", (1000, 1012, 1024), 3, marks=pytest.mark.slow),
        pytest.param("four of 8 bits", (20, 22, 24, 26), 0, marks=pytest.mark.slow),
    ],
)
def test_int8_tells_levels_apart_that_256_over_all_would_not(
    name, levels, spread, tmp_path, monkeypatch
):
    one, taxonomy = FORMATS[name], Taxonomy.numbered(len(levels))
    ends = levels[0] - 2 * (spread + 1), levels[-1] + 2 * (spread + 1)
    network = of_levels(one, levels, *ends)
    images, labels = levels_of(one, levels, spread)
    batches = [{"image": tf.constant(images), "label": tf.constant(labels)}]

    def row():
        data = conversion.convert(network, "int8", images, image_format=one)
        file = tmp_path / "int8.tflite"
        conversion.finish(data, file, "n", taxonomy, image_format=one)
        return gate.check(network, {"int8": file}, batches, image_format=one)

    first, int8 = row()
    assert first["miou"] > 0.999
    assert int8["passed"]
    assert int8["miou"] > 0.99
    count = flatbuffer.operators((tmp_path / "int8.tflite").read_bytes(), "class_map")
    assert count["QUANTIZE"] == 1
    if one.type != "uint8":
        monkeypatch.setattr(conversion, "range_layers", lambda *_: [])
        assert row()[1]["miou"] < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["four of 8 bits", "four of 16 bits"])
def test_layer_errors_do_not_blame_layers_that_stay_float(name):
    one = FORMATS[name]
    network, images = other_formats.network(one), other_formats.images(one)
    kept = range_layers.range_layers(network, one)
    with conversion.converter(network, "int8", images, one) as converter:
        rows = layer_errors.report(network, converter, images, kept)
    assert len(rows) >= 5
    assert all(np.isfinite(row["error"]) for row in rows)
    assert not {part for row in rows for part in row["layer"].split(", ")} & set(kept)


@pytest.mark.slow
def test_the_crf_takes_any_bands():
    one = FORMATS["four of 16 bits"]
    large = other_formats.images(one, 1, LARGER)[0]
    large[10:14, 20:30] = one.nodata
    ids = segmenter(other_formats.network(one), crf=True, image_format=one)(large)
    assert (ids.shape, ids.dtype) == (LARGER, np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_the_gate_takes_all_formats(name, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    from kerasseg.export import engines
    from kerasseg.export.runners import runner

    one = FORMATS[name]
    network, taxonomy = other_formats.network(one), Taxonomy.numbered(3)
    images = other_formats.images(one)
    labels = np.random.default_rng(1).integers(0, 3, (3, *SIZE), np.uint8)
    files = {"saved_model": signatures.write(network, tmp_path / "1", image_format=one)}
    for kind in ("float32", "float16", "int8"):
        data = conversion.convert(network, kind, images, image_format=one)
        file = tmp_path / formats.ARTEFACTS[kind].file
        files[kind] = conversion.finish(data, file, "n", taxonomy, image_format=one)
    for engine in ("onnx", "openvino"):
        file = tmp_path / formats.ARTEFACTS[engine].file
        files[engine] = engines.write(network, engine, file, taxonomy, one)
    batches = [{"image": tf.constant(images), "label": tf.constant(labels)}]
    limits = formats.Limits(float16=1, int8=5)  # labels are noise
    rows = gate.check(network, files, batches, limits, image_format=one)
    assert [row["format"] for row in rows if not row["passed"]] == []
    assert rows[1]["larger"] >= 0.9999
    for kind in formats.LITERT[:3]:
        run = runner(kind, files[kind])
        assert latency.measure(run, *SIZE, image_format=one)["runs"] >= 5


def test_range_layers_are_found():
    """Of pictures only where the range is not 0..255 anyway."""
    one = FORMATS["four of 16 bits"]
    found = range_layers.range_layers(other_formats.network(one), one)
    assert len(found) >= 3
    image = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="scale")(image)
    x = keras.layers.Conv2D(2, 1)(x)
    plain = keras.Model(image, keras.layers.ReLU()(x))
    assert range_layers.range_layers(plain, RGB) == []
    reflectance = ImageFormat.of(RGB.bands, "uint16")
    assert range_layers.range_layers(plain, reflectance) == ["scale"]


def test_what_a_format_cannot_take_is_refused(tmp_path):
    one = FORMATS["four of 16 bits"]
    with pytest.raises(UserError, match=r"mediapipe takes .* of uint8 only.*4 bands"):
        formats.check(["mediapipe"], one)
    with pytest.raises(UserError, match="takes 4 bands, the images have 3 bands"):
        signatures.write(other_formats.network(one), tmp_path / "1")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_snippets_say_bands_and_type(name):
    one = FORMATS[name]
    lines = snippets.for_file("net.tflite", *SIZE, one)
    for _, code in lines.values():
        assert "{" not in code.split("\n")[-2]
        assert "rgb" not in code
    kind = "uint8" if one.type == "uint8" else "float32"
    assert f'.astype("{kind}")' in lines["Python"][1]
    assert ("<float>" in lines["C++"][1]) == (kind == "float32")
    compile(lines["Python"][1], name, "exec")


def test_a_device_file_of_other_bands_than_it_says(tiny_litert, tmp_path):
    one = FORMATS["four of 8 bits"]
    file = tmp_path / "net.tflite"
    taxonomy = Taxonomy.numbered(3)
    conversion.finish(tiny_litert, file, "n", taxonomy, image_format=one)
    with pytest.raises(UserError, match="takes 3 bands, and its image_format"):
        litert.Model(file)
    conversion.finish(tiny_litert, file, "n", taxonomy)
    assert litert.Model(file).image_format == RGB
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["labels.txt", "taxonomy.json"]
    with pytest.raises(UserError, match=r"Expected an image .*3.* of uint8 .* float32"):
        litert.Model(file).segment(np.zeros((20, 20, 3), np.float32))
