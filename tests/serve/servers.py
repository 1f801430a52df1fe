"""A server in a thread of the test; and one as a user starts it, in a process."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


class Server:
    """`kerasseg.serve` on free ports; rest and grpc: its addresses.

    folder: of versions, or a models.config.
    """

    def __init__(self, folder, **options):
        from kerasseg.serve.flags import Serve
        from kerasseg.serve.models import Models
        from kerasseg.serve.ports import serve
        from kerasseg.serve.versions import Versions

        asked = Serve(port=0, grpc_port=0, **{"poll": 0.05} | options)
        one = {"street": Versions("street", folder)}
        models = Models.listed(folder) if folder.is_file() else Models(one)
        models.load()
        ready = threading.Event()

        def started(rest, grpc):
            self.rest, self.grpc = rest, grpc
            ready.set()

        async def run():
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(models, asked, self._stop, started)

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        assert ready.wait(60)

    def begin_to_stop(self):
        """As SIGTERM does."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def wait(self):
        self._thread.join(60)
        assert not self._thread.is_alive()

    def stop(self):
        self.begin_to_stop()
        self.wait()


class ServerProcess:
    """The same as `python -m kerasseg.serve`; log: the file of what it prints."""

    def __init__(self, folder, *flags):
        words = [sys.executable, "-m", "kerasseg.serve", str(folder)]
        words += ["--name", "street", "--port", "0", "--grpc-port", "0", *flags]
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

    def stop(self):
        """Its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)
