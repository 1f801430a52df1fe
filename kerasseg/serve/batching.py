"""A queue of limited length before the network; requests that wait are run together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kerasseg.serve.errors import ServingError

Values = dict[str, np.ndarray]
Run = Callable[[Values], Values]
"""Inputs by name -> outputs by name, arrays with the same number of rows."""
PIXELS = 2**24
"""Pixels that go through the network together, at most; one picture may have more."""


@dataclass
class _Waiting:
    """A request in the queue, and where its outputs are put.

    pixels: of each row. taken: rows that run or ran. ran: outputs of those that ran, by
    their first row.
    """

    key: tuple
    pixels: Sequence[int]
    run: Run
    values: Values
    answer: asyncio.Future
    taken: int = 0
    ran: dict[int, Values] = field(default_factory=dict)
    missing: int = 0

    def __post_init__(self) -> None:
        self.missing = len(self.pixels)


class _Part(NamedTuple):
    """The rows `start` to `end` of a request, which run together."""

    of: _Waiting
    start: int
    end: int

    @property
    def gone(self) -> bool:
        """Whether nobody waits for it: the client is gone, the time is over, or another
        part failed."""
        return self.of.answer.done()

    def values(self) -> Values:
        return {name: v[self.start : self.end] for name, v in self.of.values.items()}

    def answer(self, outputs: Values) -> None:
        """Keeps the outputs; those of the last part answer the request."""
        whole = self.of
        whole.ran[self.start] = outputs
        whole.missing -= self.end - self.start
        if self.gone or whole.missing:
            return
        parts = [whole.ran[start] for start in sorted(whole.ran)]
        if len(parts) > 1:
            outputs = {n: np.concatenate([part[n] for part in parts]) for n in outputs}
        whole.answer.set_result(outputs)

    def fail(self, error: Exception) -> None:
        if isinstance(error, ServingError):
            error = error.of_rows_from(self.start)
        if not self.gone:
            self.of.answer.set_exception(error)


class Batcher:
    """Runs requests on `workers` threads, at most `rows` rows and `PIXELS` pixels at a
    time.

    wait: seconds that a first request waits for others to join it. queue: requests that
    may wait; one more is refused at once (RESOURCE_EXHAUSTED), because it would be
    answered late. When a batch fails, its requests are run again, each alone, so that
    only the bad one gets an error.

    A request of more rows or pixels runs in parts, and others have their turn between
    them. Parts that nobody waits for any more do not run.

    observe_rows: is called with the number of rows of every batch.
    """

    def __init__(self, rows: int, wait: float, queue: int, workers: int):
        self._rows, self._wait, self._limit = rows, wait, queue
        self._waiting: deque[_Waiting] = deque()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="network")
        self._arrived = asyncio.Event()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(workers)]
        self.observe_rows: Callable[[int], None] = lambda rows: None

    @property
    def length(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def check_room(self) -> None:
        """Raises ServingError (RESOURCE_EXHAUSTED) while the queue is full."""
        if len(self._waiting) >= self._limit:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"{self._limit} requests are waiting already. Try again later.",
            )

    async def submit(
        self, key: tuple | None, pixels: Sequence[int], run: Run, values: Values
    ) -> Values:
        """The outputs of run(values).

        key: requests of one key may be run together; None: rows cannot be told apart,
        so that the request runs alone and in one piece. pixels: of each row.

        Raises ServingError when the queue is full, and what `run` raises.
        """
        self.check_room()
        answer = asyncio.get_running_loop().create_future()
        if key is None:
            key, pixels = (object(),), [0]
        self._waiting.append(_Waiting(key, pixels, run, values, answer))
        self._arrived.set()
        return await answer

    async def close(self) -> None:
        """Ends the threads; requests that still wait are refused."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self._waiting:
            if not one.answer.done():
                one.answer.set_exception(ServingError("UNAVAILABLE", "Stopping."))
        self._waiting.clear()
        self._threads.shutdown()

    async def _work(self) -> None:
        while True:
            batch = await self._next()
            self.observe_rows(_rows(batch))
            if not await self._run(batch) and len(batch) > 1:
                for one in batch:
                    await self._run([one])

    async def _next(self) -> list[_Part]:
        """The next batch, as soon as there is one."""
        while True:
            batch = self._taken([])
            if batch and _rows(batch) < self._rows and self._wait and not self._waiting:
                await asyncio.sleep(self._wait)
                batch = self._taken(batch)
            if batch:
                return batch
            self._arrived.clear()
            await self._arrived.wait()

    def _taken(self, batch: list[_Part]) -> list[_Part]:
        """The batch with requests of its key from the front of the queue, while they
        fit. Of one that is too large alone, its first rows; the rest goes to the end of
        the queue."""
        rows, pixels = _rows(batch), sum(sum(_pixels(one)) for one in batch)
        while self._waiting:
            first = self._waiting[0]
            if first.answer.done():  # its client is gone
                self._waiting.popleft()
                continue
            if batch and first.key != batch[0].of.key:
                break
            end = first.taken
            while end < len(first.pixels) and (
                not (batch or end > first.taken)
                or (rows < self._rows and pixels + first.pixels[end] <= PIXELS)
            ):
                rows, pixels, end = rows + 1, pixels + first.pixels[end], end + 1
            if batch and end < len(first.pixels):
                break
            self._waiting.popleft()
            batch = [*batch, _Part(first, first.taken, end)]
            first.taken = end
            if end < len(first.pixels):
                self._waiting.append(first)
                self._arrived.set()
                break
        return batch

    async def _run(self, batch: list[_Part]) -> bool:
        """Whether the batch was answered; a request alone gets its error as answer."""
        batch = [one for one in batch if not one.gone]
        if not batch:
            return True
        values = batch[0].values()
        if len(batch) > 1:
            every = [one.values() for one in batch]
            values = {n: np.concatenate([one[n] for one in every]) for n in values}
        elif len(batch[0].of.pixels) == 1:
            values = batch[0].of.values
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._threads, batch[0].of.run, values)
        except Exception as error:
            if len(batch) == 1:
                batch[0].fail(error)
            return False
        if len(batch) == 1:
            batch[0].answer(outputs)
            return True
        start = 0
        for one in batch:
            end = start + one.end - one.start
            one.answer({name: whole[start:end] for name, whole in outputs.items()})
            start = end
        return True


def _rows(batch: list[_Part]) -> int:
    return sum(one.end - one.start for one in batch)


def _pixels(part: _Part) -> Sequence[int]:
    return part.of.pixels[part.start : part.end]
