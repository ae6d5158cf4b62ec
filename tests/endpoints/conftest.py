"""Fixtures for endpoints: quick clients, and no complaint that goes unheard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from akool_async import Akool, Backoff, Retry
from akool_async.simulator import Simulator

Connect: TypeAlias = Callable[..., Akool]


@pytest.fixture(autouse=True)
def _complaints_are_heard(complaints: list[dict[str, Any]]) -> None:
    """Fail every test here that leaves a complaint of the loop, or a task."""


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that look often and repeat soon."""

    def connected(simulator: Simulator, **settings: Any) -> Akool:
        soon: dict[str, Any] = {
            "backoff": Backoff(initial=0.005, maximum=0.02),
            "retry": Retry(initial=0.002, throttled=0.002, maximum=0.005),
        }
        return Akool(base_url=simulator.url, api_key=simulator.api_key, **(soon | settings))

    return connected


@pytest.fixture
async def quick(complaints: list[dict[str, Any]]) -> AsyncIterator[Simulator]:
    """Run a simulated Akool in real time, where jobs take some hundredths of a second."""
    async with Simulator(pace=0.01, omit_rate=0.0, instant_audio_rate=0.0) as simulator:
        yield simulator
