"""akool_async with webhooks, beside akool_async that polls; by its public names only."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import time
import tracemalloc
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, TypedDict

from aiohttp import web

from akool_async import Akool, Event, Face, Job, Operation
from akool_async.endpoints import TTS, ImageReage
from akool_async.webhook import WebhookCredentials
from benchmarks.contestants.holding import FOR_LONG, collecting
from benchmarks.contestants.ours import AT_ONCE, MODES, requests
from benchmarks.hooks import CLIENT_ID, SECRET
from benchmarks.meter import KEY, Figures, Meter, quantile


class Kind(TypedDict):
    """Which jobs a client runs."""

    single: bool
    """Whether each lookup is about one job."""
    armed: bool
    """Whether the client has a `webhook_url`."""


class Told:
    """Notes when a webhook told of each job."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Take in an event of the client."""
        if event.name == "job.told" and event.job.id is not None:
            self.at.setdefault(event.job.id, time.monotonic())


@contextlib.asynccontextmanager
async def client(url: str, count: int, told: Told, *, armed: bool) -> AsyncGenerator[Akool]:
    """Open a client with a receiver of its own; the receiver gets nothing unless it is armed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    settings: dict[str, Any] = {"on_event": told}
    if armed:
        port = listening.getsockname()[1]
        settings["webhook_url"] = f"http://127.0.0.1:{port}/akool"
    settings["webhook_credentials"] = WebhookCredentials(client_id=CLIENT_ID, client_secret=SECRET)
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with Akool(KEY, base_url=url, max_concurrency=count, **settings) as akool:
        app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield akool
        finally:
            await runner.cleanup()


def stream(count: int, *, single: bool, ends: Sequence[float] = ()) -> Iterator[Operation[Any]]:
    """Make requests; job number n ends at the n-th of some moments, if there are any."""
    for number in range(count):
        until = f"until={ends[number]:.6f}" if ends else ""
        if single:
            yield TTS(input_text=f"Number {number}. {until}", voice_id="v")
        else:
            photo = f"https://photos.example/{number}.jpg?{until}"
            yield ImageReage(target_image=[Face(photo)], face_reage=10, modify_image=photo)


async def _learn(akool: Akool, url: str, first: int, *, single: bool) -> None:
    """Run jobs from which the client learns durations, and whether webhooks arrive."""
    lessons, unmeasured = stream(first, single=single), Meter(url)

    async def worker() -> None:
        for request in lessons:
            await MODES["gather"](akool, unmeasured, [request])

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def run(meter: Meter, *, count: int, first: int, kind: Kind) -> Figures:
    """Run jobs, each awaited by a task; then see what the client still holds of them."""
    told, single = Told(), kind["single"]
    async with client(meter.url, max(count, AT_ONCE), told, armed=kind["armed"]) as akool:
        await _learn(akool, meter.url, first, single=single)
        with meter:
            await MODES["gather"](akool, meter, stream(count, single=single))
        await asyncio.sleep(1.0)
        held = _records()
    return meter.figures(count, **_arrivals(meter, told), held=held)


async def ending(
    meter: Meter,
    *,
    count: int,
    first: int,
    kind: Kind,
    further: int = 0,
    head: float,
    window: float,
) -> Figures:
    """Run jobs that end evenly within a window of time, while others are pending.

    Args:
        meter: The measuring instrument.
        count: Jobs that end.
        first: Jobs before them, from which the client learns.
        kind: Which jobs.
        further: Jobs that are pending, and do not end.
        head: Seconds from the start to the first end; all jobs are created by then.
        window: Seconds from the first end to the last one.
    """
    told, single = Told(), kind["single"]
    places = max(count + further, AT_ONCE)
    async with client(meter.url, places, told, armed=kind["armed"]) as akool:
        await _learn(akool, meter.url, first, single=single)
        never = [time.monotonic() + 9999.0] * further
        pending = [akool.submit(each) for each in stream(further, single=single, ends=never)]
        for job in pending:
            await job.created()
        begins = time.monotonic() + head
        ends = [begins + window * number / count for number in range(count)]
        with meter:
            await MODES["gather"](akool, meter, stream(count, single=single, ends=ends))
    return meter.figures(count, **_arrivals(meter, told))


def _arrivals(meter: Meter, told: Told) -> Figures:
    """Return the delays from the arrival of each webhook to the wake-up, in milliseconds."""
    waits = sorted(1e3 * (at - told.at[job]) for job, at in meter.woken if job in told.at)
    if not waits:
        return {"told": 0}
    after = {"after_p50": quantile(waits, 0.5), "after_p99": quantile(waits, 0.99)}
    return {"told": len(waits), **after}


def _records() -> int:
    """Return how many jobs' records are alive."""
    gc.collect()
    return sum(type(each).__name__ == "JobRecord" for each in gc.get_objects())


async def hold(meter: Meter, *, count: int, armed: bool) -> Figures:
    """Hold unfinished jobs, and measure the memory of each as Python counts it.

    It is the growth from half of them to all: so what a client and its receiver need once is no
    part of it.
    """
    told = Told()
    async with client(meter.url, AT_ONCE, told, armed=armed) as warm:
        await MODES["map"](warm, Meter(meter.url), requests(AT_ONCE, "?seconds=0.01"))
    collecting()
    tracemalloc.start()
    async with client(meter.url, count, told, armed=armed) as akool:
        held: list[Job[Any]] = []
        sizes: list[int] = []
        for some in (count - count // 2, count // 2):
            requests_of = list(requests(some, FOR_LONG))
            collecting()
            before = tracemalloc.get_traced_memory()[0]
            held += [akool.submit(each) for each in requests_of]
            for job in held[-some:]:
                await job.created()
            await asyncio.sleep(0.2)
            collecting()
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
        tracemalloc.stop()
    return {"traced": sizes[1] / (count // 2)}
