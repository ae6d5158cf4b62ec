"""Fixtures for CRUN: a simulated CRUN on a manual clock, and clients that poll it often.

A test decides when jobs progress, by advancing the simulator's clock.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from akool_async import Backoff, Retry
from akool_async.clock import ManualClock
from akool_async.crun import Crun
from akool_async.simulator.crun import CrunSimulator

Connect: TypeAlias = Callable[..., Crun]
Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
Elapse: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_crun_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the CRUN credentials of the developer who runs the tests."""
    for name in [name for name in os.environ if name.startswith("CRUN_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _complaints_are_heard(complaints: list[dict[str, Any]]) -> None:
    """Fail each test here that leaves a complaint of the event loop, or a task."""


@pytest.fixture
async def simulated_crun(
    complaints: list[dict[str, Any]], clock: ManualClock
) -> AsyncIterator[CrunSimulator]:
    """Run a simulated CRUN on this test's clock."""
    async with CrunSimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
async def quick_crun(complaints: list[dict[str, Any]]) -> AsyncIterator[CrunSimulator]:
    """Run a simulated CRUN in real time; its jobs take a few hundredths of a second."""
    async with CrunSimulator(pace=0.02) as simulator:
        yield simulator


@pytest.fixture
def connect() -> Connect:
    """Return a function that makes clients with short poll and retry delays."""

    def connected(url: str, key: str = "simulated-crun-key", **settings: Any) -> Crun:
        soon: dict[str, Any] = {
            "backoff": Backoff(initial=0.005, maximum=0.02),
            "retry": Retry(initial=0.002, throttled=0.002, maximum=0.005),
        }
        return Crun(key, base_url=url, **(soon | settings))

    return connected


@pytest.fixture
def until() -> Until:
    """Return a function that waits for a condition, and fails the test if it never holds."""

    async def waited(condition: Callable[[], object]) -> None:
        for _ in range(5000):
            if condition():
                return
            await asyncio.sleep(0.001)
        pytest.fail("the condition never held")

    return waited


@pytest.fixture
def elapse(clock: ManualClock) -> Elapse:
    """Return a function that advances the clock until a condition holds."""

    async def elapsed(condition: Callable[[], object]) -> None:
        for _ in range(5000):
            if condition():
                return
            await clock.advance(0.1)
            # Data on real sockets needs real turns of the event loop to arrive.
            await asyncio.sleep(0.001)
        pytest.fail("the clock was advanced, but the condition never held")

    return elapsed
