"""The queue alone, with a network that doubles numbers and dislikes negative ones."""

import asyncio
import threading

import numpy as np
import pytest

from kerasseg.serve.batching import Batcher
from kerasseg.serve.errors import ServingError


def scenario(work, **options):
    """Runs `work(batcher, sizes)`; sizes: the rows of each run so far."""
    options = {"rows": 4, "wait": 0.05, "queue": 8, "workers": 1} | options

    async def main():
        batcher, sizes = Batcher(**options), []
        batcher.observe_rows = sizes.append
        try:
            return await work(batcher, sizes)
        finally:
            await batcher.close()

    return asyncio.run(main())


def double(values):
    if (values["x"] < 0).any():
        raise ServingError("INVALID_ARGUMENT", "negative")
    return {"y": 2 * values["x"]}


def ask(batcher, *numbers, key="k", run=double):
    values = {"x": np.array(numbers)}
    return batcher.submit((key,), [1] * len(numbers), run, values)


def test_neighbours_run_together_and_get_their_own_rows():
    async def work(batcher, sizes):
        answers = await asyncio.gather(
            ask(batcher, 1), ask(batcher, 2, 3), ask(batcher, 4)
        )
        return [one["y"].tolist() for one in answers], sizes

    assert scenario(work) == ([[2], [4, 6], [8]], [4])


def test_rows_and_keys_bound_a_batch():
    async def work(batcher, sizes):
        await asyncio.gather(
            ask(batcher, 1, 2, 3),
            ask(batcher, 4, 5),  # would be five rows
            ask(batcher, 6, key="other"),
            ask(batcher, *range(9), key="other"),  # in parts of four rows
        )
        return sizes

    assert scenario(work) == [3, 2, 1, 4, 4, 1]


def test_one_that_fails_fails_alone():
    async def work(batcher, sizes):
        return await asyncio.gather(
            ask(batcher, 1), ask(batcher, -1), ask(batcher, 2), return_exceptions=True
        )

    first, bad, last = scenario(work)
    assert (first["y"].tolist(), last["y"].tolist()) == ([2], [4])
    assert str(bad) == "INVALID_ARGUMENT: negative"


def test_a_full_queue_refuses_and_a_stop_ends_what_waits():
    held = threading.Event()

    def slow(values):
        held.wait(10)
        return double(values)

    async def work(batcher, sizes):
        running = asyncio.create_task(ask(batcher, 1, key="slow", run=slow))
        while not sizes:
            await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(ask(batcher, 1)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(ServingError, match="RESOURCE_EXHAUSTED: 2 requests"):
            await ask(batcher, 3)
        waiting[0].cancel()  # its client is gone
        held.set()
        first = await running
        last = await waiting[1]
        return first["y"].tolist(), last["y"].tolist(), sizes

    assert scenario(work, queue=2) == ([2], [2], [1, 1])


def test_a_large_request_runs_in_parts_and_others_have_their_turn():
    order, held = [], threading.Event()

    def noted(values):
        order.append(values["x"].tolist())
        held.wait(10)
        return double(values)

    async def work(batcher, sizes):
        pixels = [2**23] * 5  # two of them together
        values = {"x": np.arange(5)}
        large = asyncio.create_task(batcher.submit(("k",), pixels, noted, values))
        while not order:
            await asyncio.sleep(0.001)
        small = asyncio.create_task(ask(batcher, 9, key="other", run=noted))
        await asyncio.sleep(0)
        held.set()
        return (await large)["y"].tolist(), (await small)["y"].tolist()

    assert scenario(work, wait=0) == ([0, 2, 4, 6, 8], [18])
    assert order == [[0, 1], [2, 3], [9], [4]]


def test_what_nobody_waits_for_is_given_up_between_parts():
    ran, held = [], threading.Event()

    def slow(values):
        ran.append(values["x"].tolist())
        held.wait(10)
        return double(values)

    async def work(batcher, sizes):
        values = {"x": np.arange(6)}
        large = asyncio.create_task(batcher.submit(("k",), [1] * 6, slow, values))
        while not ran:
            await asyncio.sleep(0.001)
        large.cancel()  # its client is gone
        held.set()
        await ask(batcher, 7)
        return ran

    assert scenario(work) == [[0, 1, 2, 3]]


def test_an_error_names_the_row_of_the_request_and_ends_the_other_parts():
    ran = []

    def picky(values):
        ran.append(values["x"].tolist())
        if 6 in values["x"]:
            raise ServingError("INVALID_ARGUMENT", "image_bytes[2] is neither")
        return double(values)

    async def work(batcher, sizes):
        values = {"x": np.arange(12)}
        with pytest.raises(ServingError, match=r"image_bytes\[6\] is neither"):
            await batcher.submit(("k",), [1] * 12, picky, values)
        # Rows that cannot be told apart run in one piece.
        return await batcher.submit(None, [1] * 12, double, values)

    assert scenario(work)["y"].tolist() == list(range(0, 24, 2))
    assert ran == [[0, 1, 2, 3], [4, 5, 6, 7]]
