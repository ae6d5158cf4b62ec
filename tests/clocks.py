"""Waiting in tests: for conditions, by turns of the event loop, and never for seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from akool_async.clock import ManualClock

Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
"""Let the event loop turn until a condition holds: `await until(condition)`."""

Elapse: TypeAlias = Callable[..., Awaitable[None]]
"""Let a manual clock run: `await elapse(clock, condition, step=1.0, most=5000)`."""

TURNS = 60
"""Turns of the event loop in which a request on loopback is sent, answered and read."""


async def turns(number: int = TURNS) -> None:
    """Let the event loop turn, so that what was sent arrives, on a busy machine too.

    The loop asks the sockets once in each turn. On loopback a byte that was written is there to
    be read. So the number of turns decides what has happened, not the seconds that they take.
    """
    for _ in range(number):
        await asyncio.sleep(0)


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


@pytest.fixture
def elapse() -> Elapse:
    """Return what advances a manual clock step by step until a condition holds."""

    async def elapsed(
        clock: ManualClock, condition: Callable[[], object], *, step: float = 1.0, most: int = 5000
    ) -> None:
        for _ in range(most):
            if condition():
                return
            await clock.advance(step)
            await turns()
            await asyncio.sleep(0.0005)  # threads, such as a journal's, need time of their own
        pytest.fail("time went by, and what was waited for did not happen")

    return elapsed
