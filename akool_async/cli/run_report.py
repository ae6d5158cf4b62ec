"""`akool report`: the report of a run, as a page."""

from __future__ import annotations

from pathlib import Path

import click

from akool_async.batch.folder import RunFolder
from akool_async.batch.report.page import GALLERY, write_report
from akool_async.batch.report.portable import write_portable
from akool_async.cli.run_page import missing_in
from akool_async.protocol.words import counted


@click.command("report")
@click.argument("folder", metavar="RUN", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--portable",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="ZIP",
    help="Write the page and all its files into a zip file, too.",
)
@click.option(
    "--gallery",
    type=click.IntRange(0),
    default=GALLERY,
    show_default=True,
    help="Show at most so many results of each operation in the gallery.",
)
def command(folder: Path, portable: Path | None, gallery: int) -> None:
    """Write the report of a run, as a page with all its results.

    The page is report.html in RUN, the folder of the run, which may go on meanwhile. It needs no
    network and no scripts. It shows totals, money, durations, failures with the
    commands that repeat them, results, and all rows.
    """
    run = RunFolder.at(folder)
    if not run.journal.is_file():
        raise click.ClickException(f"{folder} is not the folder of a run: it has no journal.sqlite")
    try:
        click.echo(str(write_report(run, gallery=gallery)))
        if portable is not None:
            count = write_portable(run, portable, gallery=gallery)
            click.echo(f"{portable}: {counted(count, 'file')}")
    except ModuleNotFoundError as error:
        if (missing := missing_in(error)) is None:
            raise
        raise click.ClickException(missing) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror or error}") from None
