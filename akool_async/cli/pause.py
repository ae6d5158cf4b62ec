"""`akool pause`: lets a run create nothing for a while."""

from __future__ import annotations

from pathlib import Path

import click

from akool_async.cli.run_control import give, in_flight, run_argument


@click.command("pause")
@run_argument
def command(folder: Path) -> None:
    """Let a run create nothing until `akool resume`.

    RUN is the folder of a run that goes on.

    What is in flight goes on, and is saved.
    """
    figures = give(folder, "pause")
    click.echo(f"{folder} is {figures.phase}; in flight: {in_flight(figures)}")
