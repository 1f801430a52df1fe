"""`python -m kerasseg.serve RUN`: TF Serving's REST and gRPC, on this machine."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from kerasseg import UserError, runs
from kerasseg.console import command, flags, is_quiet, silenced, start_tensorflow
from kerasseg.export.first_use import ensure_saved_model
from kerasseg.serve.flags import Serve

if TYPE_CHECKING:
    from kerasseg.serve.models import Models

PACKAGES = ("aiohttp", "grpc", "orjson", "prometheus_client", "tensorflow_serving")


@command
def main(argv: list[str]) -> None:
    asked = flags.parse(Serve, argv, prog="python -m kerasseg.serve")
    _check(asked)
    # Before TensorFlow, which may bring a handler that shows warnings only.
    level = logging.WARNING if is_quiet() else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    if not asked.models:
        run = runs.asked_for(asked.run)
        folder = ensure_saved_model(run)
    # gRPC reports a port that is taken on stderr too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    start_tensorflow()
    with silenced():
        from kerasseg.serve.models import Models
        from kerasseg.serve.versions import Versions
    if asked.models:
        models = Models.listed(Path(asked.models))
    else:
        name = asked.name or _name(run)
        models = Models({name: Versions(name, folder)})
    models.load()
    asyncio.run(_until_signal(models, asked))


def _check(asked: Serve) -> None:
    if bool(asked.cert) != bool(asked.key):
        raise UserError("Give --cert and --key, both or none.")
    if asked.models and (asked.run or asked.name):
        raise UserError("--models lists the models: give no run and no --name.")
    if set("/:") & set(asked.name):
        raise UserError(f"--name must have no / and no :, is {asked.name}.")
    if asked.cors and asked.cors != "*" and "://" not in asked.cors:
        raise UserError(
            f"--cors must be an origin such as https://example.org, or *; is "
            f"{asked.cors}."
        )
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Not installed: {', '.join(missing)}. Run: pip install 'kerasseg[serve]'"
        )


def _name(run: Path) -> str:
    whole = run.resolve()
    return whole.parent.name if whole.name == "export" else whole.name


async def _until_signal(models: Models, asked: Serve) -> None:
    # What serves is imported late: it needs packages that --help does not.
    from kerasseg.serve.ports import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # on Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))

    def started(rest: str, grpc: str) -> None:
        for one in models:
            number = one.current.version if one.current else 0
            print(
                f"Serving {one.name}, version {number}: {rest}/v1/models/{one.name} "
                f"and gRPC on {grpc}. Ctrl-C ends.",
                flush=True,
            )

    await serve(models, asked, stop, started)


if __name__ == "__main__":
    main()
