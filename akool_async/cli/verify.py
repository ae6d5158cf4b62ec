"""`akool verify`: compares the files of a run with `results.jsonl`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from akool_async.batch.control.client import figures_now
from akool_async.batch.files.verifying import Verification
from akool_async.cli.run_control import checked, run_argument
from akool_async.protocol.words import counted

_CHANGED = "with another content: delete what you did not change yourself, then"


@click.command("verify")
@run_argument
def command(folder: Path) -> int:
    """Compare the files of a run with its results.jsonl.

    RUN is the folder of a run.

    Each file is read, and its size and SHA-256 are compared. Exits with 1 if something differs.
    It may be asked while the run goes on.
    """
    run = checked(folder)
    verification, problems = Verification(run, goes_on=figures_now(run) is not None), 0
    try:
        for path, problem in verification.differences():
            problems += 1
            click.echo(f"{path} {problem}")
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror or error}") from None
    click.echo(f"{counted(verification.files, 'file')} as results.jsonl says")
    if verification.fresh:
        click.echo(f"{counted(verification.fresh, 'file')} without a line yet: the run goes on")
    for count, what in (
        (verification.unsaved, "not saved:"),
        (verification.cut, "without a whole file:"),
        (
            verification.changed,
            _CHANGED,
        ),
    ):
        if count:
            click.echo(f"{counted(count, 'result')} {what} akool fetch {shlex.quote(str(folder))}")
    return 1 if problems else 0
