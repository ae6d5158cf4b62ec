"""One time limit for many requests, by one timer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from akool_async.clock import LATE

# All requests of a transport have the same limit, so the oldest one expires first, and one timer
# for it is enough. aiohttp's own `total` takes a timer for each request, which costs a tenth of
# the request's CPU.
#
# A process may be stopped (Ctrl-Z, `docker pause`, a debugger, a suspend), or its loop be blocked
# by somebody's code. Meanwhile the server has answered, and the time of all requests seems to be
# over before one of the answers has been read. So the limit counts the time in which the loop ran:
# the timer rings at least eight times within the limit, and what it rings late by is not counted.
# Nor is a late ring a verdict: the loop first reads what has arrived, until the next ring. Only a
# loop that is late every time does not put the verdict off further than twice the limit.
#
# A request whose time is over ends by `Task.cancel()`. The user may cancel the same task, even in
# the same pass of the event loop, and that cancellation must not be swallowed. So it works as in
# `asyncio.timeout()`: `Task.cancelling()` counts the cancellations before the request, and
# `Task.uncancel()` takes ours back; if more are left than before, the user has cancelled, too.

_RINGS: Final = 8
"""Rings of the timer within one limit. A stop takes at most that part of a request's time."""


class TimeLimit:
    """The time that each request may take, as far as the event loop ran meanwhile.

    Args:
        seconds: The limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """The limit."""
        self._step = seconds / _RINGS
        self._loop = asyncio.get_running_loop()
        self._counted = 0.0
        """Seconds in which the loop ran, up to `_counted_at`."""
        self._counted_at = self._loop.time()
        self._running: dict[asyncio.Task[Any], tuple[float, int]] = {}
        """By task that waits for a response, oldest first: when it began, and how often it had
        been cancelled before."""
        self._expired: dict[asyncio.Task[Any], int] = {}
        """By task cancelled here: how often it had been cancelled before."""
        self._timer: asyncio.TimerHandle | None = None

    def time(self) -> float:
        """Return the seconds in which the event loop ran, as far as a limit needs to know."""
        return self._counted + min(self._loop.time() - self._counted_at, self._step + LATE)

    def oldest(self) -> float:
        """Return when the oldest request that waits for a response began; now, if none does."""
        return next(iter(self._running.values()))[0] if self._running else self.time()

    def start(self) -> asyncio.Task[Any]:
        """Start the time of the current task; return that task."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        if self._timer is None:
            self._ring_after(self._step)
        self._running[task] = self.time(), task.cancelling()
        return task

    def stop(self, task: asyncio.Task[Any]) -> None:
        """Stop the time of a task."""
        self._running.pop(task, None)
        self._expired.pop(task, None)

    def expired(self, task: asyncio.Task[Any]) -> bool:
        """Say whether a task was cancelled because its time is over, and for no other reason."""
        return task in self._expired and task.uncancel() <= self._expired[task]

    def _ring_after(self, seconds: float) -> None:
        self._counted, self._counted_at = self.time(), self._loop.time()
        self._timer = self._loop.call_at(self._counted_at + seconds, self._rung)

    def _rung(self) -> None:
        try:
            self._ring()
        except BaseException:  # an interrupt: the requests keep their limit
            self._ring_after(self._step)
            raise

    def _ring(self) -> None:
        assert self._timer is not None
        late = self._loop.time() - self._timer.when() > LATE
        if late:  # counted up to the moment when it had to ring
            self._counted += self._timer.when() - self._counted_at
            self._counted_at = self._loop.time()
        self._timer = None
        self._expire(self.time() - self.seconds * (2 if late else 1))
        if self._running:
            left = self.oldest() + self.seconds - self.time()
            self._ring_after(min(left, self._step) if left > 0 else self._step)

    def _expire(self, latest: float) -> None:
        """Cancel the requests that began at a time or before."""
        for task, (began, cancelled) in list(self._running.items()):
            if began > latest + 1e-9:  # rounding
                return
            self._expired[task] = cancelled
            task.cancel()
            self._running.pop(task, None)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
