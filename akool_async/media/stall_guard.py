"""The limit on the time of a request, and on how slowly its body may come.

A timeout between two reads does not stop a server that sends one byte every few seconds. So
the guard counts bytes: every window of seconds has to bring a minimum. A window that was spent
mostly on local work, such as waiting for the disk, says nothing about the server and passes.
Neither does a window whose end was noticed late, because the process was stopped or its loop was
blocked: what the server sent meanwhile has not been read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from akool_async.clock import LATE, Clock


class StallGuard:
    """Ends a request at a deadline, or when a window of time brought too few bytes.

    Args:
        clock: The clock that times are read from.
        least: Bytes that each window must bring.
        window: Seconds.
        deadline: When the request ends in any case, in the clock's time.
    """

    def __init__(self, clock: Clock, *, least: float, window: float, deadline: float) -> None:
        self._clock = clock
        self._least = least
        self._window = window
        self.deadline = deadline
        """When the request ends in any case. What it was noticed late by is added to it."""
        self._received = 0
        """Bytes in this window."""
        self._local = 0.0
        """Seconds of this window that were spent on local work."""
        self._local_since: float | None = None

    def received(self, count: int) -> None:
        """Count bytes that have come."""
        self._received += count

    @contextmanager
    def local_work(self) -> Generator[None, None, None]:
        """Do not count the time inside against the server."""
        self._local_since = self._clock.time()
        try:
            yield
        finally:
            self._local += self._clock.time() - self._local_since
            self._local_since = None

    @asynccontextmanager
    async def guarding(self) -> AsyncGenerator[None, None]:
        """Guard the request inside.

        Raises:
            TimeoutError: it took too long, or brought too little.
        """
        # The timeout has no time of its own: `_check` sets it to now when the clock says so,
        # because the clock need not be the loop's.
        async with asyncio.timeout(None) as self._timeout:
            self._begin_window()
            try:
                yield
            finally:
                self._timer.cancel()

    def _begin_window(self) -> None:
        self._received, self._local = 0, 0.0
        now = self._clock.time()
        self._end = max(now, min(now + self._window, self.deadline))
        self._timer = self._clock.call_at(self._end, self._check)

    def _check(self) -> None:
        now = self._clock.time()
        if now > self._end + LATE:
            # One window more at least, to read what has come.
            self.deadline = max(self.deadline + now - self._end, now + self._window)
            self._begin_window()
            return
        local = self._local + (0.0 if self._local_since is None else now - self._local_since)
        servers_fault = local < self._window / 2
        if now >= self.deadline or (self._received < self._least and servers_fault):
            self._timeout.reschedule(asyncio.get_running_loop().time())
        else:
            self._begin_window()
