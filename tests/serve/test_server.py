"""The server over sockets: TF Serving's contract, by official stubs and plain HTTP."""

import base64
import json
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pictures
import pytest
import tensorflow as tf
import urllib3

from kerasseg.inference import class_map, logits_at_size
from kerasseg.serve.client import GrpcClient, Options, RestClient
from kerasseg.serve.errors import ServingError

for package in ("grpc", "aiohttp", "prometheus_client", "tensorflow_serving"):
    pytest.importorskip(package, reason="needs pip install 'kerasseg[serve]'")
apis = "tensorflow_serving.apis."
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
    pictures.encoded(pictures.noise(40, 60, 1), orientation=6),
    pictures.encoded(pictures.noise(20, 33, 2), "PNG"),
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
    image = pictures.noise(40, 60)[None].astype("float32")
    answer = stub.Predict(request("", image=image), timeout=30)
    ids = tf.make_ndarray(answer.outputs["class_map"])
    np.testing.assert_array_equal(ids, class_map(logits_at_size(network, image)))


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
    "int": (
        request("serving_default", image=np.zeros((1, 4, 4, 3), "u1")),
        "got uint8",
    ),
    "no rows": (request(image_bytes=np.zeros((0,), object)), "no rows"),
    "no pixels": (request("", image=np.zeros((1, 0, 4, 3), "f")), "no rows"),
    "bomb": (bomb(), "is larger than 2000000 bytes"),
    "negative": (bomb(sizes=(1, -5, 4, 3)), "not negative"),
    "cut tensor": (bomb(dtype=99, sizes=(1, 1, 1, 3)), "cannot be read"),
    "label": (request(image_bytes=[b"x"]), "labels are not"),
}
BAD["label"][0].model_spec.version_label = "stable"
for name, (data, says) in pictures.bad().items():
    BAD[name] = request(image_bytes=[PICTURES[1], data]), f"image_bytes[1] {says}"


@pytest.mark.parametrize("name", BAD)
def test_grpc_errors_say_what_is_wrong(stub, name):
    asked, says = BAD[name]
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(asked, timeout=30)
    code = caught.value.code()
    wanted = grpc.StatusCode.INVALID_ARGUMENT
    assert code == (grpc.StatusCode.NOT_FOUND if name == "model" else wanted)
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
    image = pictures.noise(8, 9)
    body = {"instances": [image.tolist()]}
    status, answer = post(server, body, "/versions/1:predict")
    assert status == 200
    ids = class_map(logits_at_size(network, image[None]))[0]
    assert answer["predictions"][0]["class_map"] == ids.numpy().tolist()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "JSON object"),
        ({}, "instances or inputs"),
        ({"instances": [1], "inputs": [1]}, "instances or inputs"),
        ({"instances": []}, "not empty"),
        ({"instances": [{"image": 1}, 2]}, "same inputs"),
        ({"instances": ["a"]}, "is no array of numbers"),
        ({"instances": [[[1, 2], [3]]]}, "is no array of numbers"),
        ({"instances": [[[float("inf")]]]}, "Infinity is no number in JSON"),
        ({"instances": [{"b64": "!"}], "signature_name": "serve_bytes"}, "not base64"),
        ({"instances": [5], "signature_name": "serve_bytes"}, "takes strings or"),
        ({"instances": [[[[300] * 3]]], "signature_name": "network_size"}, "uint8"),
        ({"inputs": {"else": 1}}, "no input 'else'"),
        ({"instances": [1], "signature_name": 5}, "must be a string"),
        ({"instances": [1], "signature_name": "nothing"}, "not found"),
    ],
)
def test_rest_errors_say_what_is_wrong(server, body, says):
    status, answer = post(server, body)
    assert status == 400
    assert says in answer["error"]


def test_rest_refuses_odd_bodies(server):
    url = f"{server.rest}/v1/models/street:predict"
    for body in (b"", b"{", b"[" * 10**5, b"\xff\xfe", b'{"instances": [NaN]}'):
        answer = http.request("POST", url, body=body)
        assert answer.status == 400
        assert set(answer.json()) == {"error"}
    answer = http.request("POST", url, body=b" " * 2_100_000)
    assert (answer.status, "larger than" in answer.json()["error"]) == (400, True)
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
    text = get("/monitoring/prometheus/metrics").data.decode()
    assert 'kerasseg_serve_requests_total{code="OK",protocol="rest"}' in text
    assert "kerasseg_serve_waiting 0.0" in text
    assert "kerasseg_serve_version 1.0" in text


