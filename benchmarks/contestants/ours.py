"""akool_async, by its public names only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from akool_async import Akool, Backoff, Face, Operation
from akool_async.endpoints import TTS, ImageReage
from benchmarks.meter import KEY, Figures, Meter

AT_ONCE = 20
"""Concurrent jobs while the client learns durations."""


def requests(count: int, more: str = "") -> Iterator[ImageReage]:
    """Make requests, one after the other."""
    for number in range(count):
        photo = f"https://photos.example/{number}.jpg{more}"
        yield ImageReage(target_image=[Face(photo)], face_reage=10, modify_image=photo)


def client(url: str, count: int, every: float | None = None) -> Akool:
    """Return a client for a number of jobs at once.

    Args:
        url: The address of the server.
        count: Jobs at once.
        every: Seconds between two polls of a job; by default the client's own schedule.
    """
    fixed: dict[str, Any] = {}
    if every is not None:
        fixed["backoff"] = Backoff(initial=every, multiplier=1.0, maximum=every, jitter=0.0)
    return Akool(KEY, base_url=url, max_concurrency=count, **fixed)


async def run(
    meter: Meter,
    *,
    count: int,
    mode: str = "map",
    every: float | None = None,
) -> Figures:
    """Run jobs through `akool.map`, or with one task that awaits each (`gather`)."""
    warm = Meter(meter.url)
    async with client(meter.url, 3, 0.02) as akool:
        await MODES[mode](akool, warm, requests(3, "?seconds=0.01"))
    with meter:
        async with client(meter.url, count, every) as akool:
            await MODES[mode](akool, meter, requests(count))
    return meter.figures(count)


async def speeches(meter: Meter, *, first: int, count: int, every: float | None = None) -> Figures:
    """Run jobs that are polled one by one, after some from which the client learns durations."""

    def stream(number: int) -> Iterator[TTS]:
        return (TTS(input_text=f"Number {each}.", voice_id="v") for each in range(number))

    async with client(meter.url, count, every) as akool:
        warm, lessons = Meter(meter.url), stream(first)

        async def worker() -> None:
            for request in lessons:
                await _awaited(akool, warm, request)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        with meter:
            await mapped(akool, meter, stream(count))
    return meter.figures(count)


async def mapped(akool: Akool, meter: Meter, stream: Iterable[Operation[Any]]) -> None:
    """Hold only the handles of jobs."""
    async for job in akool.map(stream):
        meter.woke(job.result().id)


async def gathered(akool: Akool, meter: Meter, stream: Iterable[Operation[Any]]) -> None:
    """Await each job in a task of its own."""
    await asyncio.gather(*(_awaited(akool, meter, request) for request in stream))


async def _awaited(akool: Akool, meter: Meter, request: Operation[Any]) -> None:
    meter.woke((await akool.submit(request)).id)


MODES = {"map": mapped, "gather": gathered}
