"""`akool resume`: lets a paused run create again."""

from __future__ import annotations

from pathlib import Path

import click

from akool_async.cli.run_control import give, run_argument


@click.command("resume")
@run_argument
def command(folder: Path) -> None:
    """Let a paused run create again.

    RUN is the folder of a run that is paused, or waits for credit.
    """
    figures = give(folder, "resume")
    click.echo(f"{folder} is {figures.phase}")
