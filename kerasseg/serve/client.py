"""A client of TF Serving's REST and gRPC: pictures in, class maps out.

    with RestClient("http://127.0.0.1:8501", "street") as client:
        first, second = client.segment([Path("a.heic"), bytes_of_a_jpeg])

The same calls with GrpcClient("127.0.0.1:8500", "street"). REST needs urllib3, OpenCV
and Pillow only; gRPC takes tensorflow-serving-api, which imports TensorFlow, and is the
one for large arrays.
"""

from __future__ import annotations

import abc
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from kerasseg import UserError
from kerasseg.serve.errors import ServingError, from_http_status, invalid_argument
from kerasseg.serve.picture_files import encoded

CLASS_MAPS = "class_map_png_bytes"
"""The output of signature serve_bytes that holds the class maps."""


@dataclass(frozen=True)
class Options:
    """How long a client waits, how often it tries again, and whom it trusts."""

    timeout: float = 10.0
    """Seconds for one try."""
    retries: int = 3
    """Further tries where the server is busy, stopping or not reached; at most 4."""
    backoff: float = 0.1
    """Seconds before the first further try; doubled for each one after, to 5."""
    limit: int = 64 * 10**6
    """Bytes of a request or an answer, at most."""
    ca: str = ""
    """PEM file of the authority that signed the server's certificate; empty: those of
    the system."""
    tls: bool = False
    """gRPC: speak TLS. REST does where the address begins with https."""


class Client(abc.ABC):
    """What RestClient and GrpcClient have in common. To be used in a `with` block."""

    def segment(self, pictures: Sequence[bytes | Path]) -> list[np.ndarray]:
        """Files, or JPEG or PNG bytes, of any sizes -> an (H, W) class map each: uint8,
        of more than 255 classes uint16.

        Files are read as `predict` reads them; what is no JPEG or PNG is sent as PNG.

        Raises ServingError: INVALID_ARGUMENT with "image_bytes[INDEX]" where a picture
        cannot be read, see also `predict`.
        """
        inputs = np.empty(len(pictures), object)
        inputs[:] = [p if isinstance(p, bytes) else encoded(p) for p in pictures]
        answer = self.predict("serve_bytes", {"image_bytes": inputs}, (CLASS_MAPS,))
        return [_class_map(png) for png in answer[CLASS_MAPS].tolist()]

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Outputs of a signature by name, those named in `outputs`; empty: all of them.

        Raises ServingError with gRPC's code: INVALID_ARGUMENT where the request does
        not fit, UNAVAILABLE where no server answers, DEADLINE_EXCEEDED where one is
        too slow.
        """
        return self._predict(signature, inputs, outputs)

    def version(self) -> int:
        """The newest version that is served. Raises ServingError when there is none."""
        ready = self._ready_versions()
        if not ready:
            raise ServingError("UNAVAILABLE", "No version is ready.")
        return max(ready)

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the connections."""

    @abc.abstractmethod
    def _predict(self, signature: str, inputs, outputs) -> dict[str, np.ndarray]: ...

    @abc.abstractmethod
    def _ready_versions(self) -> list[int]: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class RestClient(Client):
    """A client of TF Serving's REST.

    address: "http://HOST:PORT" or "https://HOST:PORT"; model: its name there. Numbers
    come as JSON has them: int64 and float64. The server sends all outputs anyway.
    """

    def __init__(self, address: str, model: str, options: Options | None = None):
        import urllib3

        self._options = options = options or Options()
        self._url = f"{address.rstrip('/')}/v1/models/{model}"
        retry = urllib3.Retry(
            options.retries,
            allowed_methods=None,  # also POST: a prediction changes nothing
            status_forcelist=(429, 503),
            backoff_factor=options.backoff,
            backoff_max=5,
            backoff_jitter=options.backoff,
            raise_on_status=False,
            redirect=0,
        )
        self._pool = urllib3.PoolManager(
            maxsize=32,
            retries=retry,
            timeout=urllib3.Timeout(total=options.timeout),
            ca_certs=options.ca or None,
        )

    def _predict(self, signature, inputs, outputs):
        body: dict[str, Any] = {"signature_name": signature}
        body["inputs"] = {name: _listed(value) for name, value in inputs.items()}
        data = json.dumps(body).encode()
        found = self._ask("outputs", "POST", f"{self._url}:predict", data)
        if not isinstance(found, dict):  # the only output comes without its name
            found = {outputs[0] if outputs else "output": found}
        missing = set(outputs) - set(found)
        if missing:
            raise invalid_argument(f"No output '{min(missing)}'.")
        try:
            return {name: _array(found[name]) for name in outputs or found}
        except (KeyError, TypeError, ValueError) as error:
            raise ServingError(
                "INTERNAL", f"The server sent no arrays: {error}"
            ) from error

    def _ready_versions(self):
        states = self._ask("model_version_status", "GET", self._url)
        return [int(one["version"]) for one in states if one["state"] == "AVAILABLE"]

    def close(self) -> None:
        self._pool.clear()

    def _ask(self, key: str, method: str, url: str, body: bytes | None = None):
        """The value of `key` in the JSON object that comes back."""
        import urllib3

        _check_size(len(body or b""), self._options.limit)
        try:
            answer = self._pool.request(
                method,
                url,
                body=body,
                headers={"Content-Type": "application/json"},
                preload_content=False,
            )
            with answer:
                data = answer.read(self._options.limit + 1)
        except urllib3.exceptions.TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", str(error)) from error
        except urllib3.exceptions.HTTPError as error:
            late = isinstance(
                getattr(error, "reason", None), urllib3.exceptions.ReadTimeoutError
            )
            code = "DEADLINE_EXCEEDED" if late else "UNAVAILABLE"
            raise ServingError(code, str(error)) from error
        _check_size(len(data), self._options.limit)
        try:
            values = json.loads(data)
        except ValueError:
            values = None
        values = values if isinstance(values, dict) else {}
        if answer.status != 200 or key not in values:
            text = data[:200].decode("utf-8", "replace") or answer.reason
            raise from_http_status(answer.status, str(values.get("error", text)))
        return values[key]


