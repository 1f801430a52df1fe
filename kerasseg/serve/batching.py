"""A queue of limited length before the network; requests that wait are run together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kerasseg.serve.errors import ServingError

Values = dict[str, np.ndarray]
Run = Callable[[Values], Values]
"""Inputs by name -> outputs by name, arrays with the same number of rows."""


@dataclass
class _Waiting:
    """A request in the queue, and where its outputs are put."""

    key: tuple
    rows: int
    run: Run
    values: Values
    answer: asyncio.Future


class Batcher:
    """Runs requests on `workers` threads, at most `rows` rows at a time.

    wait: seconds that a first request waits for others to join it. queue: requests that
    may wait; one more is refused at once (RESOURCE_EXHAUSTED), because it would be
    answered late. When a batch fails, its requests are run again, each alone, so that
    only the bad one gets an error.

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

    async def submit(self, key: tuple, rows: int, run: Run, values: Values) -> Values:
        """The outputs of run(values). Requests of one `key` may be run together.

        Raises ServingError when the queue is full, and what `run` raises.
        """
        self.check_room()
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, rows, run, values, answer))
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
            self.observe_rows(sum(one.rows for one in batch))
            if not await self._run(batch) and len(batch) > 1:
                for one in batch:
                    await self._run([one])

    async def _next(self) -> list[_Waiting]:
        """The next batch, as soon as there is one."""
        while True:
            batch = self._taken()
            if batch and self._room(batch) and self._wait and not self._waiting:
                await asyncio.sleep(self._wait)
                batch += self._taken(batch[0].key, self._room(batch))
            if batch:
                return batch
            self._arrived.clear()
            await self._arrived.wait()

    def _room(self, batch: list[_Waiting]) -> int:
        """Rows that can still join a batch."""
        return self._rows - sum(one.rows for one in batch)

    def _taken(self, key=None, room: int | None = None) -> list[_Waiting]:
        """Takes requests of one key from the front of the queue, up to `room` rows."""
        room, taken = self._rows if room is None else room, []
        while self._waiting:
            first = self._waiting[0]
            if first.answer.done():  # its client is gone
                self._waiting.popleft()
                continue
            if key not in (None, first.key) or (first.rows > room and (taken or key)):
                break
            key, room = first.key, room - first.rows
            taken.append(self._waiting.popleft())
        return taken

    async def _run(self, batch: list[_Waiting]) -> bool:
        """Whether the batch was answered; a request alone gets its error as answer."""
        batch = [one for one in batch if not one.answer.done()]
        if not batch:
            return True
        values = batch[0].values
        if len(batch) > 1:
            values = {
                name: np.concatenate([one.values[name] for one in batch])
                for name in values
            }
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._threads, batch[0].run, values)
        except Exception as error:
            if len(batch) == 1 and not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return False
        start = 0
        for one in batch:
            end = start + one.rows
            if not one.answer.done():
                one.answer.set_result(
                    {name: whole[start:end] for name, whole in outputs.items()}
                )
            start = end
        return True
