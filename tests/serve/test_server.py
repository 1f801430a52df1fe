"""The server over sockets: TF Serving's contract, by official stubs and plain HTTP."""

import base64
import gzip
import json

import jpeg_png
import numpy as np
import pytest
import tensorflow as tf
import urllib3

from kerasseg.inference.class_maps import class_map, logits_at_size

for package in ("grpc", "aiohttp", "orjson", "prometheus_client", "tensorflow_serving"):
    pytest.importorskip(package, reason="needs pip install 'kerasseg[serve]'")
apis = "tensorflow_serving.apis."
classification_pb2 = pytest.importorskip(apis + "classification_pb2")
grpc = pytest.importorskip("grpc")
get_model_metadata_pb2 = pytest.importorskip(apis + "get_model_metadata_pb2")
get_model_status_pb2 = pytest.importorskip(apis + "get_model_status_pb2")
model_service_pb2_grpc = pytest.importorskip(apis + "model_service_pb2_grpc")
predict_pb2 = pytest.importorskip(apis + "predict_pb2")
prediction_service_pb2_grpc = pytest.importorskip(apis + "prediction_service_pb2_grpc")

http = urllib3.PoolManager(retries=False)


@pytest.fixture(scope="module")
def local(folder):
    return tf.saved_model.load(str(folder / "1"))


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="serve_bytes", wanted=(), name="street", **inputs):
    asked = predict_pb2.PredictRequest(output_filter=wanted)
    asked.model_spec.name = name
    asked.model_spec.signature_name = signature
    for key, value in inputs.items():
        asked.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return asked


def expected(local, data):
    answer = local.signatures["serve_bytes"](image_bytes=tf.constant([data]))
    return answer["class_map_png_bytes"].numpy()[0]


def post(server, body, path=":predict"):
    url = f"{server.rest}/v1/models/street{path}"
    answer = http.request("POST", url, body=json.dumps(body))
    return answer.status, answer.json()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


PICTURES = [
    jpeg_png.encoded(jpeg_png.noise(40, 60, 1), orientation=6),
    jpeg_png.encoded(jpeg_png.noise(20, 33, 2), "PNG"),
]


def test_grpc_bytes(stub, local):
    answer = stub.Predict(request(image_bytes=PICTURES), timeout=30)
    given = tf.make_ndarray(answer.outputs["class_map_png_bytes"]).tolist()
    assert given == [expected(local, one) for one in PICTURES]
    assert answer.model_spec.version.value == 1
    assert set(answer.outputs) == {"class_map_png_bytes", "size"}
    filtered = stub.Predict(request(wanted=["size"], image_bytes=PICTURES), timeout=30)
    assert set(filtered.outputs) == {"size"}


def test_grpc_pixels(stub, network):
    image = jpeg_png.noise(40, 60)[None].astype("float32")
    answer = stub.Predict(request("", image=image), timeout=30)
    ids = tf.make_ndarray(answer.outputs["class_map"])
    np.testing.assert_array_equal(ids, class_map(logits_at_size(network, image)))


def test_grpc_casts_numbers_where_it_is_exact_and_refuses_the_rest(stub, network):
    image = jpeg_png.noise(40, 60)[None]
    ids = class_map(logits_at_size(network, image))
    for pixels in (image, image.astype(np.float64), image.astype(np.int64)):
        answer = stub.Predict(request("", image=pixels), timeout=30)
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["class_map"]), ids)
    small = stub.Predict.with_call(request("", image=image / np.float32(255)))[1]
    assert "do not divide" in dict(small.trailing_metadata())["warning"]
    with pytest.raises(grpc.RpcError) as caught:
        stub.Classify(classification_pb2.ClassificationRequest(), timeout=30)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "for each pixel" in caught.value.details()


def bomb(dtype=tf.float32.as_datatype_enum, sizes=(1, 10**6, 10**6, 3)):
    """A tensor of a few bytes whose last value is repeated 3e12 times."""
    asked = request("serving_default")
    tensor = asked.inputs["image"]
    tensor.dtype = dtype
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(1)
    return asked


