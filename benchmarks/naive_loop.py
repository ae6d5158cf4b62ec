"""Compare `akool_async` with the loop that one would write without it.

    python benchmarks/naive_loop.py [--jobs 600] [--limit 50] [--pace 1.0] [--multiplier 1.6]

Both sides run the same mix of face swaps, reages and speeches, one after the other, against
one simulated Akool in a process of its own, so that what is measured is the client alone.
The other side is aiohttp, `asyncio.gather`, a semaphore, and for each job a look at it every
half second. A job's delay is the time from its end, as the simulator planned it, to the
moment at which the client's code goes on; both processes read the same monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import multiprocessing
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Generator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import aiohttp

from akool_async import Akool, Backoff, Face, Job, Operation
from akool_async.endpoints import TTS, ImageFaceswap, ImageReage
from akool_async.simulator import Simulator

LOOK_EVERY = 0.5
"""Seconds between two looks of the naive loop at one job."""

QUEUED = 20_000
"""Jobs that wait for a place while their memory is measured."""

FACE = Face("https://photos.example/face.png")
PHOTO = "https://photos.example/photo.png"

Woken = dict[str, float]
"""By job id, the moment at which the client knew that the job had ended."""


def mix(count: int) -> list[Operation[Any]]:
    """Return face swaps, reages and speeches in turn."""
    kinds: tuple[Operation[Any], ...] = (
        ImageFaceswap(source_image=[FACE], target_image=[FACE], modify_image=PHOTO),
        ImageReage(target_image=[FACE], face_reage=10, modify_image=PHOTO),
        TTS(input_text="Good morning.", voice_id="voice-nicole"),
    )
    return [kinds[number % len(kinds)] for number in range(count)]


# The two sides


async def ours(
    url: str, key: str, requests: list[Operation[Any]], limit: int, backoff: Backoff
) -> Woken:
    """Run all requests with this package."""
    woken: Woken = {}

    async def run(akool: Akool, request: Operation[Any]) -> None:
        result = await akool.submit(request)
        woken[result.id] = time.monotonic()

    async with Akool(key, base_url=url, max_concurrency=limit, backoff=backoff) as akool:
        await asyncio.gather(*(run(akool, request) for request in requests))
    return woken


class Recipe(NamedTuple):
    """What the naive loop knows of one operation, ready to be sent."""

    path: str
    body: dict[str, Any]
    lookup: str
    id_name: str
    status_name: str


def recipe_of(request: Operation[Any]) -> Recipe:
    """Write a request down as one would by hand."""
    path, body = request.root + request.path, request.to_wire()
    if isinstance(request, TTS):
        lookup, id_name, status_name = "v3/audio/infobymodelid", "audio_model_id", "status"
    else:
        lookup, id_name, status_name = "v3/faceswap/result/listbyids", "_ids", "faceswap_status"
    return Recipe(path, body, request.root + lookup, id_name, status_name)


class NaiveLoop:
    """The code that this package replaces: create, then ask about each job by itself."""

    def __init__(self, session: aiohttp.ClientSession, limit: int) -> None:
        self._session = session
        self._places = asyncio.Semaphore(limit)
        self.woken: Woken = {}

    async def run(self, recipe: Recipe) -> None:
        """Run one job."""
        async with self._places:
            async with self._session.post(recipe.path, json=recipe.body) as response:
                job_id: str = (await response.json())["data"]["_id"]
            status = None
            while status not in {3, 4}:
                await asyncio.sleep(LOOK_EVERY)
                status = await self._status(recipe, job_id)
            self.woken[job_id] = time.monotonic()

    async def _status(self, recipe: Recipe, job_id: str) -> int | None:
        query = {recipe.id_name: job_id}
        async with self._session.get(recipe.lookup, params=query) as response:
            data: dict[str, Any] = (await response.json())["data"]
        rows: list[dict[str, Any]] = data.get("result", [data])
        return rows[0][recipe.status_name] if rows else None


async def naive(url: str, key: str, requests: list[Operation[Any]], limit: int) -> Woken:
    """Run all requests with the naive loop."""
    recipes = [recipe_of(request) for request in requests]
    async with aiohttp.ClientSession(url, headers={"x-api-key": key}) as session:
        loop = NaiveLoop(session, limit)
        await asyncio.gather(*map(loop.run, recipes))
    return loop.woken


# The simulator, in a process of its own


class Ended(NamedTuple):
    """What the simulator knows of its jobs so far."""

    moments: dict[str, float]
    requests: int


def serve(wire: Connection, pace: float) -> None:
    """Simulate Akool; tell what happened whenever asked, until told to stop."""
    # Rows left out and speeches ready at once would blur the delays of both sides alike.
    simulator = Simulator(pace=pace, instant_audio_rate=0.0, omit_rate=0.0, credit=1e9)
    with simulator.in_thread():
        wire.send((simulator.url, simulator.api_key))
        while wire.recv() == "report":
            moments = {job.id: job.ends for job in simulator.world.jobs.values()}
            wire.send(Ended(moments, simulator.requests.total()))


@contextlib.contextmanager
def simulator_process(pace: float) -> Generator[tuple[str, str, Callable[[], Ended]]]:
    """Run the simulator elsewhere; yield its address, its key, and a way to ask it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, pace), daemon=True)
    process.start()
    url, key = here.recv()

    def report() -> Ended:
        here.send("report")
        ended: Ended = here.recv()
        return ended

    try:
        yield url, key, report
    finally:
        here.send("stop")
        process.join()


