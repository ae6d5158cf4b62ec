"""Waiting in tests: for conditions, by turns of the event loop, and never for seconds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from akool_async.clock import ManualClock

Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
"""Let the event loop turn until a condition holds: `await until(condition)`."""

Elapse: TypeAlias = Callable[..., Awaitable[None]]
"""Let a manual clock run: `await elapse(clock, condition, step=1.0, most=5000)`."""

TURNS = 60
"""Turns of the event loop in which a request on loopback is sent, answered and read."""


IDLE = 8
"""Turns in a row in which nothing but the test itself runs: all that was sent has been read."""

_STEP = 0.02
"""Seconds by which the time of a loop moves at once; a timer that rings so late is not late."""


async def turns(number: int = TURNS) -> None:
    """Let the event loop turn, so that what was sent arrives, on a busy machine too.

    The loop asks the sockets once in each turn. On loopback a byte that was written is there to
    be read. So the number of turns decides what has happened, not the seconds that they take.
    """
    for _ in range(number):
        await asyncio.sleep(0)


async def idle_turns() -> None:
    """Let the event loop turn as `turns` does, but no longer than anything happens in it."""
    loop: Any = asyncio.get_running_loop()
    idle = 0
    for _ in range(TURNS):
        await asyncio.sleep(0)
        idle = 0 if loop._ready else idle + 1  # noqa: SLF001 - no public name says what is due
        if idle == IDLE:
            return


class LoopTime:
    """The time of a test's own event loop; it moves only when the test says so.

    For what is timed by the loop itself, such as a request's time limit. Nothing that sleeps
    wakes meanwhile, so a test waits by `turns`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch) -> None:
        self._now = loop.time()
        patch.setattr(loop, "time", lambda: self._now)

    async def advance(self, seconds: float) -> None:
        """Move on as in a loop that is never held up, and let all run that is due then."""
        begun = self._now
        for step in range(1, math.ceil(seconds / _STEP) + 1):
            # Counted from the beginning: errors of many sums would make timers ring a step later.
            self._now = min(begun + seconds, begun + step * _STEP)
            await turns(3)
        await turns()

    async def hold_up(self, seconds: float) -> None:
        """Move on as in a process that was stopped meanwhile; every timer rings late."""
        self._now += seconds
        await turns()


@pytest.fixture
async def loop_time(monkeypatch: pytest.MonkeyPatch) -> LoopTime:
    """Take the time of this test's loop into its own hands."""
    return LoopTime(asyncio.get_running_loop(), monkeypatch)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
def until() -> Until:
    """Return a wait for a condition; it fails the test if that does not come true."""

    async def wait(condition: Callable[[], object]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0.001)
        pytest.fail("what was waited for did not happen")

    return wait


def _work_in_threads(
    loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch
) -> set[asyncio.Future[Any]]:
    """Return what the loop's threads are at, from now on."""
    working: set[asyncio.Future[Any]] = set()
    run = loop.run_in_executor

    def noted(executor: Any, call: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        future = run(executor, call, *arguments)
        working.add(future)
        future.add_done_callback(working.discard)
        return future

    patch.setattr(loop, "run_in_executor", noted)
    return working


@pytest.fixture
async def elapse(monkeypatch: pytest.MonkeyPatch) -> Elapse:
    """Return what advances a manual clock step by step until a condition holds.

    Time stands still while a thread of the loop works: on a busy machine it may get its turn late.
    """
    working = _work_in_threads(asyncio.get_running_loop(), monkeypatch)

    async def elapsed(
        clock: ManualClock, condition: Callable[[], object], *, step: float = 1.0, most: int = 5000
    ) -> None:
        for _ in range(most):
            if condition():
                return
            await clock.advance(step)
            await idle_turns()
            while working:
                await asyncio.wait(working)
                await idle_turns()
            await asyncio.sleep(0.001)  # a journal's own thread needs time, too
        pytest.fail("time went by, and what was waited for did not happen")

    return elapsed