BAD = {
    "signature": (request("nothing", image_bytes=[b"x"]), "nothing"),
    "model": (request(name="else", image_bytes=[b"x"]), "else"),
    "output": (request(wanted=["depth"], image_bytes=[PICTURES[1]]), "depth"),
    "no input": (request(), "takes image_bytes; got no input"),
    "input": (request(picture=[b"x"]), "takes image_bytes; got picture"),
    "dtype": (request(image_bytes=np.zeros(3, np.float32)), "is string"),
    "rank": (request("serving_default", image=np.zeros((4, 4, 3), "f")), "got float32"),
    "whole numbers that float32 does not hold": (
        request("serving_default", image=np.full((1, 4, 4, 3), 2**24 + 1)),
        "got int64",
    ),
    "no batch": (request("", image=np.zeros((4, 4, 3), "f")), "image into a list"),
    "bytes as pixels": (request("", image=[b"x"]), '"signature_name": "serve_bytes"'),
    "no rows": (request(image_bytes=np.zeros((0,), object)), "no rows"),
    "no pixels": (request("", image=np.zeros((1, 0, 4, 3), "f")), "no rows"),
    "bomb": (bomb(), "is larger than 2000000 bytes"),
    "negative": (bomb(sizes=(1, -5, 4, 3)), "not negative"),
    "cut tensor": (bomb(dtype=99, sizes=(1, 1, 1, 3)), "cannot be read"),
    "label": (request(image_bytes=[b"x"]), "'stable'. The labels are: none"),
}
BAD["label"][0].model_spec.version_label = "stable"
for name, (data, says) in jpeg_png.bad().items():
    BAD[name] = request(image_bytes=[PICTURES[1], data]), f"image_bytes[1] {says}"


@pytest.mark.parametrize("name", BAD)
def test_grpc_errors_say_what_is_wrong(stub, name):
    asked, says = BAD[name]
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(asked, timeout=30)
    code = caught.value.code()
    wanted = grpc.StatusCode.INVALID_ARGUMENT
    unknown = name in ("model", "label")
    assert code == (grpc.StatusCode.NOT_FOUND if unknown else wanted)
    assert says in caught.value.details()
    assert "\n" not in caught.value.details()


def test_grpc_metadata_and_status(server, stub, folder):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(
        metadata_field=["signature_def"]
    )
    asked.model_spec.name = "street"
    answer = stub.GetModelMetadata(asked, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    bytes_in = signatures.signature_def["serve_bytes"].inputs["image_bytes"]
    assert bytes_in.dtype == tf.string.as_datatype_enum
    with grpc.insecure_channel(server.grpc) as channel:
        status = model_service_pb2_grpc.ModelServiceStub(channel)
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = "street"
        (state,) = status.GetModelStatus(asked, timeout=30).model_version_status
        assert (state.version, state.state) == (1, 30)  # AVAILABLE
        asked.model_spec.version.value = 7
        with pytest.raises(grpc.RpcError) as caught:
            status.GetModelStatus(asked, timeout=30)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_rest_bytes_in_columns_and_rows(server, local):
    maps = [b64(expected(local, one)) for one in PICTURES]
    sizes = [[60, 40], [20, 33]]
    body = {"signature_name": "serve_bytes"}
    listed = [b64(one) for one in PICTURES]
    status, answer = post(server, body | {"inputs": {"image_bytes": listed}})
    assert status == 200
    assert answer == {"outputs": {"class_map_png_bytes": maps, "size": sizes}}
    assert post(server, body | {"inputs": listed})[1] == answer
    rows = [
        {"class_map_png_bytes": one, "size": size}
        for one, size in zip(maps, sizes, strict=True)
    ]
    named = [{"image_bytes": one} for one in listed]
    for instances in (listed, named):
        status, answer = post(server, body | {"instances": instances})
        assert (status, answer) == (200, {"predictions": rows})


def test_rest_pixels(server, network):
    """The request of TF Serving's tutorial; whole numbers, and floats."""
    image = jpeg_png.noise(8, 9)
    ids = class_map(logits_at_size(network, image[None])).numpy().tolist()
    for pixels in (image, image.astype(float)):
        body = {"instances": [pixels.tolist()]}
        assert post(server, body, "/versions/1:predict") == (200, {"predictions": ids})
    body = {"signature_name": "network_size", "instances": [np.zeros((32, 48, 3))]}
    body["instances"][0] = (body["instances"][0] + 7.0).tolist()
    assert post(server, body)[0] == 200  # 7.0 is a uint8


def test_rest_pictures_without_a_signature_and_any_base64(server, local):
    maps = [b64(expected(local, one))["b64"] for one in PICTURES]
    texts = [
        base64.urlsafe_b64encode(PICTURES[0]).decode().rstrip("="),
        base64.encodebytes(PICTURES[1]).decode(),
    ]
    for named in (False, True):
        rows = [{"b64": text} for text in texts]
        rows = [{"image_bytes": one} for one in rows] if named else rows
        status, answer = post(server, {"instances": rows})
        assert status == 200
        given = [one["class_map_png_bytes"]["b64"] for one in answer["predictions"]]
        assert given == maps


def test_rest_warns_of_pixels_that_were_divided(server, caplog):
    def ask(image):
        url = f"{server.rest}/v1/models/street:predict"
        body = json.dumps({"instances": [image.tolist()]})
        return http.request("POST", url, body=body).headers

    image = jpeg_png.noise(8, 9)
    assert "Warning" not in ask(image)
    assert "Warning" not in ask(0 * image)
    for _ in range(2):
        assert "do not divide" in ask(image / 255)["Warning"]
    assert caplog.text.count("within 0 to 1") <= 1  # or in a test before


def test_rest_answers_pages_of_the_origin_that_is_allowed(server):
    url = f"{server.rest}/v1/models/street:predict"
    for answer in (http.request("OPTIONS", url), http.request("POST", url, body=b"")):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://example.org"
    assert http.request("OPTIONS", url).status == 204


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "JSON object"),
        ({}, "instances or inputs"),
        ({"instances": [1], "inputs": [1]}, "instances or inputs"),
        ({"instances": []}, "not empty"),
        ({"instances": [{"image": 1}, 2]}, "same inputs"),
        ({"instances": ["a"]}, "is not an array of numbers"),
        ({"instances": [[[1, 2], [3]]]}, "is not an array of numbers"),
        ({"instances": [[[float("inf")]]]}, "Infinity is not a number in JSON"),
        ({"instances": [{"b64": "!"}], "signature_name": "serve_bytes"}, "not base64"),
        ({"instances": [5], "signature_name": "serve_bytes"}, "takes strings or"),
        ({"instances": [[[[300] * 3]]], "signature_name": "network_size"}, "uint8"),
        ({"inputs": {"else": 1}}, "no input 'else'. It takes image."),
        ({"inputs": b64(PICTURES[1])}, "Put the one into a list"),
        ({"instances": [[[1, 2, 3]]]}, "put the image into a list"),
        ({"instances": [[[[1e300] * 3]]]}, "too large for float32"),
        ({"instances": [1], "output_filter": 5}, "a list of names"),
        ({"instances": [[[[1] * 3]]], "output_filter": ["a"]}, "no output 'a'"),
        (
            {"instances": [b64(b"x")], "signature_name": "serving_default"},
            'pixels, an array of numbers. Encoded pictures go to "signature_name"',
        ),
        (
            {"instances": [b64(b"x")], "signature_name": "probabilities"},
            'go to "signature_name": "serve_probabilities"',
        ),
        (
            {"instances": [b64(b"x")] * 9},
            "9 pictures, more than 8. Send fewer at once, or start the server with a "
            "larger --rows",
        ),
        ({"instances": [b64(PICTURES[1]), b64(b"x")]}, "image_bytes[1] is neither"),
        ({"instances": [1], "signature_name": 5}, "must be a string"),
        ({"instances": [1], "signature_name": "nothing"}, "not found"),
    ],
)
def test_rest_errors_say_what_is_wrong(server, body, says):
    status, answer = post(server, body)
    assert status == 400
    assert says in answer["error"]


