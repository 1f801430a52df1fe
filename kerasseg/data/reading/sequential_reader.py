"""Items by number, of sources that can only be read from their beginning on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from kerasseg import UserError

KEPT = 64
"""Items that stay at hand, for threads that ask a little out of order."""


class SequentialReader:
    """`reader(key, number)` is the item `number` of `open_source(key)`.

    Such sources are TFRecord files and the splits of tensorflow-datasets. Fast where
    numbers rise, as they do when records are written: what lies between two of them is
    skipped, and only a number far back opens the source again. Copied to another
    process, it begins anew. Raises UserError where a source ends too early.
    """

    def __init__(self, open_source: Callable[[Any], Iterable]) -> None:
        self._open, self._lock = open_source, threading.Lock()
        self._key, self._items, self._next = None, iter(()), 0
        self._recent = deque(maxlen=KEPT)

    def __reduce__(self) -> tuple:
        return SequentialReader, (self._open,)

    def __call__(self, key: Any, number: int) -> Any:
        with self._lock:
            if key != self._key or number < self._next - len(self._recent):
                self._key, self._items, self._next = key, iter(self._open(key)), 0
                self._recent.clear()
            while self._next <= number:
                try:
                    self._recent.append(next(self._items))
                except StopIteration:
                    raise UserError(
                        f"{key} ends before its item {number}. Copy it again."
                    ) from None
                self._next += 1
            return self._recent[number - self._next]
