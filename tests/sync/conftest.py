"""A simulated Akool in a thread of its own, and clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from akool_async.endpoints import TTS
from akool_async.simulator import Fault, Simulator
from akool_async.sync import Akool
from tests.clients import soon

Connected: TypeAlias = Callable[..., Akool]
"""Make a client of the simulator; the test closes it."""


def speech(text: str = "Hello.") -> TTS:
    """Return a request of a job that ends soon."""
    return TTS(input_text=text, voice_id="v")


def hold(name: str, arrived: threading.Event, gate: threading.Event) -> Fault:
    """Return a fault that answers nothing of an endpoint until a gate opens, in another thread.

    Args:
        name: The endpoint.
        arrived: Set once a request has come.
        gate: Opens when it is set.
    """

    async def wait(endpoint: str, _request: web.Request) -> None:
        while endpoint == name and not gate.is_set():
            arrived.set()
            await asyncio.sleep(0.002)

    return wait


@pytest.fixture(scope="package")
def simulator() -> Iterator[Simulator]:
    """Run a simulated Akool in a thread; its jobs take some milliseconds."""
    with Simulator(pace=0.005, omit_rate=0.0, instant_audio_rate=0.0).in_thread() as running:
        yield running


@pytest.fixture
def connected(simulator: Simulator) -> Iterator[Connected]:
    """Return a maker of clients; the test closes them, and no thread of theirs is left."""
    before = set(threading.enumerate())

    def connect(**settings: Any) -> Akool:
        return Akool(simulator.api_key, base_url=simulator.url, **(soon() | settings))

    yield connect
    simulator.fault = None
    left = {each.name for each in threading.enumerate() if each not in before}
    assert not {name for name in left if name.startswith("akool-sync")}


@pytest.fixture
def akool(connected: Connected) -> Iterator[Akool]:
    """Open a client."""
    with connected() as client:
        yield client
