"""`akool set`: changes a setting of a run while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from akool_async.cli.run_control import run_argument, tell

_CONCURRENCY: Final = "concurrency"


@click.command("set")
@run_argument
@click.argument("setting", metavar="concurrency=N")
def command(folder: Path, setting: str) -> None:
    """Change a setting of a run while it goes on.

    RUN is the folder of a run that goes on.

    concurrency=50 lets at most 50 jobs be at Akool at once; those that are there already stay.
    """
    name, _, value = setting.partition("=")
    if name != _CONCURRENCY:
        raise click.UsageError(f"{setting!r} is no setting; {_CONCURRENCY}=50 is one")
    if not (value.isascii() and value.isdecimal() and 0 < len(value) <= len("100000")):
        raise click.UsageError(f"{value!r} is no number of jobs, such as 50")
    if int(value) < 1:
        raise click.UsageError(f"{_CONCURRENCY} is 1 or more; `akool pause` creates nothing")
    figures = tell(folder, lambda call: call.set_concurrency(int(value)))
    click.echo(f"{folder} has at most {figures.concurrency} jobs at Akool at once")
