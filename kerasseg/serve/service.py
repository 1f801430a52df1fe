"""What REST and gRPC have in common: checks, queue, time limit, metrics, stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import prometheus_client as prometheus

from kerasseg.serve.batching import Batcher
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.model import Model
from kerasseg.serve.versions import Versions

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Upper ends of the histogram of answer times, seconds."""


class Service:
    """One model behind a queue.

    limit: bytes of a request, and of each of its tensors, at most; timeout: seconds
    until a request is given up.
    """

    def __init__(
        self, versions: Versions, batcher: Batcher, limit: int, timeout: float
    ):
        self.versions, self.limit, self.stopping = versions, limit, False
        self._batcher, self._timeout, self._running = batcher, timeout, 0
        self.registry = prometheus.CollectorRegistry()
        own: dict[str, Any] = {
            "registry": self.registry,
            "namespace": "kerasseg_serve",
        }
        self._requests = prometheus.Counter(
            "requests", "Predict requests.", ("protocol", "code"), **own
        )
        self._seconds = prometheus.Histogram(
            "request_seconds", "From arrival to answer.", buckets=BUCKETS, **own
        )
        rows = prometheus.Histogram(
            "batch_rows", "Rows run together.", buckets=(1, 2, 4, 8, 16, 32), **own
        )
        batcher.observe_rows = rows.observe
        waiting = prometheus.Gauge("waiting", "Requests in the queue.", **own)
        waiting.set_function(lambda: batcher.length)
        version = prometheus.Gauge("version", "The version that is served.", **own)
        version.set_function(
            lambda: versions.current.version if versions.current else 0
        )

    async def answer(self, protocol: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What `work()` gives. It is counted, timed, and given up after the timeout.

        protocol: "rest" or "grpc", for the metrics. Raises ServingError when the queue
        is full, the time is over or the server stops.
        """
        code, start = "OK", time.perf_counter()
        self._running += 1
        try:
            if self.stopping:
                raise ServingError("UNAVAILABLE", "The server is stopping.")
            self._batcher.check_room()
            async with asyncio.timeout(self._timeout):
                return await work()
        except ServingError as error:
            code = error.code
            raise
        except TimeoutError as error:
            code = "DEADLINE_EXCEEDED"
            raise ServingError(code, f"No answer in {self._timeout:g} s.") from error
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception:
            code = "INTERNAL"
            raise
        finally:
            self._running -= 1
            self._requests.labels(protocol, code).inc()
            self._seconds.observe(time.perf_counter() - start)

    async def predict(
        self,
        model: Model,
        signature: str,
        values: dict[str, np.ndarray],
        wanted: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Outputs of a signature by name, those named in `wanted`; empty: all of them.

        Raises ServingError when the inputs do not fit or a name is unknown.
        """
        rows = model.check(signature, values)
        unknown = set(wanted) - set(model.outputs(signature))
        if unknown:
            raise invalid_argument(
                f"Signature '{signature}' has no output '{min(unknown)}'. It has "
                f"{', '.join(model.outputs(signature))}.",
            )
        shapes = tuple((name, values[name].shape[1:]) for name in sorted(values))
        outputs = await self._batcher.submit(
            (model, signature, shapes), rows, lambda v: model.run(signature, v), values
        )
        return {name: outputs[name] for name in wanted or outputs}

    async def stop(self, grace: float) -> None:
        """Refuses new requests; those that run have `grace` seconds to end."""
        self.stopping = True
        end = time.monotonic() + grace
        while self._running and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await self._batcher.close()
