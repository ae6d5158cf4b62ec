"""Very many jobs that are under way for long: what holding them costs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
import tracemalloc
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from benchmarks.contestants.bare import NaiveLoop, new_session
from benchmarks.contestants.ours import MODES, client, requests
from benchmarks.meter import Figures, Meter, ask, forget_peak, lag, peak, quantile, resident

FOR_LONG = "?seconds=9999"


async def hold(
    meter: Meter, *, count: int, mode: str, every: float, window: float = 0.0, trace: bool = False
) -> Figures:
    """Have so many jobs under way at once, and measure what that takes.

    The requests are made beforehand: what is measured is a job beyond its request.

    Args:
        meter: What measures.
        count: Jobs at once.
        mode: How they are held: `map` or `gather`.
        every: Seconds between two looks at a job.
        window: Seconds for which they are watched, once all are under way.
        trace: Whether Python's own count of memory is taken too, which slows all down.
    """
    async with client(meter.url, 3, 0.02) as warm:
        await MODES[mode](warm, Meter(meter.url), requests(3, "?seconds=0.01"))
    probe = await probe_alone(min(window, 5.0)) if window else {}
    values = list(requests(count, FOR_LONG))
    figures, before = baseline(trace=trace)
    async with client(meter.url, count, every) as akool:
        jobs = MODES[mode](akool, meter, iter(values))
        async with under_way(jobs, meter, count) as busiest:
            figures |= {"tasks_creating": busiest, **added(before, count), **probe}
            if window:
                figures |= await watched(meter, window)
    return figures


async def naive(meter: Meter, *, count: int) -> Figures:
    """Hold as many in the naive loop."""
    async with new_session(meter.url) as session:
        await NaiveLoop(session, Meter(meter.url), 0.02).jobs(3, "?seconds=0.01")
        figures, before = baseline(trace=False)
        jobs = NaiveLoop(session, meter, 3600.0).jobs(count, FOR_LONG)
        async with under_way(jobs, meter, count):
            return figures | added(before, count)


def baseline(*, trace: bool) -> tuple[Figures, int]:
    """Note how much there is before there are jobs."""
    collecting()
    figures = {"gc_values": collecting()}
    if trace:
        tracemalloc.start()
    forget_peak()
    return figures, resident()


def added(before: int, count: int) -> Figures:
    """Say how much more there is now."""
    most = peak() - before
    collecting()
    return {
        "peak": most,
        "memory": (resident() - before) / count,
        "traced": tracemalloc.get_traced_memory()[0] / count,
        "gc": statistics.median(collecting() for _ in range(3)),
    }


@contextlib.asynccontextmanager
async def under_way(
    jobs: Coroutine[Any, Any, None], meter: Meter, count: int
) -> AsyncGenerator[int]:
    """Start all jobs; once they are created, say how many tasks there were meanwhile, at most."""
    before = ask(meter.url)["created"]
    task = asyncio.create_task(jobs)
    busiest = 0
    counted = 0.0
    while not task.done() and ask(meter.url)["created"] - before < count:
        await asyncio.sleep(0.2)
        if time.monotonic() > counted + 2:  # counting a hundred thousand takes its time
            busiest, counted = max(busiest, tasks()), time.monotonic()
    await asyncio.sleep(0.2)
    yield busiest
    task.cancel()
    await asyncio.wait([task])


async def probe_alone(window: float) -> Figures:
    """Say what share of a core the probe of the loop's lag takes while nothing else runs."""
    probe = asyncio.create_task(lag(lambda _late: None))
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(window)
    probe.cancel()
    return {"probe_share": (time.process_time() - cpu) / (time.monotonic() - wall)}


async def watched(meter: Meter, window: float) -> Figures:
    """Let the jobs be looked at for a while, and say what that takes."""
    late: list[float] = []
    most = 0
    before, cpu, wall = ask(meter.url), time.process_time(), time.monotonic()
    probe = asyncio.create_task(lag(late.append))
    while time.monotonic() < wall + window:
        await asyncio.sleep(min(0.5, window))
        most = max(most, tasks())
    probe.cancel()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    after = ask(meter.url)
    looks = sum(after["requests"].values()) - sum(before["requests"].values())
    return {
        "share": cpu / wall,
        "looks_per_second": looks / wall,
        "lag_p99": 1000 * quantile(sorted(late), 0.99),
        "lag_most": 1000 * max(late),
        "tasks": most,
        "server_share": (after["cpu"] - before["cpu"]) / wall,
    }


def tasks() -> int:
    """Return how many tasks there are, apart from the one that asks."""
    return len(asyncio.all_tasks()) - 1


def collecting() -> float:
    """Collect garbage; return the milliseconds of CPU for which all stood still."""
    began = time.process_time()
    gc.collect()
    return 1000 * (time.process_time() - began)
