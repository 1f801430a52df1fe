"""Networks of other bands and depths behind REST and gRPC."""

import json
import urllib.error
import urllib.request

import cv2
import keras
import numpy as np
import other_formats
import pytest
import tensorflow as tf
from other_formats import FORMATS, HIGH, LOW, SIZE
from servers import Server

from kerasseg.export.saved_model import signatures
from kerasseg.image_format import RGB
from kerasseg.inference.class_maps import segmenter
from kerasseg.serve.client import GrpcClient, RestClient
from kerasseg.serve.client.__main__ import main as ask
from kerasseg.serve.errors import ServingError
from kerasseg.taxonomy import Taxonomy

pytestmark = [pytest.mark.export, pytest.mark.processes]
OVERLAPPING = Taxonomy(
    ("heart", "left lung", "right/lung"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)), False
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """served(name) -> its format, network and server."""
    for package in ("grpc", "aiohttp", "orjson", "tensorflow_serving"):
        pytest.importorskip(package, reason="needs pip install 'kerasseg[serve]'")
    made = {}

    def one(name):
        if name not in made:
            given = FORMATS.get(name, RGB)
            network = convolution(given)
            folder = tmp_path_factory.mktemp("bands")
            options = (
                {"taxonomy": OVERLAPPING} if name == "classes that overlap" else {}
            )
            options |= {"name": "street", "image_format": given}
            signatures.write(network, folder / "1", **options)
            made[name] = given, network, Server(folder)
        return made[name]

    yield one
    for _, _, server in made.values():
        server.stop()


def convolution(given):
    keras.utils.set_random_seed(1)
    image = keras.Input((*SIZE, given.channels), name="image")
    x = keras.layers.Rescaling(1 / (HIGH - LOW), offset=-LOW / (HIGH - LOW))(image)
    x = keras.layers.ReLU(max_value=1.0)(x)
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same")(x))


def asked(server, body):
    """Status and answer of a REST request."""
    url = f"{server.rest}/v1/models/street:predict"
    request = urllib.request.Request(url, json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_png_of_16_bits(served):
    given, network, server = served("four of 16 bits")
    image = other_formats.images(given, 1, (40, 50))[0]
    expected = segmenter(network, image_format=given)(image)
    with RestClient(server.rest, "street") as client:
        (ids,) = client.segment([tf.io.encode_png(image).numpy()])
        np.testing.assert_array_equal(ids, expected)
        low = tf.io.encode_png((image >> 8).astype(np.uint8)).numpy()
        with pytest.raises(ServingError) as caught:
            client.segment([low])
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "image_bytes[0] is a PNG with 4 channels of 8 bits" in caught.value.message
    assert "\n" not in caught.value.message
    body = {"signature_name": "network_size"}
    image = other_formats.images(given, 1)
    status, answer = asked(server, body | {"instances": image.tolist()})
    assert status == 200
    expected = segmenter(network, image_format=given)(image[0])
    assert answer["predictions"][0]["class_map"] == expected.tolist()
    status, answer = asked(server, body | {"instances": (image + 0.5).tolist()})
    assert status == 400
    assert "something else than uint16" in answer["error"]


def test_floats_of_eight_bands_over_both_ports(served):
    """The warm-up ran when the server started: there is no serve_bytes to warm."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    given, network, server = served("eight of floats")
    image = other_formats.images(given, 1, (40, 50))
    image[0, 3, 4, 5] = np.nan
    image[0, 10:20, 10:20] = given.nodata
    expected = segmenter(network, image_format=given)(image[0])
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "street"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image))
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=60)
    ids = tf.make_ndarray(answer.outputs["class_map"])[0]
    np.testing.assert_array_equal(ids, expected)
    status, answer = asked(server, {"instances": np.nan_to_num(image).tolist()})
    assert status == 200
    status, answer = asked(server, {"instances": image[..., :3].tolist()})
    assert status == 400
    words = {"signature_name": "serve_bytes", "instances": [{"b64": "aaaa"}]}
    status, answer = asked(server, words)
    assert status == 400
    assert '"serve_bytes" not found. There are serving_default' in answer["error"]


def test_classes_that_overlap(served, rng, tmp_path):
    """A class map has a plane of 0 and 1 for each class, over both ports and by the
    command; requests of two clients go through the network together."""
    _, network, server = served("classes that overlap")
    image = rng.integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    expected = (network.predict(image, verbose=0) > 0).astype(np.uint8)
    assert 0 < expected.mean() < 1
    png = tf.io.encode_png(image[0].astype(np.uint8)).numpy()
    rest, remote = RestClient(server.rest, "street"), GrpcClient(server.grpc, "street")
    with rest, remote:
        for client in (rest, remote):
            for picture in client.segment([png, png]):
                np.testing.assert_array_equal(picture, expected[0])
            answer = client.predict("serving_default", {"image": image}, ["class_map"])
            np.testing.assert_array_equal(answer["class_map"], expected)
            assert client.network.taxonomy == OVERLAPPING
            assert (client.network.exclusive, client.network.classes) == (False, 3)
    (tmp_path / "a.png").write_bytes(png)
    words = [f"{server.rest}/v1/models/street", str(tmp_path / "a.png")]
    ask([*words, "--out", str(tmp_path / "out")])
    made = sorted(file.name for file in (tmp_path / "out").glob("*.png"))
    names = ("heart", "left_lung", "right_lung")
    assert made == [f"a_label_{name}.png" for name in names]
    for number, file in enumerate(made):
        ids = cv2.imread(str(tmp_path / "out" / file), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(ids, expected[0, ..., number])