class GrpcClient(Client):
    """A client of TF Serving's gRPC. address: "HOST:PORT"; model: its name there."""

    def __init__(self, address: str, model: str, options: Options | None = None):
        import grpc
        from tensorflow_serving.apis import (
            model_service_pb2_grpc,
            prediction_service_pb2_grpc,
        )

        self._options, self._model = options or Options(), model
        settings = _channel_settings(self._options)
        if self._options.tls or self._options.ca:
            ca = Path(self._options.ca).read_bytes() if self._options.ca else None
            trust = grpc.ssl_channel_credentials(ca)
            self._channel = grpc.secure_channel(address, trust, settings)
        else:
            self._channel = grpc.insecure_channel(address, settings)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def _predict(self, signature, inputs, outputs):
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        request.output_filter.extend(outputs)
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        _check_size(request.ByteSize(), self._options.limit)
        answer = self._ask(self._prediction.Predict, request)
        return {name: tf.make_ndarray(one) for name, one in answer.outputs.items()}

    def _ready_versions(self):
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        states = self._ask(self._status.GetModelStatus, request).model_version_status
        ready = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        return [one.version for one in states if one.state == ready]

    def close(self) -> None:
        self._channel.close()

    def _ask(self, method, request):
        import grpc

        # One deadline holds for all tries of a call.
        deadline = self._options.timeout * (1 + self._options.retries)
        try:
            return method(request, timeout=deadline)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details() or "") from error


def _channel_settings(options: Options) -> list[tuple[str, object]]:
    """Limits and retries of a gRPC channel."""
    settings: list[tuple[str, object]] = [
        ("grpc.max_send_message_length", options.limit),
        ("grpc.max_receive_message_length", options.limit),
    ]
    if not options.retries:
        return [*settings, ("grpc.enable_retries", 0)]
    services = [{"service": "tensorflow.serving.PredictionService"}]
    services.append({"service": "tensorflow.serving.ModelService"})
    policy = {
        "maxAttempts": min(1 + options.retries, 5),
        "initialBackoff": f"{options.backoff:f}s",
        "maxBackoff": "5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
    }
    config = {"methodConfig": [{"name": services, "retryPolicy": policy}]}
    return [*settings, ("grpc.service_config", json.dumps(config))]


def _class_map(png: bytes) -> np.ndarray:
    ids = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if ids is None or ids.ndim != 2:
        raise ServingError("INTERNAL", "The server's class map is not a gray PNG.")
    return ids


def _listed(value) -> list:
    """An array as a list for JSON; bytes as {"b64": ...}."""
    value = np.asarray(value)
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(one).decode()} for one in value.tolist()]


def _array(value) -> np.ndarray:
    """The array of a list of JSON: bytes where it holds {"b64": ...}, else numbers."""
    if not isinstance(value, list):
        raise UserError(f"a list was expected, not {value!r}")
    if not (value and isinstance(value[0], dict)):
        return np.asarray(value)
    out = np.empty(len(value), object)
    out[:] = [base64.b64decode(one["b64"]) for one in value]
    return out


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise invalid_argument(
            f"A message is larger than {limit} bytes (Options.limit)."
        )