def test_rest_refuses_odd_bodies(server, caplog):
    url = f"{server.rest}/v1/models/street:predict"
    for body in (b"", b"{", b"[" * 10**5, b"\xff\xfe", b'{"instances": [NaN]}'):
        answer = http.request("POST", url, body=body)
        assert answer.status == 400
        assert set(answer.json()) == {"error"}
    headers = {"Content-Encoding": "gzip"}
    for _ in range(2):  # the connection of the first one is not used again
        answer = http.request("POST", url, body=b"damaged", headers=headers)
        assert answer.status == 400
        assert "what its Content-Encoding says (gzip)" in answer.json()["error"]
    bomb = gzip.compress(bytes(10**8))
    for body, headers in (
        (b" " * 2_100_000, {}),
        (iter([b" " * 10**6] * 3), {}),
        (bomb, {"Content-Encoding": "gzip"}),
    ):
        answer = http.request("POST", url, body=body, headers=headers)
        assert answer.status == 400
        assert "a larger --limit" in answer.json()["error"]
    url = f"{server.rest}/v1/models/street:classify"
    answer = http.request("POST", url, body=b"{}")
    assert (answer.status, "not offered" in answer.json()["error"]) == (501, True)
    assert not [one for one in caplog.records if one.exc_info]
    url = f"{server.rest}/v1/models/street:predict"
    for wrong in ("/v1/models/else:predict", "/v1/models/street/versions/9:predict"):
        assert http.request("POST", server.rest + wrong, body=b"{}").status == 404
    assert http.request("GET", f"{server.rest}/nothing").status == 404
    assert http.request("GET", url).status == 405


def test_rest_status_metadata_health_and_metrics(server):
    def get(path):
        answer = http.request("GET", server.rest + path)
        assert answer.status == 200
        return answer

    state = get("/v1/models/street").json()["model_version_status"][0]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    found = get("/v1/models/street/metadata").json()["metadata"]["signature_def"]
    given = found["signature_def"]["serve_bytes"]["inputs"]["image_bytes"]
    assert given["dtype"] == "DT_STRING"
    assert get("/healthz").data == b"ok\n"
    status, _ = post(server, {"instances": [b64(PICTURES[0])]})
    assert status == 200  # so that there is an answer to count
    text = get("/monitoring/prometheus/metrics").data.decode()
    assert 'kerasseg_serve_requests_total{code="OK",protocol="rest"}' in text
    assert "kerasseg_serve_waiting 0.0" in text
    assert 'kerasseg_serve_version{model="street"} 1.0' in text
