"""Very many unfinished jobs: the memory and CPU that holding them takes."""

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
    """Hold a number of unfinished jobs, and measure their memory and CPU.

    The requests exist beforehand, so the figures do not include them.

    Args:
        meter: The measuring instrument.
        count: Jobs at once.
        mode: How they are held: `map` or `gather`.
        every: Seconds between two polls of a job.
        window: Seconds for which they are polled, once all are created.
        trace: Whether `tracemalloc` runs, too, which slows everything down.
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
    """Hold a number of unfinished jobs in the naive loop."""
    async with new_session(meter.url) as session:
        await NaiveLoop(session, Meter(meter.url), 0.02).jobs(3, "?seconds=0.01")
        figures, before = baseline(trace=False)
        jobs = NaiveLoop(session, meter, 3600.0).jobs(count, FOR_LONG)
        async with under_way(jobs, meter, count):
            return figures | added(before, count)


def baseline(*, trace: bool) -> tuple[Figures, int]:
    """Return the memory and the garbage collection time before there are jobs."""
    collecting()
    figures = {"gc_values": collecting()}
    if trace:
        tracemalloc.start()
    forget_peak()
    return figures, resident()


def added(before: int, count: int) -> Figures:
    """Return the memory that jobs have added, and the garbage collection time."""
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
    """Start all jobs; once they are created, yield the largest number of tasks until then."""
    before = ask(meter.url)["created"]
    task = asyncio.create_task(jobs)
    busiest = 0
    counted = 0.0
    while not task.done() and ask(meter.url)["created"] - before < count:
        await asyncio.sleep(0.2)
        if time.monotonic() > counted + 2:  # counting a hundred thousand tasks is slow
            busiest, counted = max(busiest, tasks()), time.monotonic()
    await asyncio.sleep(0.2)
    yield busiest
    task.cancel()
    await asyncio.wait([task])


async def probe_alone(window: float) -> Figures:
    """Return the share of a core that the lag probe takes while nothing else runs."""
    probe = asyncio.create_task(lag(lambda _late: None))
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(window)
    probe.cancel()
    return {"probe_share": (time.process_time() - cpu) / (time.monotonic() - wall)}


async def watched(meter: Meter, window: float) -> Figures:
    """Let the jobs be polled for some seconds; return the CPU and the lag of the loop."""
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
    """Return the number of tasks, without the current one."""
    return len(asyncio.all_tasks()) - 1


def collecting() -> float:
    """Collect garbage; return the CPU time that it took, in milliseconds."""
    began = time.process_time()
    gc.collect()
    return 1000 * (time.process_time() - began)
