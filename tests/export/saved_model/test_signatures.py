"""The SavedModel: what its signatures give, and what lies beside the graph."""

import json

import jpeg_png
import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import SIZE, TAXONOMY

from kerasseg import tiles
from kerasseg.data.format.example import decode_image
from kerasseg.data.resize import resize_image
from kerasseg.export.saved_model import signatures
from kerasseg.inference.class_maps import (
    class_map,
    logits_at_size,
    segmenter,
)
from kerasseg.inference.mirror import mirrored_mean
from kerasseg.taxonomy import Taxonomy

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def network(tiny_network):
    return tiny_network


@pytest.fixture(scope="module")
def tiled(tiny_tiled):
    return tf.saved_model.load(str(tiny_tiled))


def maps(answer):
    return [tf.io.decode_png(one)[..., 0].numpy() for one in answer]


def test_mixed_sizes_and_formats_come_back_at_their_own_size(served, network):
    images = [jpeg_png.noise(40, 60, 1), jpeg_png.noise(70, 33, 2)]
    images.append(jpeg_png.noise(*SIZE, 3))
    data = [jpeg_png.encoded(images[0]), jpeg_png.encoded(images[1], "PNG")]
    data.append(jpeg_png.encoded(images[2], "PNG"))
    answer = served.signatures["serve_bytes"](image_bytes=tf.constant(data))
    assert answer["size"].numpy().tolist() == [[40, 60], [70, 33], [32, 48]]
    segment = segmenter(network)
    decoded = [tf.io.decode_image(one).numpy() for one in data]
    decoded[0] = decode_image(data[0]).numpy()
    for ids, image in zip(maps(answer["class_map_png_bytes"]), decoded, strict=True):
        np.testing.assert_array_equal(ids, segment(image))
    answer = served.signatures["serve_probabilities"](image_bytes=tf.constant(data))
    assert answer["size"].numpy().tolist() == [[40, 60], [70, 33], [32, 48]]
    assert answer["class_map"].shape == (3, *SIZE)
    pixels = tf.stack([resize_image(image, SIZE) for image in decoded])
    logits = network(tf.cast(pixels, tf.float32), training=False)
    np.testing.assert_array_equal(answer["class_map"], class_map(logits))
    np.testing.assert_allclose(
        answer["probabilities"], tf.nn.softmax(logits), atol=1e-6
    )


def giving_back_its_input():
    image = keras.Input((*SIZE, 3), name="image")
    return keras.Model(image, keras.layers.Identity()(image))


