"""A client of TF Serving's gRPC."""

from __future__ import annotations

import json
from pathlib import Path

from kerasseg.serve.client.options import Options
from kerasseg.serve.client.segmenting import Client
from kerasseg.serve.errors import ServingError

FIELDS = ["signature_def", "taxonomy", "image_format"]
"""Of the metadata; TF Serving has the first only."""


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
        self._options.check_size(request.ByteSize())
        answer = self._ask(self._prediction.Predict, request)
        return {name: tf.make_ndarray(one) for name, one in answer.outputs.items()}

    def _ready_versions(self):
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        states = self._ask(self._status.GetModelStatus, request).model_version_status
        ready = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        return [one.version for one in states if one.state == ready]

    def _metadata(self):
        from google.protobuf import wrappers_pb2
        from google.protobuf.json_format import MessageToDict
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=FIELDS)
        request.model_spec.name = self._model
        try:
            answer = self._ask(self._prediction.GetModelMetadata, request)
        except ServingError as error:
            if error.code != "INVALID_ARGUMENT":
                raise
            del request.metadata_field[1:]
            answer = self._ask(self._prediction.GetModelMetadata, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        found = MessageToDict(signatures, preserving_proto_field_name=True)
        metadata = {"signature_def": found}
        for name in set(answer.metadata) & set(FIELDS[1:]):
            text = wrappers_pb2.StringValue()
            answer.metadata[name].Unpack(text)
            metadata[name] = json.loads(text.value)
        return metadata

    def close(self) -> None:
        self._channel.close()

    def _ask(self, method, request):
        import grpc

        # One deadline holds for all tries of a call.
        deadline = self._options.timeout * (1 + self._options.retries)
        try:
            return method(request, timeout=deadline)
        except grpc.RpcError as error:
            text = error.details() or ""
            if "CLIENT: Received message larger than max" in text:
                text += ": ask for fewer outputs, or give a larger Options.limit"
            elif "Received message larger than max" in text:
                text += ": send less at once, or start the server with a larger --limit"
            raise ServingError(error.code().name, text) from error


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
