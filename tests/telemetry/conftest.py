"""Fixtures for seeing inside: quick clients of a quick simulator, and hooks that remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from akool_async import Akool, Backoff, Event, Retry
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
            "backoff": Backoff(initial=0.01, maximum=0.05),
            "retry": Retry(initial=0.002, throttled=0.002, maximum=0.005),
        }
        return Akool(base_url=simulator.url, api_key=simulator.api_key, **(soon | settings))

    return connected


@pytest.fixture
async def quick(complaints: list[dict[str, Any]]) -> AsyncIterator[Simulator]:
    """Run a simulated Akool in real time, where jobs take some hundredths of a second."""
    async with Simulator(pace=0.03, omit_rate=0.0, instant_audio_rate=0.0) as simulator:
        yield simulator


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "jobs.sqlite"


class Recorder(list[Event]):
    """A hook that remembers."""

    def __call__(self, event: Event) -> None:
        """Remember an event."""
        self.append(event)

    def names(self, job: object = None) -> list[str]:
        """Return the steps so far, of one job or of all."""
        return [event.name for event in self if job is None or event.job == job]


@pytest.fixture
def recorder() -> Recorder:
    """Return a hook that remembers."""
    return Recorder()