def test_what_the_network_is_given_and_what_is_refused(tmp_path):
    """A network that gives back its input shows what it was given: bit for bit that of
    evaluation. The limit of pixels can be set."""
    path = signatures.write(giving_back_its_input(), tmp_path / "1", max_pixels=6000)
    served = tf.saved_model.load(str(path))
    ask = served.signatures["serve_bytes"]
    ask(image_bytes=tf.constant([jpeg_png.encoded(jpeg_png.noise(60, 100))]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than the 6000"):
        ask(image_bytes=tf.constant([jpeg_png.encoded(jpeg_png.noise(60, 101))]))
    for kind, size in (("JPEG", (90, 61)), ("PNG", (20, 100)), ("JPEG", SIZE)):
        data = jpeg_png.encoded(jpeg_png.noise(*size), kind)
        # As kerasseg.data.pipeline does it.
        evaluated = tf.data.Dataset.from_tensors(data).map(
            lambda one: resize_image(decode_image(one), SIZE)
        )
        (expected,) = evaluated
        function = served.signatures["serve_probabilities"]
        given = function(image_bytes=tf.constant([data]))
        expected = tf.nn.softmax(tf.cast(expected, tf.float32))
        np.testing.assert_array_equal(given["probabilities"][0], expected)


def test_pixels_of_any_size(served, network):
    image = np.stack([jpeg_png.noise(50, 40, seed) for seed in (1, 2)])
    logits = logits_at_size(network, image)
    expected = {"class_map": class_map(logits), "probabilities": tf.nn.softmax(logits)}
    for name, kind, given in (
        ("serving_default", tf.float32, "class_map"),
        ("class_map", tf.uint8, "class_map"),
        ("probabilities", tf.float32, "probabilities"),
    ):
        answer = served.signatures[name](image=tf.constant(image, kind))
        assert list(answer) == [given]
        np.testing.assert_allclose(answer[given], expected[given], atol=1e-6)


def test_network_size_has_no_resize(served, network):
    image = jpeg_png.noise(*SIZE)[None]
    function = served.signatures["network_size"]
    answer = function(image=tf.constant(image))
    logits = network(image.astype("float32"), training=False)
    np.testing.assert_allclose(
        answer["probabilities"], tf.nn.softmax(logits), atol=1e-6
    )
    assert answer["class_map"].dtype == tf.uint8


def test_a_camera_picture_comes_back_upright(served):
    stored = jpeg_png.noise(40, 60)
    plain = jpeg_png.encoded(np.rot90(stored, -1), "PNG")
    turned = jpeg_png.encoded(stored, "PNG", orientation=6)
    answer = served.signatures["serve_bytes"](image_bytes=tf.constant([plain, turned]))
    one, other = maps(answer["class_map_png_bytes"])
    assert one.shape == (60, 40)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fixture", ["served", "tiled"])
def test_the_bad_one_of_a_batch_is_named(request, fixture):
    served = request.getfixturevalue(fixture)
    good = jpeg_png.encoded(jpeg_png.noise(40, 60))
    for data, says in jpeg_png.bad().values():
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            served.signatures["serve_bytes"](image_bytes=tf.constant([good, data]))
        assert f"image_bytes[1] {says}" in caught.value.message


@pytest.mark.parametrize("fixture", ["served", "tiled"])
def test_no_pictures_are_refused(request, fixture):
    serve_bytes = request.getfixturevalue(fixture).signatures["serve_bytes"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds no picture"):
        serve_bytes(image_bytes=tf.zeros((0,), tf.string))


@pytest.mark.parametrize("size", [(70, 100), (33, 48), (20, 130), (200, 10)])
def test_tiles_and_flip_are_those_of_the_library(tiled, network, size):
    image = jpeg_png.noise(*size)

    def whole(one):
        return tf.nn.softmax(tiles.predict(network, one, SIZE, overlap=8)).numpy()

    expected = mirrored_mean(whole, image)
    answer = tiled.signatures["probabilities"](
        image=tf.constant(image[None], tf.float32)
    )
    np.testing.assert_allclose(answer["probabilities"][0], expected, atol=1e-5)
    data = tf.constant([jpeg_png.encoded(image, "PNG")])
    answer = tiled.signatures["serve_bytes"](image_bytes=data)
    (ids,) = maps(answer["class_map_png_bytes"])
    assert (ids == expected.argmax(-1)).mean() > 0.999


def test_small_images_are_not_tiled(tiled, served):
    image = tf.constant(jpeg_png.noise(30, 40)[None], tf.float32)
    mirrored = tf.reverse(image, [2])
    one = served.signatures["probabilities"](image=image)["probabilities"]
    other = served.signatures["probabilities"](image=mirrored)["probabilities"]
    both = tiled.signatures["probabilities"](image=image)["probabilities"]
    mean = (one + tf.reverse(other, [2])) / 2
    np.testing.assert_allclose(both, mean, atol=1e-5)


def test_names_and_colours_lie_in_the_folder(tiny_saved_model, served):
    values = json.loads((tiny_saved_model / "assets" / "taxonomy.json").read_text())
    assert Taxonomy.from_json(values) == TAXONOMY


def test_warm_up_requests_run(tiny_saved_model, served):
    prediction_log_pb2 = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2"
    )
    file = tiny_saved_model / "assets.extra" / "tf_serving_warmup_requests"
    records = [one.numpy() for one in tf.data.TFRecordDataset(str(file))]
    assert 1 <= len(records) <= 1000
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        again = log.SerializeToString(deterministic=True)
        assert len(again) == len(record)  # no field that the message does not know
        request = log.predict_log.request
        assert request.model_spec.name == "street"
        inputs = {
            key: tf.constant(tf.make_ndarray(value))
            for key, value in request.inputs.items()
        }
        answer = served.signatures[request.model_spec.signature_name](**inputs)
        assert maps(answer["class_map_png_bytes"])[0].shape == SIZE


def test_wrong_options_are_refused(network, tmp_path):
    with pytest.raises(ValueError, match="taxonomy has 2 classes, the network 3"):
        signatures.write(network, tmp_path / "1", Taxonomy.numbered(2))
    for overlap in (-1, 32):
        with pytest.raises(ValueError, match="from 1 to 31 pixels"):
            signatures.write(network, tmp_path / "1", overlap=overlap)
    assert not list(tmp_path.iterdir())


def overlapping(path, network, **ways):
    classes = Taxonomy(TAXONOMY.names, TAXONOMY.colours, exclusive=False)
    return tf.saved_model.load(str(signatures.write(network, path, classes, **ways)))


@pytest.mark.parametrize("flip", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_where_classes_overlap_each_has_its_own_answer(tmp_path, flip):
    """The network's logits are its pixels: above 0 there is the class."""
    served = overlapping(tmp_path / "1", centred(), flip=flip).signatures
    image = jpeg_png.noise(*SIZE)
    expected = tf.sigmoid(tf.cast(image, tf.float32) - 127.5).numpy()
    answer = served["probabilities"](image=tf.constant(image[None], tf.float32))
    np.testing.assert_allclose(answer["probabilities"][0], expected, atol=1e-6)
    answer = served["serving_default"](image=tf.constant(image[None], tf.float32))
    assert answer["class_map"].dtype == tf.uint8
    np.testing.assert_array_equal(answer["class_map"][0], image > 127)
    data = tf.constant([jpeg_png.encoded(image, "PNG")] * 2)
    png = served["serve_bytes"](image_bytes=data)["class_map_png_bytes"]
    assert png.shape == (2, 3)
    for plane, one in zip(maps(png[1]), np.moveaxis(image, -1, 0), strict=True):
        np.testing.assert_array_equal(plane, one > 127)


def centred():
    image = keras.Input((*SIZE, 3), name="image")
    return keras.Model(image, keras.layers.Rescaling(1.0, -127.5)(image))
