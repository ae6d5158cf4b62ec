"""The report on a finished run: results, times, requests and problems."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence

import click
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from akool_async import Stats
from akool_async.cli.tally import RunJob, Stage, Tally
from akool_async.endpoints import OPERATIONS
from akool_async.protocol.words import counted


def conclude(console: Console, tally: Tally, problems: Sequence[str]) -> None:
    """Print the report on a finished run."""
    console.print("", _totals(tally), "", sep="\n")
    for label, text in _facts(tally):
        console.print(Text(f"{label:<11}", style="bold").append(text, style=""), soft_wrap=True)
    failed = [entry for entry in tally.entries if entry.stage is Stage.FAILED]
    if failed:
        console.print("", _failures(failed), sep="\n")
    _verdict(console, problems)
    for line in _recovery_hints(tally):
        console.print(line, soft_wrap=True)


def _totals(tally: Tally) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    errors = any(entry.stage is Stage.ERROR for entry in tally.entries)
    headings = ["done", "failed", *(["error"] if errors else []), "median s", "p95 s", "saved"]
    table.add_column("operation", footer="all", min_width=14)
    footer = _figures(tally.entries, errors=errors)
    for heading, total in zip(headings, footer, strict=True):
        table.add_column(heading, justify="right", footer=total)
    for name, entries in tally.by_operation.items():
        table.add_row(name, *_figures(entries, errors=errors))
    return table


def _figures(entries: Sequence[RunJob], *, errors: bool) -> list[str]:
    stages = [entry.stage for entry in entries]
    shown = [Stage.DONE, Stage.FAILED, *([Stage.ERROR] if errors else [])]
    seconds = [entry.seconds for entry in entries if entry.seconds is not None]
    return [
        *(str(stages.count(stage)) for stage in shown),
        f"{statistics.median(seconds):.2f}" if seconds else "-",
        f"{percentile(seconds, 0.95):.2f}" if seconds else "-",
        decimal(sum(entry.size for entry in entries)),
    ]


def percentile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that is no less than this part of all values.

    >>> percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.95)
    (2, 4)
    """
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def _facts(tally: Tally) -> list[tuple[str, str]]:
    jobs, saved = len(tally.entries), tally.saved
    size = decimal(sum(entry.size for entry in saved))
    rate = jobs / max(tally.elapsed, 1e-9)
    return [
        *(_cost(tally.stats, jobs, tally.limit) if tally.stats else ()),
        ("time", f"{tally.elapsed:.1f} s, {rate:.1f} jobs per second"),
        ("files", f"{len(saved)}, {size}, in {_folder(tally)}"),
    ]


def _cost(stats: Stats, jobs: int, limit: int) -> list[tuple[str, str]]:
    sent = sum(stats.requests.values())
    creates = sum(count for name, count in stats.requests.items() if name in OPERATIONS)
    split = f"{counted(creates, 'create')}, {counted(sent - creates, 'lookup')}"
    return [
        ("requests", f"{sent / jobs:.2f} per job: {split}"),
        ("in flight", f"{stats.peak_in_flight} at most, of {limit} allowed"),
    ]


def _folder(tally: Tally) -> str:
    return os.fspath(tally.folder.absolute()) + os.sep


def _failures(failed: Sequence[RunJob]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("failed", style="red", no_wrap=True)
    table.add_column("job", no_wrap=True)
    table.add_column("why", overflow="fold")
    for entry in sorted(failed, key=lambda entry: (entry.job.name, entry.reason)):
        table.add_row(entry.job.name, entry.job.id, Text(entry.reason))
    return table


def _verdict(console: Console, problems: Sequence[str]) -> None:
    console.print()
    if not problems:
        console.print("Every job ended, and every saved file is sound.", style="green")
        return
    console.print(f"{counted(len(problems), 'problem')}:", style="bold red")
    for problem in problems:
        console.print(Text(f"  {problem}"), soft_wrap=True)


def farewell(tally: Tally) -> None:
    """Print how far a stopped run had come, and how to get the results of its paid jobs."""
    stages = tally.stages
    click.echo(
        f"Stopped: {stages[Stage.DONE]} of {counted(len(tally.entries), 'job')} done,"
        f" {stages[Stage.FAILED]} failed; results are in {_folder(tally)}",
        err=True,
    )
    for line in _recovery_hints(tally):
        click.echo(line, err=True)


def _recovery_hints(tally: Tally) -> list[str]:
    """Return a line for each result that is paid for but not saved: how to get it."""
    return [
        f"{entry.job.name} can still be fetched: akool.job({entry.job.token!r})"
        for entry in tally.entries
        if not tally.simulated
        and entry.job.id is not None
        and entry.path is None
        and entry.stage is not Stage.FAILED
    ]
