"""What runs while `akool webhooks listen` listens: server, tunnel, journal and display."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from akool_async.cli import stopping
from akool_async.cli.tunnel import Tunnel, running_tunnel
from akool_async.cli.webhook_jobs import Jobs, JobSeen
from akool_async.cli.webhook_listener import Arrival, Listener
from akool_async.cli.webhook_posts import Poster
from akool_async.cli.webhook_report import Reporter
from akool_async.errors import JournalError
from akool_async.journal.looking import JournalView
from akool_async.webhook.credentials import WebhookCredentials

T = TypeVar("T")


class Serving(NamedTuple):
    """What stands around a listener."""

    credentials: WebhookCredentials
    reporter: Reporter
    journal: Path | None
    """The journal that has the jobs."""
    tunnel: str | None
    """The command that starts a tunnel."""


async def serve(serving: Serving, make: Callable[[Poster], Listener], port: int) -> None:
    """Listen until Ctrl-C, or until the tunnel ends.

    Args:
        serving: What stands around the listener.
        make: Makes the listener.
        port: The port to listen on.

    Raises:
        click.ClickException: the port cannot be listened on, or the tunnel failed.
        JournalError: the journal cannot be read.
    """
    stop = asyncio.Event()
    with stopping.set_by_signals(stop):
        async with AsyncExitStack() as running:
            jobs = None
            if serving.journal is not None:
                view = JournalView(serving.journal)
                running.callback(view.close)
                jobs = Jobs(view, serving.credentials)
            listener = make(await running.enter_async_context(Poster()))
            port = await listener.start(port)
            telling = asyncio.create_task(_tell(listener, serving.reporter, jobs))
            telling.add_done_callback(lambda _: stop.set())  # nobody reads what it prints
            try:
                await _stay(serving, port, stop)
            finally:
                await listener.stop()
                await telling
                serving.reporter.conclude(listener.verdicts)


async def _stay(serving: Serving, port: int, stop: asyncio.Event) -> None:
    """Say where to send webhooks, and wait for the end."""
    greet, address = serving.reporter.greet, f"http://127.0.0.1:{port}"
    if serving.tunnel is None:
        greet(address, None)
        await stop.wait()
        return
    async with running_tunnel(serving.tunnel, port) as tunnel:
        public = await _unless(stop, tunnel.address())
        if public is not None:
            greet(address, public)
            await _watch(tunnel, stop)


async def _watch(tunnel: Tunnel, stop: asyncio.Event) -> None:
    """Wait for the end; without its tunnel, nothing can arrive any more."""
    ended = await _unless(stop, tunnel.end())
    if ended is not None:
        raise click.ClickException(ended)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what a coroutine does; `None` if it is to stop before."""
    stopping_, working = asyncio.create_task(stop.wait()), asyncio.create_task(work)
    try:
        await asyncio.wait([stopping_, working], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (stopping_, working):
            task.cancel()
        await asyncio.gather(stopping_, working, return_exceptions=True)


async def _tell(listener: Listener, reporter: Reporter, jobs: Jobs | None) -> None:
    """Print what arrives, one after the other."""
    while (arrival := await listener.arrivals.get()) is not None:
        job = None if jobs is None else await _job_of(jobs, arrival)
        reporter.show(arrival, job)


async def _job_of(jobs: Jobs, arrival: Arrival) -> JobSeen | None:
    try:
        return await asyncio.to_thread(jobs.find, arrival)
    except JournalError as error:
        click.echo(str(error), err=True)
    return None