# What is measured


class Figures(NamedTuple):
    """One side's figures."""

    cpu: float
    """Milliseconds of CPU per job, system calls included."""
    requests: float
    """HTTP requests per job."""
    median: float
    """Milliseconds from the end of a job to its wake-up: the median job."""
    p95: float
    """The same: 19 of 20 jobs are woken sooner."""
    memory: float
    """Bytes that a job costs which waits for a place, its request apart."""


Side = Callable[[str, str, list[Operation[Any]], int], Coroutine[Any, Any, Woken]]


def cpu_seconds() -> float:
    """Return what this process has used so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(
    side: Side, place: tuple[str, str, Callable[[], Ended]], jobs: int, limit: int, memory: float
) -> Figures:
    """Run one side and return its figures."""
    url, key, report = place
    before = report().requests
    gc.collect()
    cpu = cpu_seconds()
    woken = asyncio.run(side(url, key, mix(jobs), limit))
    cpu = cpu_seconds() - cpu
    ended = report()
    delays = [moment - ended.moments[job_id] for job_id, moment in woken.items()]
    assert len(delays) == jobs
    return Figures(
        cpu=cpu / jobs * 1000,
        requests=(ended.requests - before) / jobs,
        median=statistics.median(delays) * 1000,
        p95=statistics.quantiles(delays, n=20)[-1] * 1000,
        memory=memory,
    )


async def warm_up(url: str, key: str) -> None:
    """Run both sides, so that what is imported and built at first use is not measured."""
    await asyncio.gather(naive(url, key, mix(3), 3), ours(url, key, mix(3), 3, Backoff()))


async def memory_of_ours(url: str, key: str) -> float:
    """Return the bytes of one queued job of this package."""
    (request,) = mix(1)
    async with Akool(key, base_url=url, max_concurrency=1) as akool:
        jobs: list[Job[Any]] = []

        async def queue() -> None:
            jobs.extend(akool.submit(request) for _ in range(QUEUED))
            await asyncio.sleep(0)  # the first is sent

        each = await bytes_each(queue)
        for job in reversed(jobs):
            await job.cancel()
        return each


async def memory_of_naive(url: str, key: str) -> float:
    """Return the bytes of one job that waits for the naive loop's semaphore."""
    recipe = recipe_of(mix(1)[0])
    async with aiohttp.ClientSession(url, headers={"x-api-key": key}) as session:
        loop = NaiveLoop(session, limit=1)
        tasks: list[asyncio.Task[None]] = []

        async def queue() -> None:
            tasks.extend(asyncio.create_task(loop.run(recipe)) for _ in range(QUEUED))
            await asyncio.sleep(0)  # each task runs up to the semaphore

        each = await bytes_each(queue)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return each


async def bytes_each(queue: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """Return how much memory one job takes that `queue` queues."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await queue()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / QUEUED


# What is shown

ROWS = (
    ("cpu", "client CPU per job", "{:.2f} ms"),
    ("requests", "HTTP requests per job", "{:.2f}"),
    ("median", "delay from end to wake-up, median", "{:.0f} ms"),
    ("p95", "delay from end to wake-up, p95", "{:.0f} ms"),
    ("memory", "memory per queued job", "{:.0f} bytes"),
)


def show(naive_figures: Figures, our_figures: Figures) -> None:
    """Print a Markdown table; a ratio below 1 means that this package needs less."""
    print("| | naive loop | akool_async | ratio |")
    print("| --- | ---: | ---: | ---: |")
    for name, title, form in ROWS:
        theirs, our = getattr(naive_figures, name), getattr(our_figures, name)
        print(f"| {title} | {form.format(theirs)} | {form.format(our)} | {our / theirs:.2f} |")


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description="Compare akool_async with the naive loop.")
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--limit", type=int, default=50, help="jobs in flight at once")
    parser.add_argument("--pace", type=float, default=1.0, help="factor on all job durations")
    parser.add_argument(
        "--multiplier",
        type=float,
        default=Backoff().multiplier,
        help="how fast this package's delays between looks grow",
    )
    options = parser.parse_args()
    tuned: Side = functools.partial(ours, backoff=Backoff(multiplier=options.multiplier))
    with simulator_process(options.pace) as place:
        url, key, _ = place
        asyncio.run(warm_up(url, key))
        memory = asyncio.run(memory_of_naive(url, key)), asyncio.run(memory_of_ours(url, key))
        theirs = measure(naive, place, options.jobs, options.limit, memory[0])
        our = measure(tuned, place, options.jobs, options.limit, memory[1])
    show(theirs, our)


if __name__ == "__main__":
    main()
