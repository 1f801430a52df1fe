"""The flags of `python -m kerasseg.serve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from kerasseg.console.flags import COUNT, PORT, SECONDS, Number


@dataclass(frozen=True)
class Serve:
    """Serve a run's SavedModel as TF Serving does, until Ctrl-C or SIGTERM."""

    run: tyro.conf.Positional[str] = ""
    """Run folder, or a folder of version folders 1, 2, ...; empty: the newest run."""
    name: str = ""
    """Name of the model in requests; empty: that of the folder."""
    models: str = ""
    """File that lists several models, as TF Serving's --model_config_file; in place of
    a run. It is read again when it changes."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no login: keep it on this machine."""
    port: Annotated[int, PORT] = 8501
    """Port of REST; 0: any that is free."""
    grpc_port: Annotated[int, PORT] = 8500
    """Port of gRPC; 0: any that is free."""
    cors: str = ""
    """Origin whose pages may ask REST from a browser: https://example.org; *: any."""
    batch: Annotated[int, COUNT] = 8
    """Largest number of pictures that go through the network together."""
    wait: Annotated[float, Number(0, 10**6)] = 0.002
    """Seconds that a request waits for others to join its batch."""
    queue: Annotated[int, COUNT] = 64
    """Requests that may wait; one more is refused (429, RESOURCE_EXHAUSTED)."""
    workers: Annotated[int, Number(1, 4096)] = 1
    """Batches that run at the same time."""
    limit: Annotated[int, COUNT] = 64
    """Largest size of a request, and of an answer in JSON, MB."""
    rows: Annotated[int, COUNT] = 256
    """Most pictures of a request."""
    megapixels: Annotated[float, Number(0, above=True)] = 135.0
    """Most pixels of all pictures of a request together, once decoded, millions:
    eight of 4096 x 4096."""
    timeout: Annotated[float, SECONDS] = 30.0
    """Seconds until a request without an answer is given up."""
    grace: Annotated[float, Number(0, 10**6)] = 10.0
    """Seconds that running requests have after SIGTERM."""
    poll: Annotated[float, SECONDS] = 2.0
    """Seconds between looks for a new version."""
    cert: str = ""
    """PEM file with the certificate chain; with --key, both ports speak TLS."""
    key: str = ""
    """PEM file with its private key."""
