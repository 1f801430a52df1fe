"""TF Serving's REST interface.

https://www.tensorflow.org/tfx/serving/api_rest: status, metadata and predict.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson
import prometheus_client
from aiohttp import web
from aiohttp.http import HttpProcessingError
from google.protobuf.json_format import MessageToDict

from kerasseg.serve import json_values
from kerasseg.serve.errors import (
    HTTP_STATUS,
    ServingError,
    invalid_argument,
    not_offered,
)
from kerasseg.serve.service import Service

log = logging.getLogger("kerasseg.serve")

MODEL = "/v1/models/{name:[^/:]+}"
PATHS = (MODEL, MODEL + "/versions/{version:[0-9]{1,18}}", MODEL + "/labels/{label}")
LARGE = 10**6
"""Bytes of JSON that are read one request at a time: as objects they are much larger.
"""


def application(
    service: Service, silent: dict[Any, asyncio.TimerHandle], cors: str = ""
) -> web.Application:
    """The HTTP application of a service, without a port yet.

    silent: connections by which no request came yet; those where one comes are taken
    out, and what would close them is called off.
    cors: origin whose pages may ask from a browser, "*" for any; "": none.
    """
    logging.getLogger("aiohttp.server").addFilter(_is_defect)
    app = web.Application(middlewares=[_noted(silent), _shared(cors), _errors])
    handlers = _Handlers(service)
    for path in PATHS:
        path = path.replace("{label}", "{label:[^/:]+}")
        app.router.add_post(path + ":predict", handlers.predict)
        app.router.add_post(path + ":{method:classify|regress}", handlers.refuse)
        app.router.add_get(path, handlers.status)
        app.router.add_get(path + "/metadata", handlers.metadata)
    app.router.add_get("/healthz", handlers.health)
    app.router.add_get("/monitoring/prometheus/metrics", handlers.metrics)
    return app


def _is_defect(record: logging.LogRecord) -> bool:
    """Not so what a client sent wrong: aiohttp answers it, but logs a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


class _Handlers:
    def __init__(self, service: Service):
        self._service = service
        self._large = asyncio.Semaphore(1)

    async def predict(self, request: web.Request) -> web.Response:
        headers = {}

        async def work():
            model = self._model(request)
            asked = await self._read(request, model)
            found = await self._service.predict(
                model, asked.signature, asked.inputs, asked.outputs
            )
            if found.warning:
                headers["Warning"] = f'299 - "{found.warning}"'
            return await asyncio.to_thread(
                json_values.answer,
                found.outputs,
                asked.in_rows,
                self._service.limits.size,
            )

        text = await self._service.answer("rest", work)
        return web.Response(body=text, headers=headers, content_type="application/json")

    async def refuse(self, request: web.Request) -> web.Response:
        self._model(request)
        method = request.match_info["method"]
        raise ServingError("UNIMPLEMENTED", not_offered(method))

    async def status(self, request: web.Request) -> web.Response:
        model = request.match_info["name"]
        asked = "version" in request.match_info or "label" in request.match_info
        versions = self._service.models.versions(model)
        found = [self._model(request).version] if asked else sorted(versions.loaded)
        states = [_state(number) for number in reversed(found)]
        if not asked:
            refused = versions.refused().items()
            states += [_state(n, reason) for n, reason in refused if n not in found]
        return _json({"model_version_status": states})

    async def metadata(self, request: web.Request) -> web.Response:
        model = self._model(request)
        signatures = {
            name: MessageToDict(one, preserving_proto_field_name=True)
            for name, one in model.definitions.items()
        }
        spec = {"name": request.match_info["name"], "signature_name": ""}
        spec["version"] = str(model.version)
        # Twice: the field of the response, and the field of SignatureDefMap in it.
        metadata = {"signature_def": {"signature_def": signatures}} | model.assets
        return _json({"model_spec": spec, "metadata": metadata})

    async def health(self, request: web.Request) -> web.Response:
        if self._service.stopping:
            return web.Response(status=503, text="stopping\n")
        return web.Response(text="ok\n")

    async def metrics(self, request: web.Request) -> web.Response:
        kind = prometheus_client.CONTENT_TYPE_LATEST
        return web.Response(
            body=self._service.metrics(), headers={"Content-Type": kind}
        )

    async def _read(self, request: web.Request, model) -> json_values.Request:
        """What a request asks for. Its bytes are counted while they arrive."""
        service, body, length = self._service, bytearray(), request.content_length or 0
        if length > service.limits.size:
            raise service.too_large(length)
        try:
            async for part in request.content.iter_any():
                if len(body) + len(part) > service.limits.size:
                    raise service.too_large(0)
                service.hold(len(part))
                body += part
            if len(body) < LARGE:
                return await asyncio.to_thread(json_values.parsed, bytes(body), model)
            async with self._large:
                return await asyncio.to_thread(json_values.parsed, bytes(body), model)
        except (web.RequestPayloadError, HttpProcessingError) as error:
            coding = request.headers.get("Content-Encoding", "none")
            raise invalid_argument(
                f"The body cannot be read: it is cut short, or not what its "
                f"Content-Encoding says ({coding})."
            ) from error
        finally:
            service.hold(-len(body))

    def _model(self, request: web.Request):
        version = request.match_info.get("version")
        return self._service.models.get(
            request.match_info["name"],
            int(version) if version else None,
            request.match_info.get("label", ""),
        )


def _state(version: int, reason: str = "") -> dict:
    code = "INTERNAL" if reason else "OK"
    return {
        "version": str(version),
        "state": "END" if reason else "AVAILABLE",
        "status": {"error_code": code, "error_message": reason},
    }


def _json(values: dict, status: int = 200) -> web.Response:
    body = orjson.dumps(values, option=orjson.OPT_INDENT_2)
    return web.Response(body=body, status=status, content_type="application/json")


@web.middleware
async def _errors(request: web.Request, handler) -> web.StreamResponse:
    """Every error as TF Serving words it: {"error": "..."}."""
    try:
        return await handler(request)
    except ServingError as error:
        status, text = HTTP_STATUS[error.code], error.message
    except web.HTTPNotFound:
        status = 404
        text = (
            f"Malformed request: {request.method} {request.path}. Expected "
            "/v1/models/NAME[/versions/N|/labels/LABEL][:predict|/metadata]."
        )
    except web.HTTPException as error:
        status, text = error.status, error.reason
    except ConnectionError:  # the client is gone, nobody reads the answer
        status, text = HTTP_STATUS["CANCELLED"], "cancelled"
    except Exception:
        log.exception("a request failed")
        status, text = 500, "Internal error; the server's log says more."
    answer = _json({"error": text}, status)
    if request.content.exception() is not None:
        answer.force_close()  # where the next request begins is not known
    return answer


def _noted(silent: dict[Any, asyncio.TimerHandle]):
    """Takes the connection of each request out."""

    @web.middleware
    async def noted(request: web.Request, handler) -> web.StreamResponse:
        if request.protocol in silent:
            silent.pop(request.protocol).cancel()
        return await handler(request)

    return noted


def _shared(origin: str):
    """Lets pages of an origin ask from a browser (CORS): every answer says so."""

    @web.middleware
    async def shared(request: web.Request, handler) -> web.StreamResponse:
        if not origin:
            return await handler(request)
        if request.method == "OPTIONS":
            answer: web.StreamResponse = web.Response(status=204)
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            answer.headers["Access-Control-Max-Age"] = "600"
        else:
            answer = await handler(request)
            answer.headers["Access-Control-Expose-Headers"] = "Warning"
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = "Origin"
        return answer

    return shared
