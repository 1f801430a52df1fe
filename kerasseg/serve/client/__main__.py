"""`python -m kerasseg.serve.client ADDRESS PICTURES`: class maps from a server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro

from kerasseg import UserError
from kerasseg.console import command, counted, flags, start_tensorflow
from kerasseg.console.flags import SECONDS, Number
from kerasseg.serve.client import Client, GrpcClient, Options, RestClient
from kerasseg.serve.errors import ServingError


@dataclass(frozen=True)
class Ask:
    """Ask a server for the class maps of pictures: OUT/NAME_label.png, gray ids, or
    where classes overlap OUT/NAME_label_CLASS.png, 0 and 1."""

    address: tyro.conf.Positional[str]
    """http://HOST:PORT/v1/models/NAME as `python -m kerasseg.serve` prints it, or
    HOST:PORT of gRPC with --model."""
    pictures: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Picture files, or folders of them."""
    out: str = "predictions"
    """Folder to write to."""
    model: str = ""
    """Name of the model, where the address does not say it."""
    at_once: Annotated[int, Number(1, 4096)] = 4
    """Pictures that are asked for at the same time."""
    timeout: Annotated[float, SECONDS] = 30.0
    """Seconds for one try."""
    ca: str = ""
    """PEM file of the authority that signed the server's certificate."""


@command
def main(argv: list[str]) -> None:
    # What reads picture files is imported late: --help needs none of it.
    from kerasseg.inference import inputs
    from kerasseg.inference.results import names as results
    from kerasseg.inference.results.made import Made

    asked = flags.parse(Ask, argv, prog="python -m kerasseg.serve.client")
    out = Path(asked.out)
    found = inputs.inputs_of(asked.pictures, out)
    names = results.targets(found.sources, found.places, out)
    left_out: list[tuple[object, str]] = list(found.left_out)
    jobs = []
    for source, name in zip(found.sources, names, strict=True):
        if isinstance(source, Path) and not inputs.is_video(source):
            jobs.append((source, name))
        else:
            left_out.append((source, "is no picture: `predict` takes videos"))
    results.refuse_replacing([s for s, _ in jobs], [_label(name) for _, name in jobs])
    made = Made(out)
    done = 0
    with _client(asked) as client:
        version = _asked(client.version)

        def one(job: tuple[Path, Path]) -> str:
            source, name = job
            try:
                (class_map,) = client.segment([source])
                for file, ids in _files(class_map, name, client):
                    made.refuse_others([file])
                    made.write(file, _png(ids), source)
            except (ServingError, UserError, OSError) as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(asked.at_once) as threads:
            for (source, _), reason in zip(jobs, threads.map(one, jobs), strict=True):
                if reason:
                    left_out.append((source, reason))
                else:
                    done += 1
    for file, reason in left_out:
        print(f"left out: {file}: {' '.join(reason.split())}", file=sys.stderr)
    total = counted(done + len(left_out), "input")
    print(f"{done} of {total} predicted by version {version}: {out}")
    if left_out:
        sys.exit(2)


def _asked(method):
    """What a call of the client gives; a server that does not answer is one line."""
    try:
        return method()
    except ServingError as error:
        raise UserError(f"The server does not answer: {error}") from error


def _client(asked: Ask) -> Client:
    options = Options(timeout=asked.timeout, ca=asked.ca)
    whole = re.fullmatch(
        r"(?P<place>(https?://)?[^/]+)(/v1/models/(?P<model>[^/:]+))?/?", asked.address
    )
    model = asked.model or (whole["model"] if whole else "")
    if not whole or not model:
        raise UserError(
            "Expected an address such as http://127.0.0.1:8501/v1/models/NAME, or "
            f"127.0.0.1:8500 and --model NAME; got {asked.address}."
        )
    if whole["place"].startswith("http"):
        return RestClient(whole["place"], model, options)
    start_tensorflow()  # its protos import it, which logs
    return GrpcClient(whole["place"], model, options)


def _label(name: Path, of: str = "") -> Path:
    return name.with_name(f"{name.name}_label{of}.png")


def _files(
    class_map: np.ndarray, name: Path, client: Client
) -> Iterator[tuple[Path, np.ndarray]]:
    """The files of a class map, and the ids in each."""
    if class_map.ndim == 2:
        yield _label(name), class_map
        return
    taxonomy = client.network.taxonomy
    classes = class_map.shape[-1]
    titles = taxonomy.names if taxonomy else [f"class_{n}" for n in range(classes)]
    for number, title in enumerate(titles):
        safe = re.sub(r"[^\w.-]+", "_", title)
        yield _label(name, f"_{safe}"), class_map[..., number]


def _png(ids: np.ndarray) -> bytes:
    return cv2.imencode(".png", ids)[1].tobytes()


if __name__ == "__main__":
    main()
