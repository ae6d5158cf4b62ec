"""Fixtures for jobs and the engine.

In most of these tests the simulated Akool stands still until its clock is advanced, while
the client looks at it in real time, and often: so a test decides when jobs go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from akool_async import Akool, Backoff, Retry
from akool_async.clock import ManualClock
from akool_async.simulator import Simulator

Connect: TypeAlias = Callable[..., Akool]
Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
Elapse: TypeAlias = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def _complaints_are_heard(complaints: list[dict[str, Any]]) -> None:
    """Fail every test here that leaves a complaint of the loop, or a task."""


@pytest.fixture
async def quick_simulator(complaints: list[dict[str, Any]]) -> AsyncIterator[Simulator]:
    """Run a simulated Akool in real time, where jobs take some hundredths of a second."""
    async with Simulator(pace=0.03, omit_rate=0.0, instant_audio_rate=0.0) as simulator:
        yield simulator


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """Return what a simulated Akool can wait for before it answers; opens at the end."""
    opened = asyncio.Event()
    yield opened
    opened.set()


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that look often and repeat soon."""

    def connected(simulator: Simulator, **settings: Any) -> Akool:
        soon: dict[str, Any] = {
            "backoff": Backoff(initial=0.01, maximum=0.05),
            "retry": Retry(initial=0.005, throttled=0.005, maximum=0.01),
        }
        return Akool(base_url=simulator.url, api_key=simulator.api_key, **(soon | settings))

    return connected


@pytest.fixture
def until() -> Until:
    """Return a wait for a condition; it fails the test when that does not come true."""

    async def waited(condition: Callable[[], object]) -> None:
        for _ in range(5000):
            if condition():
                return
            await asyncio.sleep(0.001)
        pytest.fail("what was waited for did not happen")

    return waited


@pytest.fixture
def elapse() -> Elapse:
    """Return what advances a manual clock step by step until a condition comes true."""

    async def elapsed(
        clock: ManualClock, condition: Callable[[], object], *, step: float = 1.0, most: int = 1000
    ) -> None:
        for _ in range(most):
            if condition():
                return
            await clock.advance(step)
            # Real sockets need real turns of the loop before what was sent has arrived.
            await asyncio.sleep(0.001)
        pytest.fail("time went by, and what was waited for did not happen")

    return elapsed
