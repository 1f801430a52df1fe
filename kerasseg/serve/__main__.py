"""`python -m kerasseg.serve RUN`: TF Serving's REST and gRPC, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from kerasseg import UserError, runs
from kerasseg.console import command, silenced, start_tensorflow

if TYPE_CHECKING:
    from kerasseg.serve.versions import Versions

PACKAGES = ("aiohttp", "grpc", "prometheus_client", "tensorflow_serving")


@dataclass(frozen=True)
class Serve:
    """Serve a run's SavedModel as TF Serving does, until Ctrl-C or SIGTERM."""

    run: tyro.conf.Positional[str] = ""
    """Run folder, or a folder of version folders 1, 2, ...; empty: the newest run."""
    name: str = ""
    """Name of the model in requests; empty: that of the folder."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no login: keep it on this machine."""
    port: int = 8501
    """Port of REST; 0: any that is free."""
    grpc_port: int = 8500
    """Port of gRPC; 0: any that is free."""
    batch: int = 8
    """Largest number of pictures that go through the network together."""
    wait: float = 0.002
    """Seconds that a request waits for others to join its batch."""
    queue: int = 64
    """Requests that may wait; one more is refused (429, RESOURCE_EXHAUSTED)."""
    workers: int = 1
    """Batches that run at the same time."""
    limit: int = 32
    """Largest size of a request, MB."""
    timeout: float = 30.0
    """Seconds until a request without an answer is given up."""
    grace: float = 10.0
    """Seconds that running requests have after SIGTERM."""
    poll: float = 2.0
    """Seconds between looks for a new version."""
    cert: str = ""
    """PEM file with the certificate chain; with --key, both ports speak TLS."""
    key: str = ""
    """PEM file with its private key."""


@command
def main(argv: list[str]) -> None:
    asked = tyro.cli(Serve, args=argv, prog="python -m kerasseg.serve")
    run = Path(asked.run) if asked.run else runs.newest()
    folder = run / "export" if (run / "export").is_dir() else run
    _check(asked, folder)
    # gRPC reports a port that is taken on stderr too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    start_tensorflow()
    with silenced():
        from kerasseg.serve.versions import Versions
    versions = Versions(asked.name or run.resolve().name, folder)
    versions.load()
    asyncio.run(_until_signal(versions, asked))


def _check(asked: Serve, folder: Path) -> None:
    for name in ("batch", "queue", "workers", "limit", "timeout", "poll"):
        if getattr(asked, name) <= 0:
            raise UserError(f"--{name} must be more than 0.")
    if bool(asked.cert) != bool(asked.key):
        raise UserError("Give --cert and --key, both or none.")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Not installed: {', '.join(missing)}. Run: pip install 'kerasseg[serve]'"
        )
    if not list(folder.glob("*/saved_model.pb")):
        raise UserError(
            f"{folder} holds no version: expected a folder with a number for its name "
            "and saved_model.pb inside. Write it with python -m kerasseg.export."
        )


async def _until_signal(versions: Versions, asked: Serve) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def started(rest: str, grpc: str) -> None:
        number = versions.current.version if versions.current else 0
        print(
            f"Serving {versions.name}, version {number}: {rest}/v1/models/"
            f"{versions.name} and gRPC on {grpc}. Ctrl-C ends.",
            flush=True,
        )

    await serve(versions, asked, stop, started)


async def serve(
    versions: Versions,
    asked: Serve,
    stop: asyncio.Event,
    started: Callable[[str, str], None],
) -> None:
    """Serves on two ports until `stop` is set, then lets running requests end.

    started: called with the addresses of REST and gRPC. Raises UserError when a port
    is taken.
    """
    from aiohttp import web

    from kerasseg.serve import rest, rpc
    from kerasseg.serve.batching import Batcher
    from kerasseg.serve.service import Service

    batcher = Batcher(asked.batch, asked.wait, asked.queue, asked.workers)
    service = Service(versions, batcher, asked.limit * 10**6, asked.timeout)

    # ---- Two ports, one service ---------------------------------------------------
    remote = rpc.server(service)
    grpc_port = _bind(remote, asked)
    runner = web.AppRunner(
        rest.application(service), access_log=None, handler_cancellation=True
    )
    await runner.setup()
    site = web.TCPSite(runner, asked.host, asked.port, ssl_context=_tls(asked))
    try:
        await site.start()
    except OSError as error:
        raise UserError(
            f"Cannot listen on {asked.host}:{asked.port}: is the port taken? Choose "
            "--port."
        ) from error
    await remote.start()
    follower = asyncio.create_task(versions.follow(asked.poll))
    scheme = "https" if asked.cert else "http"
    port = runner.addresses[0][1]
    started(f"{scheme}://{asked.host}:{port}", f"{asked.host}:{grpc_port}")
    await stop.wait()

    # ---- No new requests, then the end of those that run -------------------------
    print("Stopping.", flush=True)
    follower.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await follower
    await service.stop(asked.grace)
    await remote.stop(1)
    await runner.cleanup()


def _bind(remote, asked: Serve) -> int:
    import grpc

    address = f"{asked.host}:{asked.grpc_port}"
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


if __name__ == "__main__":
    main()
