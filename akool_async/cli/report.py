"""The report on a finished run: results, times, requests and problems."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Final

import click
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from akool_async.cli.demo_ending import SHEET, SIMULATED, facts_of, folder_of
from akool_async.cli.tally import RunJob, Stage, Tally
from akool_async.protocol.words import counted

ROOMY: Final = 64
"""Columns of a terminal on which whole tables fit."""
_REASONS: Final = 5
"""Rows of reasons why jobs failed."""


def conclude(console: Console, tally: Tally, problems: Sequence[str]) -> None:
    """Print the report on a finished run: what failed, then the figures, then the verdict."""
    failed = [entry.reason for entry in tally.entries if entry.stage is Stage.FAILED]
    if failed:
        console.print("", *failures(failed, simulated=tally.simulated), sep="\n", soft_wrap=True)
    console.print("", _totals(tally, narrow=console.width < ROOMY), "", sep="\n")
    for label, text in [*facts_of(tally), ("folder", folder_of(tally))]:
        console.print(Text(f"{label:<11}", style="bold").append(text, style=""), soft_wrap=True)
    _verdict(console, problems)
    for line in _recovery_hints(tally):
        console.print(line, soft_wrap=True)


def _totals(tally: Tally, *, narrow: bool) -> Table:
    """Return the figures of each operation; on a narrow terminal, only the first ones."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    errors = any(entry.stage is Stage.ERROR for entry in tally.entries)
    headings = ["done", "failed", *(["error"] if errors else []), "median s", "p95 s", "saved"]
    shown = 2 + errors if narrow else len(headings)
    table.add_column("operation", footer="all", min_width=14)
    footer = _figures(tally.entries, errors=errors)
    for heading, total in list(zip(headings, footer, strict=True))[:shown]:
        table.add_column(heading, justify="right", footer=total)
    for name, entries in tally.by_operation.items():
        table.add_row(name, *_figures(entries, errors=errors)[:shown])
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


def failures(failed: Sequence[str], *, simulated: bool) -> list[Text]:
    """Return why jobs failed, the most frequent reason first, each with its number of jobs."""
    reasons = Counter(failed)
    shown = reasons.most_common(_REASONS if len(reasons) <= _REASONS else _REASONS - 1)
    title = f"{counted(len(failed), 'job')} failed"
    lines = [Text(f"{title}, as simulated. {SIMULATED}" if simulated else f"{title}:")]
    lines[0].stylize("red", 0, len(title))
    lines += [Text(f"{count:>5}  {reason}") for reason, count in shown]
    if others := len(failed) - sum(count for _, count in shown):
        lines.append(Text(f"{others:>5}  for other reasons, see {SHEET}"))
    return lines


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
        f" {stages[Stage.FAILED]} failed; results are in {folder_of(tally)}",
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
