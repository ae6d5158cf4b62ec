"""Clients that poll and retry within milliseconds, and simulated Akools to be connected to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from akool_async import Akool, Backoff, Retry
from akool_async.clock import ManualClock
from akool_async.simulator import Simulator

Connect: TypeAlias = Callable[..., Akool]
"""Make a client: `connect(simulator, **settings)`, or `connect(url, **settings)`."""


def soon() -> dict[str, Any]:
    """Return the settings of a client that polls often and retries almost at once."""
    return {
        "backoff": Backoff(initial=0.005, maximum=0.02),
        "retry": Retry(initial=0.002, throttled=0.002, maximum=0.005),
    }


class Refusing:
    """A fault of a simulated Akool: refuses the first creates of speeches.

    Args:
        codes: Akool's code in each refusal.
    """

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)

    async def __call__(self, name: str, _request: web.Request) -> web.Response | None:
        """Refuse, or let the simulator answer."""
        if name != "audio.tts" or not self._codes:
            return None
        return web.json_response({"code": self._codes.pop(0), "msg": "no"})


def hold(simulator: Simulator, name: str, gate: asyncio.Event) -> None:
    """Let requests to an endpoint wait for a gate before they are answered."""

    async def wait(asked: str, _request: web.Request) -> None:
        if asked == name:
            await gate.wait()

    simulator.fault = wait


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that poll often and retry almost at once.

    A client has the simulator's api key; at another address it has `the-key`, unless the test
    gives a credential.
    """

    def connected(where: Simulator | str, **settings: Any) -> Akool:
        url, key = (where, "the-key") if isinstance(where, str) else (where.url, where.api_key)
        if not {"api_key", "client_id", "token"} & settings.keys():
            settings["api_key"] = key
        return Akool(base_url=url, **(soon() | settings))

    return connected


@pytest.fixture
async def simulator(clock: ManualClock) -> AsyncIterator[Simulator]:
    """Run a simulated Akool on this test's clock; its lists are complete."""
    async with Simulator(clock=clock, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
async def quick() -> AsyncIterator[Simulator]:
    """Run a simulated Akool in real time, where jobs take some hundredths of a second."""
    async with Simulator(pace=0.02, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
async def akool(simulator: Simulator, clock: ManualClock) -> AsyncIterator[Akool]:
    """Open a client of the simulated Akool, on the same clock."""
    async with Akool(api_key=simulator.api_key, base_url=simulator.url, clock=clock) as client:
        yield client


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """Return what a simulated Akool can wait for before it answers; opens at the end."""
    opened = asyncio.Event()
    yield opened
    opened.set()
