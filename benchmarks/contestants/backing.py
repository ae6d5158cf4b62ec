"""The backend of very many pages with a live avatar: the memory and CPU that they take."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator

from aiohttp import web

from akool_async import Akool
from benchmarks.contestants.holding import baseline, collecting, probe_alone, tasks
from benchmarks.meter import KEY, Figures, Meter, lag, quantile, resident
from benchmarks.pages import allow_sockets

_WARM = 10


async def hold(_meter: Meter, *, count: int, window: float) -> Figures:
    """Hold sessions of pages that joined, first silent and then talking.

    Args:
        count: Sessions at once.
        window: Seconds for which each state is measured.
    """
    allow_sockets()
    probe = (await probe_alone(min(window, 5.0)))["probe_share"]
    async with _pages() as (process, url):
        akool = Akool(KEY, base_url=url, max_concurrency=2 * count + _WARM)
        async with akool, _backend(akool, 2 * count + _WARM) as address:
            await _ask(process, f"open {_WARM} {address}")
            _, before = baseline(trace=False)
            began = time.monotonic()
            await _ask(process, f"open {count} {address}")
            figures = {"opening": (time.monotonic() - began) / count * 1e3}
            await asyncio.sleep(1)
            collecting()
            figures |= {
                "memory": (resident() - before) / count,
                "tasks": tasks() / (count + _WARM),
            }
            silent = await _watched(window)
            await _ask(process, "talk 1")
            talking = await _watched(window)
            if (connected := await _ask(process, "count")) != count + _WARM:
                raise RuntimeError(f"only {connected} pages were connected all the time")
    return {
        **figures,
        "silent": silent["share"] - probe,
        "silent_lag": silent["lag_p99"],
        "talking": talking["share"] - probe,
        "talking_lag": talking["lag_p99"],
    }


@contextlib.asynccontextmanager
async def _pages() -> AsyncGenerator[tuple[Process, str]]:
    """Run the pages; yield their process, and the address of their Akool."""
    command = [sys.executable, "-m", "benchmarks.pages"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ask(process: Process, line: str) -> int:
    """Give the pages an order; return how many are connected."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n".encode())
    return int(await process.stdout.readline())


@contextlib.asynccontextmanager
async def _backend(akool: Akool, most: int) -> AsyncGenerator[str]:
    """Serve the backend; yield its address."""
    routes = akool.streaming.aiohttp_routes(
        authorize=lambda request: request.cookies.get("user"),
        avatars=["avatar"],
        durations=[3600],
        sessions_at_once=most,
    )
    app = web.Application()
    app.add_routes(routes)
    app.on_shutdown.append(routes.close)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _watched(window: float) -> Figures:
    """Return the share of a core, and the lag of the loop, while pages do what they do."""
    late: list[float] = []
    cpu, wall = time.process_time(), time.monotonic()
    probe = asyncio.create_task(lag(late.append))
    await asyncio.sleep(window)
    probe.cancel()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    return {"share": cpu / wall, "lag_p99": 1000 * quantile(sorted(late), 0.99)}
