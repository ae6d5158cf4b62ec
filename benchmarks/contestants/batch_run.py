"""Runs of many rows, beside `akool.map` with the same rows by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from akool_async import Akool, Backoff
from akool_async.batch import RunOptions, check, read
from akool_async.batch.folder import RunFolder
from akool_async.batch.runner import Run
from benchmarks.meter import (
    KEY,
    Figures,
    Meter,
    forget_peak,
    lag,
    peak,
    quantile,
    resident,
)
from benchmarks.mixed import manifest, pairs, rows

PLACES = 500
LOOK = 0.25
"""Seconds between two looks at the figures of a run."""


def client(url: str, journal: Path | None = None) -> Akool:
    """Return a client that looks at each job often: the jobs are short."""
    backoff = Backoff(initial=0.15, multiplier=1.0, maximum=0.15, jitter=0.0)
    return Akool(KEY, base_url=url, max_concurrency=PLACES, backoff=backoff, journal=journal)


async def by_hand(meter: Meter, *, path: str, count: int, mode: str, place: str) -> Figures:
    """Give all rows to `akool.map`: `plain`, with keys and a journal, or with `results`, too."""
    folder = Path(place)
    warm = _warm(folder)
    for name in (mode, f"{mode}-warm"):
        (folder / name).mkdir()
    await _mapped(meter.url, warm, folder / f"{mode}-warm", mode)
    async with _probed() as late:
        with meter:
            ended = await _mapped(meter.url, Path(path), folder / mode, mode)
    return meter.figures(count, ended=ended, **late)


async def _mapped(url: str, path: Path, place: Path, mode: str) -> int:
    completed = 0
    stream: Any = pairs(path)
    if mode == "plain":
        stream = (request for _, request in stream)
    journal = None if mode == "plain" else place / "journal.sqlite"
    async with client(url, journal) as akool:
        with (place / "results.jsonl").open("wb") as file:
            async for job in akool.map(stream):
                completed += job.exception() is None
                if mode == "results":
                    result = job.result()
                    line = {"key": job.key, "status": job.status, "id": job.id, "url": result.url}
                    file.write(msgspec.json.encode(line) + b"\n")
    return completed


async def whole(meter: Meter, *, path: str, count: int, place: str) -> Figures:
    """Carry out a run without saving; look at its ETA meanwhile."""
    await _carried(meter.url, _warm(Path(place)), Path(place) / "warm.run", save=False)
    seen: list[tuple[float, float | None]] = []
    planned = check(path).operations  # as `akool run` does first; without it no ETA can be told
    async with _probed() as late:
        with meter:
            run = _run(Path(place) / "whole.run", save=False, planned=planned)
            looking = asyncio.create_task(_look(run, seen))
            await run.carry_out(read(path), client(meter.url))
            over = time.monotonic()
            looking.cancel()
    completed = run.counts.total("completed")
    return meter.figures(count, ended=completed, **late, **eta_errors(seen, over))


async def again(meter: Meter, *, path: str, count: int, run: str) -> Figures:
    """Start a run again that is done, or half done: up to its first create, or to its end."""
    async with _probed() as late:
        with meter:
            carried = _run(Path(run), save=False)
            task = asyncio.create_task(carried.carry_out(read(path), client(meter.url)))
            first = await _first_create(carried, task)
            if first is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    known = carried.counts.done_before
    return meter.figures(count, known=known, first=first or 0.0, **late)


async def slow(meter: Meter, *, path: str, count: int, place: str) -> Figures:
    """Run all rows to their ends while hardly any result comes over the link; return the memory."""
    folder = Path(place) / f"slow-{count}.run"
    await _carried(meter.url, _warm(Path(place)), Path(place) / f"warm-{count}.run", save=True)
    forget_peak()
    before = resident()
    run = _run(folder, save=True)
    task = asyncio.create_task(run.carry_out(read(path), client(meter.url)))
    while run.counts.total("completed") < count and not task.done():  # noqa: ASYNC110 - it counts
        await asyncio.sleep(LOOK)
    figures = run.figures()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {"peak": peak() - before, "behind": figures.behind, "saved": figures.saved}


async def seen(meter: Meter, *, path: str, count: int, place: str) -> Figures:
    """Carry out a run that saves nothing; return how many jobs it did in a second."""
    await _carried(meter.url, _warm(Path(place)), Path(place) / "warm.run", save=False)
    with meter:
        await _carried(meter.url, Path(path), Path(place) / "seen.run", save=False)
    figures = meter.figures(count)
    return figures | {"rate": count / figures["wall"]}


async def _carried(url: str, path: Path, folder: Path, *, save: bool) -> None:
    await _run(folder, save=save).carry_out(read(path), client(url))


def _run(folder: Path, *, save: bool, planned: Mapping[str, int] | None = None) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    return Run(RunFolder.at(folder), RunOptions(save=save), planned=planned)


def _warm(place: Path) -> Path:
    return manifest(place / "warm.jsonl", rows(3, seconds=0.01, name="warm"))


async def _look(run: Run, seen: list[tuple[float, float | None]]) -> None:
    while True:
        await asyncio.sleep(LOOK)
        seen.append((time.monotonic(), run.figures().eta))


async def _first_create(run: Run, task: asyncio.Task[None]) -> float | None:
    """Return the seconds until a run's first create; `None` if it ended without one."""
    began = time.monotonic()
    while not run.counts.creates and not task.done():  # noqa: ASYNC110 - it counts
        await asyncio.sleep(0.01)
    return time.monotonic() - began if run.counts.creates else None


def eta_errors(seen: Sequence[tuple[float, float | None]], over: float) -> Figures:
    """Return how far the ETA was off, as parts of the time that was left, at three moments."""
    errors: Figures = {}
    began = seen[0][0] - LOOK if seen else over
    for part in (25, 50, 75):
        due = began + (over - began) * part / 100
        near = min(seen, key=lambda each: abs(each[0] - due), default=(over, None))
        if near[1] is not None and over > near[0]:
            errors[f"eta_{part}"] = abs(near[1] / (over - near[0]) - 1)
    return errors


@asynccontextmanager
async def _probed() -> AsyncGenerator[Figures, None]:
    """Measure how late the loop is; the figures are there once the context has ended."""
    late: list[float] = []
    figures: Figures = {}
    probe = asyncio.create_task(lag(late.append))
    try:
        yield figures
    finally:
        probe.cancel()
        if late:
            figures["lag_p99"] = 1000 * quantile(sorted(late), 0.99)
            figures["lag_most"] = 1000 * max(late)
