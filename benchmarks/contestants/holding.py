"""Very many jobs that are under way for long: what holding them costs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
import tracemalloc
from collections.abc import AsyncGenerator

from akool_async import Akool
from akool_async.endpoints import ImageReage
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
    values = list(requests(count, FOR_LONG))
    collecting()
    figures = {"gc_values": collecting()}
    if trace:
        tracemalloc.start()
    before = resident()
    forget_peak()
    async with under_way(meter, values, mode, every) as busiest:
        figures |= {"peak": peak() - before, "tasks_creating": busiest}
        collecting()
        figures["memory"] = (resident() - before) / count
        figures["traced"] = tracemalloc.get_traced_memory()[0] / count
        figures["gc"] = statistics.median(collecting() for _ in range(3))
        if window:
            figures |= await watched(meter, window)
    return figures


@contextlib.asynccontextmanager
async def under_way(
    meter: Meter, values: list[ImageReage], mode: str, every: float
) -> AsyncGenerator[int]:
    """Create all jobs; then say how many tasks there were meanwhile, at most."""
    before = ask(meter.url)["created"]
    async with client(meter.url, len(values), every) as akool:
        task = asyncio.create_task(held(akool, meter, values, mode))
        busiest = 0
        while not task.done() and ask(meter.url)["created"] - before < len(values):
            await asyncio.sleep(0.1)
            busiest = max(busiest, tasks())
        await asyncio.sleep(0.1)
        yield busiest
        task.cancel()
        await asyncio.wait([task])


async def held(akool: Akool, meter: Meter, values: list[ImageReage], mode: str) -> None:
    """Start all jobs, and wait for their ends."""
    await MODES[mode](akool, meter, iter(values))


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
