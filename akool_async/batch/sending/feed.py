"""Rows on their way from a manifest to the event loop, read by a thread.

A manifest may be standard input, where the next row comes in an hour, and a big file is read for
seconds: neither may hold up the event loop. The thread reads a little ahead and no further, so that
a manifest of any size takes the memory of some hundred rows. It is a daemon: a program that ends
waits for no row that may never come.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_AHEAD: Final = 1000
"""Rows that are read ahead."""
_BY_PRIORITY: Final = 16
"""Rows in one page where rows have priorities: no row that is read later goes past these."""
_TOGETHER: Final = 0.005
"""Seconds for which a page that is not full waits for more rows: a page costs more than a row."""


class Feed(Generic[T]):
    """Reads rows in a thread, and hands them out in pages.

    Args:
        rows: The rows; a generator is read and closed in the thread.
        page: Rows in one page at most.
    """

    def __init__(self, rows: Iterable[T], page: int = 500) -> None:
        self._rows = rows
        self._page = page
        self._loop = asyncio.get_running_loop()
        self._ready: deque[T] = deque()
        self._by_priority = False
        """Whether a row has a priority, so far."""
        self._sorted: list[T] = []
        """Then the rows that come next, the highest priority first."""
        self._news = asyncio.Event()
        self._change = threading.Condition()
        self._awaited = False
        """Whether the loop waits for a row."""
        self._over = self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="akool-rows", daemon=True)
        self._thread.start()

    async def page(self) -> list[T]:
        """Return the rows that are there, as soon as there is one; nothing at the end.

        Where rows have priorities, these are the highest ones of those that are read ahead.

        Raises:
            Exception: what reading has raised, after the rows that came before it.
        """
        if self._ready and len(self._ready) < self._page and not self._over:
            await asyncio.sleep(_TOGETHER)
        while True:
            with self._change:
                self._news.clear()
                self._awaited = True  # before it looks: the thread appends without the lock
                taken = self._sorted_page() if self._by_priority else self._popped(self._page)
                over, self._awaited = self._over, not taken
                self._change.notify()
            if taken:
                return taken
            if over:
                if self._error is not None:
                    raise self._error
                return []
            await self._news.wait()
            await asyncio.sleep(_TOGETHER)

    def _popped(self, most: int) -> list[T]:
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def _sorted_page(self) -> list[T]:
        rows = [*self._sorted, *self._popped(_AHEAD - len(self._sorted))]
        rows.sort(key=_priority_of, reverse=True)  # equal ones stay in the order of the manifest
        self._sorted = rows[_BY_PRIORITY:]
        return rows[:_BY_PRIORITY]

    def stop(self) -> None:
        """Read no more."""
        with self._change:
            self._stopped = self._over = True
            self._ready.clear()
            self._sorted.clear()
            self._change.notify()
        self._news.set()

    def _read(self) -> None:
        try:
            for row in self._rows:
                if _priority_of(row):
                    self._by_priority = True
                self._ready.append(row)
                if not (self._awaited or self._stopped or len(self._ready) >= _AHEAD):
                    continue  # nobody waits for either side: the lock would cost as much again
                with self._change:
                    self._tell()
                    while len(self._ready) >= _AHEAD and not self._stopped:
                        self._change.wait()
                    if self._stopped:
                        return
        except BaseException as error:  # noqa: BLE001 - it is raised where the rows are taken
            self._error = error
        finally:
            with self._change:
                self._over = True
                self._tell()

    def _tell(self) -> None:
        if self._awaited and not self._loop.is_closed():
            self._awaited = False
            self._loop.call_soon_threadsafe(self._news.set)


def _priority_of(row: object) -> int:
    """Return the priority of a row; a fault has none."""
    priority: int = getattr(row, "priority", 0)
    return priority