def test_many_at_once_with_bad_ones_between(server, local):
    """Batched neighbours of a bad picture are answered all the same."""
    right = {one: expected(local, one) for one in PICTURES}
    wrong, failures = pictures.bad()["cut PNG"][0], []

    def ask(number):
        kind = GrpcClient if number % 2 else RestClient
        address = server.grpc if number % 2 else server.rest
        with kind(address, "street", Options(timeout=60)) as client:
            for turn in range(8):
                bad = (turn + number) % 4 == 0
                data = wrong if bad else PICTURES[turn % 2]
                try:
                    (ids,) = client.segment([data])
                    good = tf.io.decode_png(right[data])[..., 0].numpy()
                    if bad or not (ids == good).all():
                        failures.append("wrong answer")
                except ServingError as error:
                    if not bad or "image_bytes[0] cannot be" not in error.message:
                        failures.append(str(error))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures


def test_a_full_queue_refuses(start, folder):
    """One row at a time, one may wait: of twelve at once some are refused."""
    server = start(folder, "--queue", "1", "--batch", "1")
    data, codes = [pictures.encoded(pictures.noise(600, 600))] * 4, []
    image = np.array(data, object)

    def ask(number):
        rest = RestClient(server.rest, "street", Options(retries=0, timeout=60))
        remote = GrpcClient(server.grpc, "street", Options(retries=0, timeout=60))
        try:
            (rest, remote)[number % 2].predict("serve_bytes", {"image_bytes": image})
            codes.append("OK")
        except ServingError as error:
            codes.append(error.code)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}
    with RestClient(server.rest, "street", Options(retries=4, timeout=60)) as client:
        assert len(client.segment(data)) == 4
    assert server.stop() == 0


def test_versions_roll_over_and_back(start, folder, network, tmp_path):
    base = tmp_path / "street"
    shutil.copytree(folder, base)
    server = start(base)
    with GrpcClient(server.grpc, "street") as client:

        def until(number):
            for _ in range(300):
                if client.version() == number:
                    return client.segment(PICTURES)
                time.sleep(0.1)
            raise AssertionError(server.log.read_text())

        first = until(1)
        (base / "2").mkdir()  # half copied: passed over
        (base / "3").mkdir()
        (base / "3" / "saved_model.pb").write_bytes(b"damaged")
        assert client.version() == 1
        changed = network.get_weights()
        network.set_weights([one + 0.5 for one in changed])
        from kerasseg.export import saved_model

        saved_model.write(network, base / "4")
        network.set_weights(changed)
        assert any((a != b).any() for a, b in zip(first, until(4), strict=True))
        shutil.move(base / "4", tmp_path / "4")
        assert all((a == b).all() for a, b in zip(first, until(1), strict=True))
    assert "version 3 was not loaded" in server.log.read_text()
    assert server.stop() == 0


def test_stopping_answers_what_runs(start, folder):
    server = start(folder)
    data, answers = [pictures.encoded(pictures.noise(1500, 1500))] * 6, []

    def ask():
        options = Options(retries=0, timeout=60)
        with GrpcClient(server.grpc, "street", options) as client:
            answers.extend(client.segment(data))

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(1000):  # until it runs
        url = f"{server.rest}/monitoring/prometheus/metrics"
        if "batch_rows_count 1.0" in http.request("GET", url).data.decode():
            break
    server.signal()
    thread.join()
    assert len(answers) == 6
    assert server.wait() == 0
    assert "Stopping." in server.log.read_text()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--queue", "0"], "--queue must be more than 0"),
        (["--cert", "a.pem"], "--cert and --key, both or none"),
        ([], "holds no version"),
    ],
)
def test_wrong_starts_are_one_line(tmp_path, flags, says):
    words = [sys.executable, "-m", "kerasseg.serve", str(tmp_path), *flags]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
