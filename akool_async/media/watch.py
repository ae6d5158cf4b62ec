"""The end of a request that brings too little, or takes too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from akool_async.clock import Clock


class Watch:
    """Ends a request by a clock: at a deadline, or when a while has brought too few bytes.

    A connection that trickles never runs into a timeout between two reads.

    Args:
        clock: Where time comes from.
        least: Bytes that each while must bring.
        window: Seconds that a while lasts.
        deadline: When everything ends, in the clock's time.
    """

    def __init__(self, clock: Clock, *, least: float, window: float, deadline: float) -> None:
        self._clock = clock
        self._least = least
        self._window = window
        self._deadline = deadline
        self._came = 0
        self._busy = 0.0
        self._busy_since: float | None = None

    def note(self, count: int) -> None:
        """Take in that so many bytes have come."""
        self._came += count

    @contextmanager
    def busy(self) -> Generator[None, None, None]:
        """Mark a time in which it is not the server that is waited for."""
        self._busy_since = self._clock.time()
        try:
            yield
        finally:
            self._busy += self._clock.time() - self._busy_since
            self._busy_since = None

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[None, None]:
        """Keep watch over what happens inside.

        Raises:
            TimeoutError: it took too long, or brought too little.
        """
        async with asyncio.timeout(None) as self._limit:
            self._begin()
            try:
                yield
            finally:
                self._timer.cancel()

    def _begin(self) -> None:
        self._came, self._busy = 0, 0.0
        end = min(self._clock.time() + self._window, self._deadline)
        self._timer = self._clock.call_at(end, self._look)

    def _look(self) -> None:
        now = self._clock.time()
        busy = self._busy + (0.0 if self._busy_since is None else now - self._busy_since)
        at_fault = busy < self._window / 2
        if now >= self._deadline or (self._came < self._least and at_fault):
            self._limit.reschedule(asyncio.get_running_loop().time())
        else:
            self._begin()
