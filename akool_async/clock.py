"""Clocks, so that tests can control time: durations are monotonic, dates are UTC."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Timer(Protocol):
    """A scheduled callback that has not run yet."""

    def cancel(self) -> None:
        """Prevent the callback from running."""


class Clock(Protocol):
    """The source of time for the engine, the exchange and the simulator."""

    def time(self) -> float:
        """Return the seconds since a fixed moment; they never decrease."""
        ...

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Schedule a callback for when `time()` reaches `when`."""
        ...


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait for a number of seconds, as measured by a clock."""
    woken = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    timer = clock.call_at(clock.time() + seconds, wake)
    try:
        await woken
    finally:
        timer.cancel()


class LoopClock:
    """The clock of the running event loop."""

    def time(self) -> float:
        """Return the event loop's monotonic seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        return datetime.now(UTC)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Schedule a callback for when the event loop's time reaches `when`."""
        return asyncio.get_running_loop().call_at(when, callback)


def bound(clock: Clock) -> Clock:
    """Return a faster clock that works in the running loop only.

    The engine reads the time several times per job, so finding the loop each time would cost.
    """
    if type(clock) is not LoopClock:
        return clock
    quick = LoopClock()
    # An attribute of the instance takes precedence over the method of the class.
    vars(quick)["time"] = asyncio.get_running_loop().time
    return quick


class ManualClock:
    """A clock that moves only when `advance` is called; for tests and simulations."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._time = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def time(self) -> float:
        """Return the seconds that the clock has advanced."""
        return self._time

    def now(self) -> datetime:
        """Return the start date plus the seconds that the clock has advanced."""
        return self._start + timedelta(seconds=self._time)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Schedule a callback for when the clock is advanced to `when`."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Advance the clock; run each timer on the way, and every task that it makes ready."""
        end = self._time + seconds
        await self.settle()
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self._time = max(self._time, when)
            timer.run()
            await self.settle()
        self._time = end
        await self.settle()

    async def settle(self, turns: int = 20) -> None:
        """Give tasks that are ready some turns of the event loop; the clock stands still."""
        for _ in range(turns):
            await asyncio.sleep(0)


class _ManualTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def run(self) -> None:
        if self._callback is not None:
            self._callback()
