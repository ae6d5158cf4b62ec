"""`akool fetch`: saves the results of a run that have no file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from akool_async.batch.files import names
from akool_async.batch.files.missing import Missing
from akool_async.batch.folder import RunFolder
from akool_async.batch.record import read_record
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run
from akool_async.cli.opening import client
from akool_async.cli.run_control import checked, run_argument
from akool_async.cli.run_display import display_for
from akool_async.cli.run_serving import serve
from akool_async.endpoints import OPERATIONS
from akool_async.journal.looking import JournalView
from akool_async.protocol.words import counted


@click.command("fetch")
@run_argument
@click.option("--dry-run", is_flag=True, help="Say what has no file, and stop there.")
@click.option("--quiet", is_flag=True, help="Print no figures meanwhile.")
def command(folder: Path, *, dry_run: bool, quiet: bool) -> int:
    """Save the results of a run that have no file.

    RUN is the folder of a run. Nothing is created.

    Akool keeps results for 7 days: it says what has expired, and what will within 24 hours.
    Exits with 1 if a result is not saved.
    """
    place = checked(folder)
    if dry_run:
        return _tell_missing(place)
    name = str(read_record(place).arguments.get("name") or names.DEFAULT)
    run = Run(place, RunOptions(name=name))
    display = display_for(quiet=quiet)
    asyncio.run(serve(run, run.fetch(client()), display, drains=False))
    counts = run.counts
    click.echo(f"{counted(counts.saved - counts.saved_before, 'result')} saved", err=True)
    if counts.unsaved:
        click.echo(f"{counted(counts.unsaved, 'result')} not saved, see results.jsonl", err=True)
    _tell_expired(counts.expired)
    return 1 if counts.unsaved or counts.expired or run.stopped_by else 0


def _tell_missing(place: RunFolder) -> int:
    """Say what has no file; also while the run goes on."""
    view = JournalView(place.journal)
    try:
        missing = Missing(place, view.outcomes, OPERATIONS)
        found = asyncio.run(missing.numbers())
    finally:
        view.close()
    click.echo(f"{counted(len(found), 'result')} without a file")
    if missing.expiring:
        click.echo(f"{missing.expiring} of them expire within 24 hours")
    _tell_expired(missing.expired)
    return 1 if found or missing.expired else 0


def _tell_expired(count: int) -> None:
    if count:
        click.echo(f"{counted(count, 'result')} expired: Akool keeps none for longer than 7 days")
