"""Two ports, one service: until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from aiohttp import web

from kerasseg import UserError
from kerasseg.serve import rest, rpc
from kerasseg.serve.batching import Batcher
from kerasseg.serve.flags import Serve
from kerasseg.serve.models import Models
from kerasseg.serve.service import Limits, Service

IDLE = 75.0
"""Seconds that a connection may stay open without a request."""


async def serve(
    models: Models,
    asked: Serve,
    stop: asyncio.Event,
    started: Callable[[str, str], None],
) -> None:
    """Serves on two ports until `stop` is set, then lets running requests end.

    started: called with the addresses of REST and gRPC. Raises UserError when a port
    is taken.
    """
    batcher = Batcher(asked.batch, asked.wait, asked.queue, asked.workers)
    limits = Limits(
        asked.limit * 10**6, asked.rows, round(asked.megapixels * 1e6), asked.timeout
    )
    service = Service(models, batcher, limits)

    # ---- Two ports, one service ---------------------------------------------------
    remote = rpc.server(service)
    grpc_port = _bind(remote, asked)
    silent: dict[Any, asyncio.TimerHandle] = {}
    runner = web.AppRunner(
        rest.application(service, silent, asked.cors),
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=IDLE,
    )
    await runner.setup()
    try:
        listener = await asyncio.get_running_loop().create_server(
            _impatient(runner, silent, asked.timeout),
            asked.host,
            asked.port,
            ssl=_tls(asked),
        )
    except OSError as error:
        raise UserError(
            f"Cannot listen on {asked.host}:{asked.port}: is the port taken? Choose "
            "--port."
        ) from error
    await remote.start()
    follower = asyncio.create_task(models.follow(asked.poll))
    scheme = "https" if asked.cert else "http"
    port = listener.sockets[0].getsockname()[1]
    host = _host(asked)
    started(f"{scheme}://{host}:{port}", f"{host}:{grpc_port}")
    await stop.wait()

    # ---- No new requests, then the end of those that run -------------------------
    print("Stopping.", flush=True)
    follower.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await follower
    await service.stop(asked.grace)
    await remote.stop(1)
    listener.close()
    await runner.cleanup()


def _impatient(
    runner: web.AppRunner, silent: dict[Any, asyncio.TimerHandle], seconds: float
) -> Callable:
    """What makes a connection of a runner; it is closed where no request came by it
    within so many seconds. aiohttp would wait for ever.

    silent: connections by which no request came yet, and what will close them.
    """
    server, loop = runner.server, asyncio.get_running_loop()
    if server is None:
        raise RuntimeError("The runner is not set up.")

    def made():
        connection = server()
        silent[connection] = loop.call_later(seconds, given_up, connection)
        return connection

    def given_up(connection) -> None:
        del silent[connection]
        connection.force_close()

    return made


def _host(asked: Serve) -> str:
    """As in an address: IPv6 in brackets."""
    return f"[{asked.host}]" if ":" in asked.host else asked.host


def _bind(remote: grpc.aio.Server, asked: Serve) -> int:
    address = f"{_host(asked)}:{asked.grpc_port}"
    try:
        if not asked.cert:
            return remote.add_insecure_port(address)
        pair = Path(asked.key).read_bytes(), Path(asked.cert).read_bytes()
        return remote.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise UserError(
            f"Cannot listen on {address}: is the port taken? Choose --grpc-port."
        ) from error


def _tls(asked: Serve) -> ssl.SSLContext | None:
    if not asked.cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(asked.cert, asked.key)
    return context
