"""`akool jobs`: what the journals of this machine know of jobs, also while they are in use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from rich.cells import cell_len
from rich.console import Console

from akool_async.batch.control.client import CommandRefused, NotAnswering, NotRunning, calling
from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.folder import RunFolder
from akool_async.batch.past import figures_in, outcome_in_line
from akool_async.cli.display import show_json, text_of
from akool_async.cli.job_lines import NARROWEST, JobLines, fitted
from akool_async.cli.jobs_found import journals, name_of
from akool_async.cli.messages import Problem
from akool_async.errors import JournalError
from akool_async.journal.browsing import TROUBLE, JobRow, Wanted
from akool_async.journal.looking import JournalView

_PAGE: Final = 500
"""Rows that are read at once."""
_COUNTS: Final = {
    "completed": "done",
    "failed": "failed",
    "in_doubt": "doubt",
    "in_flight": "flight",
    "waiting": "waiting",
    "rows": "rows",
}
"""The counts of a journal, each with its heading."""


class Seen(NamedTuple):
    """A journal, and what it knows. It holds no file open: there may be hundreds of journals."""

    journal: Path
    name: str
    phase: str
    figures: RunFigures


@click.command("jobs")
@click.argument(
    "places", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--failed", is_flag=True, help="List jobs that failed, were refused, or are in doubt."
)
@click.option("--key", metavar="PATTERN", help="List jobs with such keys, as in 'photo-*'.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Jobs of each journal, the newest first; 0 for all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    places: tuple[Path, ...], *, failed: bool, key: str | None, limit: int, as_json: bool
) -> None:
    """List what the journals of this machine know of jobs.

    A summary comes first, and then jobs, each on a line.

    PATH is the folder of a run, the file of a journal, or a folder to look below; else it looks
    below the working folder, four folders deep, and at the journal that AKOOL_JOURNAL names. Of
    many journals it prints the summary only, unless --failed or --key says which jobs.

    It needs no lock: a run goes on meanwhile.
    """
    wanted = Wanted(states=TROUBLE if failed else (), key=key or "")
    found = [each for each in map(_seen, journals(places)) if each is not None]
    if not found:
        where = ", ".join(map(str, places)) or "the working folder"
        raise Problem(f"there is no journal in {where}", {})
    lists = bool(failed or key or len(found) == 1)
    if as_json:
        show_json([_document(each, wanted, limit, lists=lists) for each in found])
        return
    width = max(Console().width, NARROWEST)
    _show_summary(width, found)
    some = False
    for each in found if lists else ():
        some |= _show_jobs(each, wanted, limit, width, named=len(found) > 1)
    if lists and not some:
        click.echo("no such job", err=True)


def _seen(journal: Path) -> Seen | None:
    """Look into a journal; one that cannot be read is told of, and left out."""
    try:
        with JournalView(journal) as view:
            phase, figures = asyncio.run(_asked(journal))
            if figures is None:
                figures = figures_in(view)
                phase = phase or ("stopped" if _left(figures) else "over")
    except JournalError as error:
        click.echo(str(error), err=True)
        return None
    return Seen(journal, name_of(journal), phase, figures)


async def _asked(journal: Path) -> tuple[str, RunFigures | None]:
    """Ask the run what it does, and for its figures, if it goes on: then nobody has to count."""
    folder = RunFolder.at(journal.parent)
    if folder.journal.name != journal.name:
        return "", None
    try:
        async with calling(folder) as call:
            figures = await call.do("figures")
    except NotAnswering:
        return "no answer", None
    except (NotRunning, CommandRefused):
        return "", None
    return figures.phase, figures


def _sum(figures: RunFigures, name: str) -> int:
    total: int = sum(getattr(each, name) for each in figures.operations.values())
    return total


def _left(figures: RunFigures) -> int:
    return _sum(figures, "waiting") + _sum(figures, "in_flight") + _sum(figures, "in_doubt")


def _show_summary(width: int, found: list[Seen]) -> None:
    """Print a line for each journal; only its name is cut, and never a number."""
    lines = [["state", *_COUNTS.values()]]
    lines += [
        [each.phase, *(f"{_sum(each.figures, name):,}" for name in _COUNTS)] for each in found
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    longest = max(len("journal"), *(cell_len(text_of(each.name)) for each in found))
    room = max(8, min(longest, width - sum(widths) - len(widths)))
    for name, (phase, *counts) in zip(
        ["journal", *(each.name for each in found)], lines, strict=True
    ):
        cells = [f"{count:>{size}}" for count, size in zip(counts, widths[1:], strict=True)]
        click.echo(" ".join([fitted(name, room, left=True), f"{phase:<{widths[0]}}", *cells]))


def _show_jobs(seen: Seen, wanted: Wanted, limit: int, width: int, *, named: bool) -> bool:
    """Print the jobs of a journal, each on a line; return whether there are any."""
    with JournalView(seen.journal) as view:
        rows = _rows(view, wanted, limit + 1 if limit else 0)
        page = list(islice(rows, limit or _PAGE))
        if not page:
            return False
        click.echo(f"\n{text_of(seen.name)}" if named else "")
        lines = JobLines(page, width, time.time())
        for row in page:
            click.echo(lines.line_of(row))
        for row in rows:
            if limit:
                click.echo(f"and others: --limit {limit * 10} lists more, --limit 0 all", err=True)
                break
            click.echo(lines.line_of(row))
    return True


def _rows(view: JournalView, wanted: Wanted, limit: int) -> Iterator[JobRow]:
    """Yield rows, a page at a time: no list holds all of them."""
    before: int | None = None
    left = limit or None
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        rows = view.jobs.page(wanted, before=before, limit=size)
        yield from rows
        if len(rows) < size:
            return
        before = rows[-1].number
        left = None if left is None else left - len(rows)


def _document(seen: Seen, wanted: Wanted, limit: int, *, lists: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "journal": seen.name,
        "state": seen.phase,
        "counts": {name: _sum(seen.figures, name) for name in _COUNTS},
        "operations": {name: each.to_dict() for name, each in seen.figures.operations.items()},
    }
    if lists:
        with JournalView(seen.journal) as view:
            document["jobs"] = [_job(row) for row in _rows(view, wanted, limit)]
    return document


def _job(row: JobRow) -> dict[str, Any]:
    outcome = outcome_in_line(row.line)
    return {
        "row": row.number,
        "key": outcome.key if outcome else row.key,
        "operation": outcome.operation if outcome else row.name,
        "state": row.state.value,
        "id": row.id,
        "attempts": row.attempt,
        "reason": (outcome.msg if outcome else None) or row.reason,
        "changed": row.updated_at,
        "path": outcome.path if outcome else row.saved,
    }
