"""One time limit for many requests, by one timer."""

from __future__ import annotations

import asyncio
from typing import Any

# All requests of a transport have the same limit, so the oldest one expires first, and one timer
# for it is enough. aiohttp's own `total` takes a timer for each request, which costs a tenth of
# the request's CPU.
#
# A request whose time is over ends by `Task.cancel()`. The user may cancel the same task, even in
# the same pass of the event loop, and that cancellation must not be swallowed. So it works as in
# `asyncio.timeout()`: `Task.cancelling()` counts the cancellations before the request, and
# `Task.uncancel()` takes ours back; if more are left than before, the user has cancelled, too.


class TimeLimit:
    """The time that each request may take.

    Args:
        seconds: The limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """The limit."""
        self._loop = asyncio.get_running_loop()
        self._running: dict[asyncio.Task[Any], tuple[float, int]] = {}
        """By task that waits for a response, oldest first: when it began, and how often it had
        been cancelled before."""
        self._expired: dict[asyncio.Task[Any], int] = {}
        """By task cancelled here: how often it had been cancelled before."""
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> asyncio.Task[Any]:
        """Start the time of the current task; return that task."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._running[task] = self._loop.time(), task.cancelling()
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._expire)
        return task

    def stop(self, task: asyncio.Task[Any]) -> None:
        """Stop the time of a task."""
        if self._running.pop(task, None) is None:
            del self._expired[task]

    def expired(self, task: asyncio.Task[Any]) -> bool:
        """Say whether a task was cancelled because its time is over, and for no other reason."""
        return task in self._expired and task.uncancel() <= self._expired[task]

    def _expire(self) -> None:
        self._timer = None
        latest = self._loop.time() - self.seconds
        for task, (began, cancelled) in list(self._running.items()):
            if began > latest:
                self._timer = self._loop.call_at(began + self.seconds, self._expire)
                return
            del self._running[task]
            self._expired[task] = cancelled
            task.cancel()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
