"""Who is told of an order's changes: one stream of events for each browser."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager, suppress


class Stream:
    """The orders that have changed since the browser was last told.

    It holds ids, not events: a slow browser makes it no longer than the list of its orders.
    """

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._some = asyncio.Event()
        self._ended = False

    def note(self, id: str) -> None:
        """Take note of a changed order."""
        self._changed[id] = None
        self._some.set()

    def end(self) -> None:
        """Let the stream end: the server is stopping."""
        self._ended = True
        self._some.set()

    async def changed(self, until: float | None) -> list[str] | None:
        """Wait for changed orders; return their ids, or `None` when the server stops.

        Args:
            until: The moment of the loop's time at which it waits no longer, and returns none.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._some.wait()
        if self._ended:
            return None
        self._some.clear()
        changed, self._changed = list(self._changed), {}
        return changed


class Line:
    """The numbers in line that a page shows, and when to look whether they have changed.

    Nobody is told when a job moves up: each start would move all that wait. So the stream looks,
    once a second, and less often where many go before, as counting them takes time.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.look_at: float | None = None
        """The moment of the loop's time; `None` while nothing stands in line."""

    def due(self, now: float) -> list[str]:
        """Return the ids of the orders to look at."""
        if self.look_at is None or now < self.look_at:
            return []
        self.look_at = None
        return list(self._numbers)

    def note(self, id: str, number: int | None, now: float) -> bool:
        """Take note of an order's number; return whether it is another one than before."""
        before = self._numbers.pop(id, None)
        if number is not None:
            self._numbers[id] = number
        if self._numbers and self.look_at is None:
            self.look_at = now + max(1.0, sum(self._numbers.values()) / 1000)
        return number != before


class Streams:
    """The open streams of all browsers."""

    def __init__(self) -> None:
        self._by_browser: defaultdict[str, set[Stream]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(map(len, self._by_browser.values()))

    @contextmanager
    def open(self, browser: str, stream: Stream) -> Generator[None]:
        """Tell a stream of a browser's orders until the end of the block."""
        self._by_browser[browser].add(stream)
        try:
            yield
        finally:
            self._by_browser[browser].discard(stream)
            if not self._by_browser[browser]:
                del self._by_browser[browser]

    def note(self, browser: str, id: str) -> None:
        """Tell a browser's streams of a changed order."""
        for stream in self._by_browser.get(browser, ()):
            stream.note(id)
