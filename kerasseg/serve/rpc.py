"""TF Serving's gRPC services on the official stubs: Predict, metadata, status."""

from __future__ import annotations

import asyncio
import functools
import json
import logging

import grpc
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasseg.serve import protos
from kerasseg.serve.errors import ServingError, invalid_argument, not_offered
from kerasseg.serve.model import ASSETS, DEFAULT
from kerasseg.serve.service import Service

log = logging.getLogger("kerasseg.serve")


SMALL = 4 * 2**20
"""Bytes of an answer that a gRPC channel takes without further settings."""


def server(service: Service) -> grpc.aio.Server:
    """The gRPC server of a service, without a port yet."""
    # Where a client hangs up while it is answered, gRPC logs a traceback.
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_defect)
    made = grpc.aio.server(
        options=[
            # Twice as much: what is a little too large is refused here, in words.
            ("grpc.max_receive_message_length", 2 * service.limits.size),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a port that is taken is an error
        ]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(service), made
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Status(service), made)
    return made


def _is_defect(record: logging.LogRecord) -> bool:
    return "ExecuteBatchError" not in record.getMessage()


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
        self._large: set[tuple[str, str]] = set()

    @_with_status_codes
    async def Predict(self, request, context):
        async def work():
            if request.ByteSize() > self._service.limits.size:
                raise self._service.too_large(request.ByteSize())
            model = _model(self._service, request.model_spec)
            signature = request.model_spec.signature_name or DEFAULT
            model.inputs(signature)
            inputs = await asyncio.to_thread(self._read, request)
            found = await self._service.predict(
                model, signature, inputs, tuple(request.output_filter)
            )
            answer = await asyncio.to_thread(_response, request, model, found.outputs)
            self._tell(context, found.warning, request, answer.ByteSize())
            return answer

        return await self._service.answer("grpc", work)

    @_with_status_codes
    async def Classify(self, request, context):
        raise ServingError("UNIMPLEMENTED", not_offered("Classify"))

    @_with_status_codes
    async def Regress(self, request, context):
        raise ServingError("UNIMPLEMENTED", not_offered("Regress"))

    @_with_status_codes
    async def MultiInference(self, request, context):
        raise ServingError("UNIMPLEMENTED", not_offered("MultiInference"))

    def _tell(self, context, warning: str, request, size: int) -> None:
        """What the client and the log should know of an answer."""
        if warning:
            context.set_trailing_metadata((("warning", warning),))
        asked = request.model_spec.name, request.model_spec.signature_name
        if size > SMALL and asked not in self._large:
            self._large.add(asked)
            log.warning(
                "an answer of %s:%s has %.1f MB; gRPC clients take 4 MB unless their "
                "channel sets grpc.max_receive_message_length: ask for the class map "
                "alone by output_filter",
                asked[0],
                asked[1] or DEFAULT,
                size / 1e6,
            )

    @_with_status_codes
    async def GetModelMetadata(self, request, context):
        asked, model = set(request.metadata_field), self._asked(request)
        if not asked or asked - {"signature_def", *ASSETS}:
            raise invalid_argument(
                "metadata_field must be signature_def, or here too "
                f"{' and '.join(ASSETS)}; got {', '.join(asked) or 'none'}."
            )
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = model.version
        if "signature_def" in asked:
            signatures = get_model_metadata_pb2.SignatureDefMap()
            for name, one in model.definitions.items():
                signatures.signature_def[name].CopyFrom(one)
            answer.metadata["signature_def"].Pack(signatures)
        for name in asked & set(model.assets):
            text = wrappers_pb2.StringValue(value=json.dumps(model.assets[name]))
            answer.metadata[name].Pack(text)
        return answer

    def _asked(self, request):
        return _model(self._service, request.model_spec)

    def _read(self, request):
        limit = self._service.limits.size
        return {name: protos.array(one, limit) for name, one in request.inputs.items()}


class _Status(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, service: Service):
        self._service = service

    @_with_status_codes
    async def GetModelStatus(self, request, context):
        answer = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus
        versions = self._service.models.versions(request.model_spec.name)
        if request.model_spec.WhichOneof("version_choice"):
            found = [_model(self._service, request.model_spec).version]
        else:
            found = sorted(versions.loaded, reverse=True)
        for number in found:
            answer.model_version_status.add(version=number, state=state.AVAILABLE)
        if not request.model_spec.WhichOneof("version_choice"):
            for number, reason in versions.refused().items():
                if number not in found:
                    one = answer.model_version_status.add(version=number)
                    one.state = state.END
                    one.status.error_code = grpc.StatusCode.INTERNAL.value[0]
                    one.status.error_message = reason
        return answer


def _model(service: Service, spec):
    version = spec.version.value if spec.HasField("version") else None
    return service.models.get(spec.name, version, spec.version_label)


def _response(request, model, outputs):
    answer = predict_pb2.PredictResponse()
    answer.model_spec.CopyFrom(request.model_spec)
    answer.model_spec.version.value = model.version
    for name, value in outputs.items():
        answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return answer
