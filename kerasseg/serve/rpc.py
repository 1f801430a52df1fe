"""TF Serving's gRPC services on the official stubs: Predict, metadata, status."""

from __future__ import annotations

import asyncio
import functools
import logging

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasseg.serve import values
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.service import Service

log = logging.getLogger("kerasseg.serve")


def server(service: Service) -> grpc.aio.Server:
    """The gRPC server of a service, without a port yet."""
    made = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", service.limit),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a port that is taken is an error
        ]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(service), made
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Status(service), made)
    return made


def _with_status_codes(method):
    """Wraps a method of a servicer: a ServingError becomes the status of the call."""

    @functools.wraps(method)
    async def guarded(self, request, context):
        try:
            return await method(self, request, context)
        except ServingError as error:
            await context.abort(getattr(grpc.StatusCode, error.code), error.message)
        except Exception:
            log.exception("a request failed")
            text = "Internal error; the server's log says more."
            await context.abort(grpc.StatusCode.INTERNAL, text)

    return guarded


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, service: Service):
        self._service = service

    @_with_status_codes
    async def Predict(self, request, context):
        async def work():
            model = _model(self._service, request.model_spec)
            signature = request.model_spec.signature_name or "serving_default"
            model.inputs(signature)
            inputs = await asyncio.to_thread(self._read, request)
            outputs = await self._service.predict(
                model, signature, inputs, tuple(request.output_filter)
            )
            return await asyncio.to_thread(_response, request, model, outputs)

        return await self._service.answer("grpc", work)

    @_with_status_codes
    async def GetModelMetadata(self, request, context):
        if list(request.metadata_field) != ["signature_def"]:
            raise invalid_argument("metadata_field must be ['signature_def'].")
        model = _model(self._service, request.model_spec)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = model.version
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, one in model.definitions.items():
            signatures.signature_def[name].CopyFrom(one)
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def _read(self, request):
        limit = self._service.limit
        return {
            name: values.from_proto(one, limit) for name, one in request.inputs.items()
        }


class _Status(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, service: Service):
        self._service = service

    @_with_status_codes
    async def GetModelStatus(self, request, context):
        model = _model(self._service, request.model_spec)
        answer = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        answer.model_version_status.add(version=model.version, state=state)
        return answer


def _model(service: Service, spec):
    version = spec.version.value if spec.HasField("version") else None
    if spec.version_label:
        raise invalid_argument("Version labels are not supported.")
    return service.versions.get(spec.name, version)


def _response(request, model, outputs):
    answer = predict_pb2.PredictResponse()
    answer.model_spec.CopyFrom(request.model_spec)
    answer.model_spec.version.value = model.version
    for name, value in outputs.items():
        answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return answer
