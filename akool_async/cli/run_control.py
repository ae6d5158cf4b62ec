"""Commands to a run in another process, for `akool pause`, `resume`, `drain` and `set`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from akool_async.batch.control.client import (
    Command,
    CommandRefused,
    NotAnswering,
    NotRunning,
    RunCall,
    calling,
)
from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.cli.messages import Problem
from akool_async.cli.statuses import BAD_INPUT
from akool_async.protocol.words import counted


class NoRun(Problem):
    """What was named is no run's folder."""

    exit_code = BAD_INPUT


def run_argument(function: Any) -> Any:
    """Add the argument RUN, which becomes `folder`."""
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.argument("folder", metavar="RUN", type=kind)(function)


def checked(folder: Path) -> RunFolder:
    """Return the folder of a run.

    Raises:
        NoRun: it is none.
    """
    run = RunFolder.at(folder)
    if not run.journal.is_file():
        raise NoRun(f"{folder} is no run's folder: it has no {run.journal.name}", {})
    return run


def give(folder: Path, command: Command) -> RunFigures:
    """Give a command to a run, and return the figures after it.

    Raises:
        Problem: it is no run, or no process carries it out.
    """
    return tell(folder, lambda call: call.do(command))


def tell(folder: Path, what: Callable[[RunCall], Awaitable[RunFigures]]) -> RunFigures:
    """Connect to a run, and do something there.

    Raises:
        Problem: it is no run, no process carries it out, or it refuses.
    """
    run = checked(folder)

    async def told() -> RunFigures:
        async with calling(run) as call:
            return await what(call)

    try:
        return asyncio.run(told())
    except NotAnswering as silent:
        problem = f"{folder}: {silent}"
    except NotRunning as gone:
        problem = f"{folder}: {gone}; the same `akool run` command goes on"
    except CommandRefused as refused:
        problem = str(refused)
    raise Problem(problem, {})


def in_flight(figures: RunFigures) -> str:
    """Say how many jobs go on."""
    return counted(sum(each.in_flight for each in figures.operations.values()), "job")
