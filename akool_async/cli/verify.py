"""`akool verify`: compares the files of a run with `results.jsonl`."""

from __future__ import annotations

from pathlib import Path

import click

from akool_async.batch.folder import RunFolder
from akool_async.batch.verifying import Verification
from akool_async.protocol.words import counted


@click.command("verify")
@click.argument("folder", metavar="RUN", type=click.Path(exists=True, path_type=Path))
def command(folder: Path) -> int:
    """Compare the files of RUN, the folder of a run, with its results.jsonl.

    Each file is read, and its size and SHA-256 are compared. Exits with 1 if something differs.
    """
    verification, problems = Verification(RunFolder.at(folder)), 0
    try:
        for path, problem in verification.differences():
            problems += 1
            click.echo(f"{path} {problem}")
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror or error}") from None
    click.echo(f"{counted(verification.files, 'file')} as results.jsonl says")
    if verification.unsaved:
        click.echo(f"{counted(verification.unsaved, 'result')} not saved: akool fetch {folder}")
    return 1 if problems else 0
