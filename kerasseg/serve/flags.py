"""The flags of `python -m kerasseg.serve`."""

from __future__ import annotations

from dataclasses import dataclass

import tyro


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
    port: int = 8501
    """Port of REST; 0: any that is free."""
    grpc_port: int = 8500
    """Port of gRPC; 0: any that is free."""
    cors: str = ""
    """Origin whose pages may ask REST from a browser: https://example.org; *: any."""
    batch: int = 8
    """Largest number of pictures that go through the network together."""
    wait: float = 0.002
    """Seconds that a request waits for others to join its batch."""
    queue: int = 64
    """Requests that may wait; one more is refused (429, RESOURCE_EXHAUSTED)."""
    workers: int = 1
    """Batches that run at the same time."""
    limit: int = 64
    """Largest size of a request, and of an answer in JSON, MB."""
    rows: int = 256
    """Most pictures of a request."""
    megapixels: float = 135.0
    """Most pixels of all pictures of a request together, once decoded, millions:
    eight of 4096 x 4096."""
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
