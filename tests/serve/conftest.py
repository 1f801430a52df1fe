"""A server as a user starts it, in a process of its own, and clients for it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from kerasseg.export.saved_model import signatures
from kerasseg.taxonomy import Taxonomy


class Server:
    """`python -m kerasseg.serve` on free ports; rest and grpc: its addresses."""

    def __init__(self, folder, *flags):
        words = [
            sys.executable,
            "-m",
            "kerasseg.serve",
            str(folder),
            "--name",
            "street",
        ]
        words += ["--port", "0", "--grpc-port", "0", "--poll", "0.2", *flags]
        self.log = Path(folder).parent / f"log-{time.monotonic_ns()}.txt"
        self._process = subprocess.Popen(
            words,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            env=os.environ | {"TF_NUM_INTRAOP_THREADS": "1"},
        )
        pattern = r"(https?://[\d.]+:\d+)/v1/models/street and gRPC on ([\d.]+:\d+)"
        for _ in range(1200):
            found = re.search(pattern, self.log.read_text())
            if found:
                self.rest, self.grpc = found.groups()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(self.log.read_text())

    @property
    def pid(self):
        return self._process.pid

    def signal(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self):
        return self._process.wait(60)

    def stop(self):
        """Its exit code."""
        if self._process.poll() is None:
            self.signal()
        return self.wait()


@pytest.fixture(scope="session")
def network():
    return tiny.network()


@pytest.fixture(scope="session")
def folder(network, tmp_path_factory):
    """A folder of version folders, as TF Serving takes it."""
    base = tmp_path_factory.mktemp("served") / "street"
    taxonomy = Taxonomy.named(["road", "sky", "tree"])
    signatures.write(network, base / "1", taxonomy, name="street")
    return base


@pytest.fixture(scope="session")
def server(folder):
    made = Server(folder, "--limit", "2")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def start():
    """Starts further servers, which end with the tests."""
    made = []

    def one(*words):
        made.append(Server(*words))
        return made[-1]

    yield one
    for server in made:
        server.stop()
