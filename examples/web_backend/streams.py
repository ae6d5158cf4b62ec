"""Who is told of an order's changes: one stream of events for each browser."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager


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

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield the ids of changed orders, until the server stops."""
        while not self._ended:
            await self._some.wait()
            self._some.clear()
            changed, self._changed = self._changed, {}
            for each in changed:
                yield each


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
