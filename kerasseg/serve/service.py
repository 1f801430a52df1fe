"""What REST and gRPC have in common: checks, queue, time limit, metrics, stop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import prometheus_client as prometheus

from kerasseg.serve.batching import Batcher
from kerasseg.serve.casting import size_of, within_one
from kerasseg.serve.errors import ServingError, invalid_argument
from kerasseg.serve.model import Model
from kerasseg.serve.models import Models

log = logging.getLogger("kerasseg.serve")

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Upper ends of the histogram of answer times, seconds."""
BODIES = 8
"""All requests that are being read hold at most so many times the largest."""


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    size: bytes of it, and of each of its tensors; rows: pictures; pixels: of all its
    pictures, once decoded; seconds: until it is given up.
    """

    size: int
    rows: int
    pixels: int
    seconds: float


class Answer(NamedTuple):
    """Outputs by name, and what the sender should know, or ""."""

    outputs: dict[str, np.ndarray]
    warning: str


class Service:
    """Models behind a queue."""

    def __init__(self, models: Models, batcher: Batcher, limits: Limits):
        self.models, self.limits, self.stopping = models, limits, False
        self._batcher, self._running, self._held = batcher, 0, 0
        self._warned: set[str] = set()
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
        self._version = prometheus.Gauge(
            "version", "The highest version that is served.", ("model",), **own
        )

    def metrics(self) -> bytes:
        """All counters, as Prometheus reads them."""
        self._version.clear()
        for one in self.models:
            number = one.current.version if one.current else 0
            self._version.labels(one.name).set(number)
        return prometheus.generate_latest(self.registry)

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
            async with asyncio.timeout(self.limits.seconds):
                return await work()
        except ServingError as error:
            code = error.code
            raise
        except TimeoutError as error:
            code = "DEADLINE_EXCEEDED"
            text = f"No answer in {self.limits.seconds:g} s (--timeout)."
            raise ServingError(code, text) from error
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

    def hold(self, size: int) -> None:
        """Counts bytes of a request that is being read; negative ones are let go.

        Raises ServingError where all requests together hold too much.
        """
        if size > 0 and self._held + size > BODIES * self.limits.size:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                "Too many large requests at a time. Try again later.",
            )
        self._held += size

    def too_large(self, size: int) -> ServingError:
        """The error for a request of so many bytes, or 0 where it is not known."""
        of = f" of {size / 1e6:.1f} MB" if size else ""
        return invalid_argument(
            f"The request{of} is larger than {self.limits.size} bytes. Send pictures "
            "as JPEG or PNG (signature serve_bytes), fewer at once, or start the "
            "server with a larger --limit (MB)."
        )

    async def predict(
        self,
        model: Model,
        signature: str,
        values: dict[str, np.ndarray],
        wanted: Sequence[str] = (),
    ) -> Answer:
        """Outputs of a signature, those named in `wanted`; empty: all of them.

        Raises ServingError when the inputs do not fit or a name is unknown.
        """
        values = model.fitted(signature, values)
        unknown = set(wanted) - set(model.outputs(signature))
        if unknown:
            raise invalid_argument(
                f"Signature '{signature}' has no output '{min(unknown)}'. It has "
                f"{', '.join(model.outputs(signature))}.",
            )
        pixels = self._pixels(values)
        key = None
        if model.by_rows(signature):
            shapes = tuple((name, values[name].shape[1:]) for name in sorted(values))
            key = (model, signature, shapes)
        warning = self._warning(model, values)
        outputs = await self._batcher.submit(
            key, pixels, lambda v: model.run(signature, v), values
        )
        return Answer({name: outputs[name] for name in wanted or outputs}, warning)

    def _pixels(self, values: dict[str, np.ndarray]) -> list[int]:
        """Pixels of each row. Raises ServingError for too many of either."""
        first = max(values.values(), key=lambda one: one.ndim)
        rows = len(first) if first.ndim else 1
        if rows > self.limits.rows:
            raise invalid_argument(
                f"The request has {rows} pictures, more than {self.limits.rows}. Send "
                "fewer at once, or start the server with a larger --rows."
            )
        if first.dtype == object:
            sizes = [size_of(one) for one in first.ravel().tolist()]
        else:
            sizes = [(*first.shape[1:3], 1, 1)[:2]] * rows
        pixels = [height * width for height, width in sizes]
        name = next(name for name, one in values.items() if one is first)
        for number, total in enumerate(itertools.accumulate(pixels)):
            if total > self.limits.pixels:
                height, width = sizes[number]
                raise invalid_argument(
                    f"{name}[{number}] has {width} x {height} pixels (width x height); "
                    "with it the request has more than "
                    f"{self.limits.pixels / 1e6:g} million. Send smaller pictures or "
                    "fewer at once, or start the server with a larger --megapixels. "
                    "Each picture is limited by --max-pixels of the export, too."
                )
        return pixels

    def _warning(self, model: Model, values: dict[str, np.ndarray]) -> str:
        """About pixels that were divided by 255; it is logged once for each model."""
        if not model.takes_levels or not any(map(within_one, values.values())):
            return ""
        text = (
            "All pixels are within 0 to 1. This network takes them as they are in the "
            "picture, 0 to 255: do not divide."
        )
        if model.name not in self._warned:
            self._warned.add(model.name)
            log.warning("%s: %s", model.name, text)
        return text

    async def stop(self, grace: float) -> None:
        """Refuses new requests; those that run have `grace` seconds to end."""
        self.stopping = True
        end = time.monotonic() + grace
        while self._running and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await self._batcher.close()
