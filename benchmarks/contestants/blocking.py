"""Programs without an event loop: the synchronous client, and what is written instead of it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from akool_async import Akool as AsyncAkool
from akool_async import Backoff
from akool_async.sync import Akool
from benchmarks.contestants.ours import requests as requests_of
from benchmarks.contestants.wire import CREDIT, KEY_HEADER
from benchmarks.meter import KEY, Figures, Meter

WARM = 20
"""Calls before the measured ones."""

Call = Callable[[], float]


def blocking(url: str, around: ExitStack) -> Call:
    """Call by the synchronous client."""
    akool = around.enter_context(Akool(KEY, base_url=url))
    return lambda: akool.account.credit().credit


def loop_for_each(url: str, _around: ExitStack) -> Call:
    """Call by `asyncio.run`, with a client of its own for each call."""

    async def once() -> float:
        async with AsyncAkool(KEY, base_url=url) as akool:
            return (await akool.account.credit()).credit

    return lambda: asyncio.run(once())


def by_requests(url: str, around: ExitStack) -> Call:
    """Call by a session of requests."""
    library: Any = importlib.import_module("requests")
    session = around.enter_context(library.Session())
    session.headers[KEY_HEADER] = KEY

    def call() -> float:
        reply = session.get(url + CREDIT, timeout=60).json()
        return float(reply["data"]["credit"])

    return call


WAYS = {"blocking": blocking, "loop": loop_for_each, "requests": by_requests}


async def calls(meter: Meter, *, count: int, way: str) -> Figures:
    """Call one after the other, in a thread without a loop."""

    def run() -> Figures:
        with ExitStack() as around:
            call = WAYS[way](meter.url, around)
            for _ in range(WARM):
                call()
            with meter:
                for _ in range(count):
                    call()
        return meter.figures(count)

    return await asyncio.to_thread(run)


async def jobs(meter: Meter, *, count: int, every: float) -> Figures:
    """Run jobs through the synchronous `map`."""

    def run(meter: Meter, count: int, every: float, more: str = "") -> None:
        fixed = Backoff(initial=every, multiplier=1.0, maximum=every, jitter=0.0)
        with Akool(KEY, base_url=meter.url, max_concurrency=count, backoff=fixed) as akool:
            for job in akool.map(requests_of(count, more)):
                meter.woke(job.result().id)

    await asyncio.to_thread(run, Meter(meter.url), 3, 0.02, "?seconds=0.01")
    with meter:
        await asyncio.to_thread(run, meter, count, every)
    return meter.figures(count)
