"""Clocks, so that tests can control time: durations are monotonic, dates are UTC."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol


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


LATE: Final = 0.05
"""Seconds by which a timer may ring late while its loop is merely busy. One that rings later was
held up: the process was stopped (Ctrl-Z, a debugger, a suspend), or the loop was blocked. What
came meanwhile has not been read, so such a timer must not decide that something is too late."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Moment(NamedTuple):
    """One moment, by both hands of a clock."""

    time: float
    """The clock's monotonic seconds, for durations."""
    date: float
    """Seconds since 1970, for dates. Somebody may set this hand at any time, and a suspend of the
    machine stops the other one: neither can be computed from the other later."""


def moment(clock: Clock) -> Moment:
    """Return this moment."""
    return Moment(clock.time(), clock.now().timestamp())


def steady(step: Callable[..., object], *arguments: object) -> None:
    """Take a step that nobody else takes; as often as an interrupt falls into it, take it again.

    `KeyboardInterrupt` and `SystemExit` leave the event loop, and the program may run it again, as
    a REPL does. The loop then goes on with the next step, so the rest of this one would be lost.

    Args:
        step: Finds what is left to do when it is called again.
        *arguments: What it is called with.
    """
    try:
        step(*arguments)
    except (KeyboardInterrupt, SystemExit):
        asyncio.get_running_loop().call_soon(steady, step, *arguments)
        raise


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


_SLICES: Final = 8
"""Parts of a wait. A stop of the process takes at most that part of its time."""


async def wait_for_all(futures: Iterable[asyncio.Future[Any]], seconds: float) -> bool:
    """Wait until futures are done, at most some seconds in which the loop ran.

    Returns whether they are done. The last part of the wait is one that ended in time: so what
    arrived while the process was stopped, or the loop was blocked, has been read.
    """
    waiting = set(futures)
    loop, left = asyncio.get_running_loop(), _SLICES
    for _ in range(2 * _SLICES):
        if not waiting or not left:
            break
        end = loop.time() + seconds / _SLICES
        _, waiting = await asyncio.wait(waiting, timeout=seconds / _SLICES)
        left -= loop.time() - end <= LATE
    return not waiting


ONE_LOOK: Final = 2.0
"""Seconds for one more look at what a late timer was to decide."""


@asynccontextmanager
async def within(
    seconds: float | None, when_late: Callable[[], object] = lambda: None
) -> AsyncGenerator[None, None]:
    """Limit the time of the block, as `asyncio.timeout` does; `None` for no limit.

    A timer that rings late gives two seconds more, once: what has come meanwhile has to be read.

    Args:
        seconds: The limit.
        when_late: Called then, to have a look at once.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        if seconds is None:
            yield
            return

        def ring() -> None:
            late = loop.time() - timer.when() > LATE
            if late:
                when_late()
            limit.reschedule(loop.time() + (ONE_LOOK if late else 0.0))

        timer = loop.call_later(seconds, steady, ring)
        try:
            yield
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
        return asyncio.get_running_loop().call_at(when, steady, callback)


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
            if timer.run():  # one that was cancelled makes nothing ready
                await self.settle()
        self._time = end

    async def hold_up(self, seconds: float) -> None:
        """Advance the clock as in a process that was stopped meanwhile: timers ring late."""
        self._time += seconds
        await self.advance(0.0)

    async def settle(self, turns: int = 20) -> None:
        """Give tasks that are ready some turns of the event loop; the clock stands still."""
        for _ in range(turns):
            await asyncio.sleep(0)


class _ManualTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def run(self) -> bool:
        if self._callback is None:
            return False
        self._callback()
        return True
