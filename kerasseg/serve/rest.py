"""TF Serving's REST interface.

https://www.tensorflow.org/tfx/serving/api_rest: status, metadata and predict.
"""

from __future__ import annotations

import asyncio
import json
import logging

import prometheus_client
from aiohttp import web
from google.protobuf.json_format import MessageToDict

from kerasseg.serve import values
from kerasseg.serve.errors import HTTP_STATUS, ServingError, invalid_argument
from kerasseg.serve.service import Service

log = logging.getLogger("kerasseg.serve")

MODEL = "/v1/models/{name:[^/:]+}"
VERSION = MODEL + "/versions/{version:[0-9]{1,18}}"


def application(service: Service) -> web.Application:
    """The HTTP application of a service, without a port yet."""
    app = web.Application(client_max_size=service.limit, middlewares=[_errors])
    handlers = _Handlers(service)
    for path in (MODEL, VERSION):
        app.router.add_post(path + ":predict", handlers.predict)
        app.router.add_get(path, handlers.status)
        app.router.add_get(path + "/metadata", handlers.metadata)
    app.router.add_get("/healthz", handlers.health)
    app.router.add_get("/monitoring/prometheus/metrics", handlers.metrics)
    return app


class _Handlers:
    def __init__(self, service: Service):
        self._service = service

    async def predict(self, request: web.Request) -> web.Response:
        async def work():
            model = self._model(request)
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge as error:
                text = f"The request is larger than {self._service.limit} bytes."
                raise invalid_argument(text) from error
            signature, inputs, in_rows = await asyncio.to_thread(
                values.from_json, body, model.inputs
            )
            outputs = await self._service.predict(model, signature, inputs)
            return await asyncio.to_thread(values.to_json, outputs, in_rows)

        text = await self._service.answer("rest", work)
        return web.Response(body=text, content_type="application/json")

    async def status(self, request: web.Request) -> web.Response:
        state = {
            "version": str(self._model(request).version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return web.json_response({"model_version_status": [state]})

    async def metadata(self, request: web.Request) -> web.Response:
        model = self._model(request)
        signatures = {
            name: MessageToDict(one, preserving_proto_field_name=True)
            for name, one in model.definitions.items()
        }
        spec = {"name": request.match_info["name"], "signature_name": ""}
        spec["version"] = str(model.version)
        # Twice: the field of the response, and the field of SignatureDefMap in it.
        metadata = {"signature_def": {"signature_def": signatures}}
        return web.json_response({"model_spec": spec, "metadata": metadata})

    async def health(self, request: web.Request) -> web.Response:
        if self._service.stopping:
            return web.Response(status=503, text="stopping\n")
        return web.Response(text="ok\n")

    async def metrics(self, request: web.Request) -> web.Response:
        text = prometheus_client.generate_latest(self._service.registry)
        kind = prometheus_client.CONTENT_TYPE_LATEST
        return web.Response(body=text, headers={"Content-Type": kind})

    def _model(self, request: web.Request):
        version = request.match_info.get("version")
        return self._service.versions.get(
            request.match_info["name"], int(version) if version else None
        )


@web.middleware
async def _errors(request: web.Request, handler) -> web.StreamResponse:
    """Every error as TF Serving words it: {"error": "..."}."""
    try:
        return await handler(request)
    except ServingError as error:
        status, text = HTTP_STATUS[error.code], error.message
    except web.HTTPException as error:
        status, text = error.status, error.reason
    except ConnectionError:  # the client is gone, nobody reads the answer
        status, text = HTTP_STATUS["CANCELLED"], "cancelled"
    except Exception:
        log.exception("a request failed")
        status, text = 500, "Internal error; the server's log says more."
    body = json.dumps({"error": text})
    return web.Response(status=status, text=body, content_type="application/json")
