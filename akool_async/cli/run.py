"""`akool run`: carries out the rows of a manifest, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from akool_async.cli.options import Number
from akool_async.cli.run_types import ANY_CODE, Codes, Pair, Rate


@click.command("run")
@click.argument("manifest", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--operation", metavar="NAME", help="The operation of all rows.")
@click.option("--set", "set_", multiple=True, metavar="PARAMETER=VALUE", help="Of all rows.")
@click.option(
    "--map", "map_", multiple=True, metavar="COLUMN=PARAMETER", help="What a column stands for."
)
@click.option("--each", metavar="PARAMETER", help="The parameter that takes each of many files.")
@click.option("--dedupe", is_flag=True, help="Take equal rows as one.")
@click.option("--sheet", metavar="NAME", help="The sheet of a spreadsheet; else its first.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The run's folder; else named after the manifest.",
)
@click.option("--check", is_flag=True, help="Read and check all rows, and stop there.")
@click.option(
    "--retry-failed",
    type=Codes(),
    is_flag=False,
    flag_value=ANY_CODE,
    metavar="[CODE,...]",
    help="Send, and pay for, failed rows again: all, or those with a code or class of error.",
)
@click.option("--limit", type=click.IntRange(0), help="Send at most so many rows.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Only such operations, or keys.")
@click.option("--skip", multiple=True, metavar="PATTERN", help="No such operations, or keys.")
@click.option("--sample", type=click.IntRange(0), help="Send at most so many of each operation.")
@click.option("--max-creates", type=click.IntRange(0), help="Create at most so many jobs.")
@click.option(
    "--max-credits",
    type=Number(0),
    help="Spend at most so many credits: read every 30 s and 100 creates; see the docs.",
)
@click.option(
    "--price", type=Pair(), multiple=True, help="Credits for a row, such as audio.tts=0.5."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and stop there.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=100, show_default=True, help="Jobs at once."
)
@click.option(
    "--limits",
    type=Pair(pattern=True),
    multiple=True,
    help="Jobs at once by operation, such as video.*=20.",
)
@click.option("--rate", type=Rate(), help="Creates at most, such as 5/s, 100/min or 1000/h.")
@click.option(
    "--on-credit",
    type=click.Choice(["pause", "stop"]),
    default="pause",
    show_default=True,
    help="What to do when there is no credit left.",
)
@click.option("--name", default="{key}{ext}", show_default=True, help="Names of saved files.")
@click.option("--no-save", is_flag=True, help="Save no results.")
@click.option("--no-report", is_flag=True, help="Make no report.html at the end.")
@click.option("--quiet", is_flag=True, help="Print no figures.")
@click.option("--on-end", metavar="COMMAND", help="Run this at the end, with the figures.")
def command(manifest: tuple[str, ...], **given: Any) -> int:
    """Carry out the rows of a manifest, and save every result.

    MANIFEST is JSON Lines, CSV, XLSX or Parquet, or - for standard input.

    The same command again goes on where this one stopped: finished rows cost nothing. Ctrl-C once
    creates nothing more, and awaits and saves what is in flight; twice leaves at once.

    Exits with 0 if all rows completed, 1 if some failed, 2 for bad input, 3 if it stopped early,
    and 4 if nobody knows of some creates whether they made a job.
    """
    # Not for `--help`: it imports all endpoints.
    from akool_async.cli.run_start import start

    return start(manifest, given)
