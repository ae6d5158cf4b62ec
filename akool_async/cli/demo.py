"""`akool demo`: hundreds of simulated jobs at once, or one paid job of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from akool_async import Akool
from akool_async.cli.demo_ending import SHEET, show_the_way
from akool_async.cli.live import agree, run_paid
from akool_async.cli.options import PACE, RATE
from akool_async.cli.places import check_folder
from akool_async.cli.progress import shown
from akool_async.cli.report import conclude, farewell
from akool_async.cli.sheet import write_sheet
from akool_async.cli.statuses import INTERRUPTED
from akool_async.cli.tally import Tally, carry_out
from akool_async.cli.workload import mixed_requests
from akool_async.protocol.words import counted
from akool_async.simulator import Behaviour, Simulator

_SIMULATED_ONLY = ("jobs", "seed", "fail_rate", "pace")


@click.command("demo")
@click.option(
    "--jobs", type=click.IntRange(1), default=300, show_default=True, help="Number of jobs to run."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Most jobs in flight at once.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("akool-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the results.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random numbers.")
@click.option(
    "--fail-rate",
    type=RATE,
    default=0.05,
    show_default=True,
    help="Part of the jobs that fail.",
)
@click.option(
    "--pace",
    type=PACE,
    default=1.0,
    show_default=True,
    help="Factor on simulated durations; 0.1 is ten times as fast.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Run one paid job of each kind at Akool instead, after a question. Credentials come"
    " from AKOOL_API_KEY, AKOOL_TOKEN, or AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET.",
)
@click.option("--yes", is_flag=True, help="With --live: start without the question.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    jobs: int,
    concurrency: int,
    folder: Path,
    seed: int,
    fail_rate: float,
    pace: float,
    live: bool,
    yes: bool,
) -> int:
    """Run hundreds of simulated jobs at once, and save their results.

    The jobs are face swaps, reages and speech, with the example requests of Akool's pages.
    They run against a simulator in this process: no account is needed, and nothing is paid.
    At the end, index.html in the folder of the results shows all of them.

    Exits with 0 if every job ended and every saved file is sound. Some simulated jobs fail on
    purpose (see --fail-rate): that is no error. With --live, a failed job is an error.
    """
    _check_options(ctx, live=live, yes=yes)
    check_folder(folder)
    console = Console(markup=False, emoji=False, highlight=False)
    tally = Tally(folder, concurrency, simulated=not live)
    if live:
        if not agree(console, ask=not yes):
            return 1
        return _run(run_paid(console, tally), console, tally)
    behaviour = Behaviour(seed=seed, fail_rate=fail_rate, pace=pace, credit=float(jobs))
    return _run(_rehearse(behaviour, jobs, console, tally), console, tally)


def _check_options(ctx: click.Context, *, live: bool, yes: bool) -> None:
    if yes and not live:
        raise click.UsageError("--yes goes with --live", ctx)
    for name in _SIMULATED_ONLY:
        if live and ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} is for the simulator, not for --live", ctx)


def _run(work: Coroutine[None, None, list[str]], console: Console, tally: Tally) -> int:
    """Run the jobs, print the report, and return the exit status."""
    try:
        problems = asyncio.run(work)
    except KeyboardInterrupt:
        farewell(tally)
        with suppress(OSError):
            click.echo(f"Open {write_sheet(tally)}: what is there.", err=True)
        return INTERRUPTED
    conclude(console, tally, problems)
    try:
        show_the_way(console, tally, write_sheet(tally))
    except OSError as error:
        problems = [*problems, f"{tally.folder / SHEET} cannot be written: {error.strerror}"]
        click.echo(f"akool demo: {problems[-1]}", err=True)
    return 1 if problems else 0


async def _rehearse(behaviour: Behaviour, jobs: int, console: Console, tally: Tally) -> list[str]:
    """Run the jobs against a simulator; return a line for each problem."""
    requests = mixed_requests(jobs, behaviour.seed)
    async with (
        Simulator(behaviour) as simulator,
        Akool(
            simulator.api_key,
            base_url=simulator.url,
            max_concurrency=tally.limit,
            on_deprecated="ignore",
        ) as akool,
    ):
        much = f"{counted(jobs, 'job')}, {tally.limit} at once"
        console.print(f"{much}, against a simulated Akool at {simulator.url}", soft_wrap=True)
        async with shown(tally, console):
            await carry_out(akool, requests, tally)
    created = simulator.world.creates.total()
    if created == jobs:
        return tally.problems
    return [
        *tally.problems,
        f"the simulator was asked for {counted(created, 'job')} instead of {jobs}",
    ]
