"""Jobs that end while ten thousand creates are queued: how late are their awaiters notified?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypedDict

from benchmarks.contestants.bare import NaiveLoop, new_session
from benchmarks.contestants.ours import client, gathered, requests
from benchmarks.meter import Figures, Meter, ask, delays, ended


class Timing(TypedDict):
    """Times of a run, in seconds."""

    head: float
    """Between the start of the watched jobs and that of the others."""
    window: float
    """After that, in which ends of jobs count, if there are no others."""


async def ours(
    meter: Meter, *, count: int, further: int, timing: Timing, every: float | None = None
) -> Figures:
    """Watch jobs with akool_async while it creates others.

    Args:
        meter: The measuring instrument.
        count: Watched jobs.
        further: Jobs that are created meanwhile.
        timing: When the others start, and which ends count.
        every: Seconds between two polls; by default the client's own schedule.
    """
    async with client(meter.url, count + further, every) as akool:

        async def crowd() -> None:
            async for _ in akool.map(requests(further)):
                pass

        watched = gathered(akool, meter, requests(count))
        return await _queued(meter, watched, crowd() if further else None, timing)


async def naive(
    meter: Meter, *, count: int, further: int, timing: Timing, every: float = 0.5
) -> Figures:
    """Do the same with the naive loop: one session, one semaphore, one queue."""
    async with new_session(meter.url) as session:
        loop = NaiveLoop(session, meter, every)
        crowd = NaiveLoop(session, Meter(meter.url), every)
        crowd.places = loop.places
        watched = loop.jobs(count)
        return await _queued(meter, watched, crowd.jobs(further) if further else None, timing)


async def _queued(
    meter: Meter,
    watched: Coroutine[Any, Any, None],
    crowd: Coroutine[Any, Any, None] | None,
    timing: Timing,
) -> Figures:
    """Return the delays of the jobs that ended while others were queued."""
    watching = asyncio.create_task(watched)
    await asyncio.sleep(timing["head"])
    began = time.monotonic()
    crowding = None if crowd is None else asyncio.create_task(crowd)
    await watching
    window = timing["window"]
    if crowding is not None:
        window = ask(meter.url)["last_create"] - began
        crowding.cancel()
        await asyncio.wait([crowding])
    counted = [each for each in meter.woken if began <= ended(each[0]) <= began + window]
    return {**delays(counted), "window": window}
