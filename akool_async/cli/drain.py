"""`akool drain`: brings a run to an early end without leaving anything behind."""

from __future__ import annotations

from pathlib import Path

import click

from akool_async.cli.progress import clock
from akool_async.cli.run_control import give, in_flight, run_argument


@click.command("drain")
@run_argument
def command(folder: Path) -> None:
    """Let a run create nothing more, and end.

    RUN is the folder of a run that goes on.

    What is in flight is awaited and saved. It does not wait for that.
    """
    figures = give(folder, "drain")
    about = "" if figures.eta is None else f", about {clock(figures.eta)}"
    click.echo(f"{folder} is {figures.phase}; in flight: {in_flight(figures)}{about}")
