"""`akool dashboard`: a run in the browser, live."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import click

from akool_async.batch.folder import RunFolder
from akool_async.cli import stopping
from akool_async.cli.messages import Problem
from akool_async.cli.run_control import checked, run_argument


@click.command("dashboard")
@run_argument
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port on this machine; else a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
def command(folder: Path, port: int, *, opens: bool) -> None:
    """Show a run in the browser, live.

    RUN is the folder of a run that goes on or is over. It serves the page until Ctrl-C.

    It prints the page's address. Only this machine can reach it, and only who knows the address:
    its buttons pause and drain the run.
    """
    run = checked(folder)
    if find_spec("aiohttp_sse") is None:
        raise Problem("the dashboard needs aiohttp-sse: pip install 'akool_async[batch]'", {})
    asyncio.run(_serve(run, port, opens=opens))


async def _serve(run: RunFolder, port: int, *, opens: bool) -> None:
    from akool_async.batch.dashboard import Dashboard  # not before it is known to be there

    dashboard, stop, problem = Dashboard(run), asyncio.Event(), ""
    with stopping.set_by_signals(stop):
        try:
            address = await dashboard.start(port)
            click.echo(address)
            if opens:
                await asyncio.to_thread(click.launch, address)
            await stop.wait()
        except OSError as error:
            problem = f"port {port} cannot be listened on: {error.strerror}"
        finally:
            await dashboard.stop()
    if problem:
        raise Problem(problem, {})
