"""Time, so that tests can own it: durations are monotonic, dates are UTC."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Timer(Protocol):
    """A callback that has not run yet."""

    def cancel(self) -> None:
        """Never run it."""


class Clock(Protocol):
    """Where the engine, the exchange and the simulator get their time from."""

    def time(self) -> float:
        """Return seconds since some moment; never runs backwards."""
        ...

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Run a callback once `time()` has reached `when`."""
        ...


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait by a clock."""
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
    """The running loop's own time."""

    def time(self) -> float:
        """Return the loop's monotonic seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        return datetime.now(UTC)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Run a callback at a moment of the loop's time."""
        return asyncio.get_running_loop().call_at(when, callback)


def bound(clock: Clock) -> Clock:
    """Return a clock for the running loop alone; the engine asks it several times for each job."""
    if type(clock) is not LoopClock:
        return clock
    quick = LoopClock()
    vars(quick)["time"] = asyncio.get_running_loop().time  # it is found before the method
    return quick


class ManualClock:
    """A clock that moves only when told to; for tests and simulations."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._time = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def time(self) -> float:
        """Return the seconds advanced so far."""
        return self._time

    def now(self) -> datetime:
        """Return the start plus the seconds advanced so far."""
        return self._start + timedelta(seconds=self._time)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Run a callback when the clock is advanced to `when`."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Move on, stopping at each timer on the way; lets everything that is ready run."""
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
        """Let the event loop take some turns without moving the clock."""
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
