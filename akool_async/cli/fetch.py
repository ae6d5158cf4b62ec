"""`akool fetch`: saves the results of a run that have no file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from akool_async.batch import names
from akool_async.batch.folder import RunFolder
from akool_async.batch.record import read_arguments
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.cli.opening import client
from akool_async.protocol.words import counted


@click.command("fetch")
@click.argument("folder", metavar="RUN", type=click.Path(exists=True, path_type=Path))
def command(folder: Path) -> int:
    """Save the results of RUN, the folder of a run, that have no file. Nothing is created.

    Akool keeps results for 7 days: it says what has expired, and what will within 24 hours.
    Exits with 1 if a result is not saved.
    """
    given = read_arguments(RunFolder.at(folder))
    options = RunOptions(name=str(given.get("name") or names.DEFAULT))
    run = Run(RunFolder.at(folder), options)
    asyncio.run(run.fetch(client()))
    counts = run.counts
    click.echo(f"{counted(counts.saved - counts.saved_before, 'result')} saved")
    if counts.unsaved:
        click.echo(f"{counted(counts.unsaved, 'result')} not saved, see errors.jsonl", err=True)
    if counts.expired:
        click.echo(f"{counted(counts.expired, 'result')} expired before: Akool has deleted them")
    if counts.expiring:
        click.echo(f"{counted(counts.expiring, 'result')} would have expired within 24 hours")
    return 1 if counts.unsaved or counts.expired else 0
