"""The end of `akool run`: its exit status, what a person has to decide, and the next command."""

from __future__ import annotations

import asyncio
import os
import shlex
from typing import Final

import click

from akool_async.batch.figures.run_figures import RunFigures
from akool_async.batch.money.spending import UNPRICED
from akool_async.batch.runner import Run
from akool_async.cli.statuses import DONE, FAILED, IN_DOUBT, STOPPED
from akool_async.protocol.words import counted

_SHOWN: Final = 20
"""Rows that are listed."""


def exit_code(run: Run) -> int:
    """Return the exit status of a run that is over: the one that asks for most attention."""
    counts = run.counts
    if counts.total("in_doubt") or run.in_doubt:
        return IN_DOUBT
    if run.stopped_by:
        return STOPPED
    return FAILED if counts.total("failed") or counts.unsaved else DONE


def tell_gone(run: Run, figures: RunFigures) -> None:
    """Say how many saved files are not there any more. They are counted only: a run is long."""
    if run.left or not run.options.save:
        return
    there = sum(len(files) for _, _, files in os.walk(run.folder.media))
    if there < figures.saved:
        gone = counted(figures.saved - there, "saved file")
        again = f"akool fetch {shlex.quote(str(run.folder.root))}"
        click.echo(f"{gone} not there any more: {again} saves what is missing", err=True)


def tell_limit(run: Run) -> None:
    """Say by how much a run may exceed its limit on credits; nothing if all prices are known."""
    most = run.options.max_credits
    unknown = [name for name in run.counts.operations if run.prices.of(name) is None]
    if most is not None and unknown:
        click.echo(
            f"--max-credits {most:g} may be exceeded by the price of {UNPRICED} rows, until the"
            f" price is known of: {', '.join(unknown)}",
            err=True,
        )


def tell_overshoot(run: Run, figures: RunFigures) -> None:
    """Say by how much a run has exceeded its limit on credits, if it has."""
    most, spent = run.options.max_credits, figures.credits_spent
    if most is not None and spent is not None and spent > most:
        beyond = f"{spent - most:g} more than --max-credits {most:g}"
        click.echo(f"{spent:g} credits were spent: {beyond}", err=True)


def tell_doubts(run: Run) -> None:
    """List the creates of which nobody knows the outcome, with the command that decides."""
    if not run.in_doubt:
        return
    click.echo(
        f"{counted(len(run.in_doubt), 'create')} may have made a job, and nobody knows: look at"
        " the account, then decide about each. --resend pays again for one that was made.",
        err=True,
    )
    journal = shlex.quote(str(run.folder.journal))
    click.echo(
        f"To look for their jobs at Akool first: akool journal find --file {journal}", err=True
    )
    for key in run.in_doubt[:_SHOWN]:
        decide = "(--accept ID | --resend | --abandon)"
        click.echo(
            f"  akool journal resolve {shlex.quote(key)} --file {journal} {decide}", err=True
        )
    if len(run.in_doubt) > _SHOWN:
        click.echo(f"  ... and {len(run.in_doubt) - _SHOWN} more, see errors.jsonl", err=True)
    if len(run.in_doubt) > 1:
        errors = shlex.quote(str(run.folder.errors))
        click.echo(
            f"About all that are still in doubt: akool journal resolve --from {errors}"
            f" --file {journal} (--resend | --abandon)",
            err=True,
        )


async def run_command(command: str, run: Run, figures: RunFigures, code: int) -> None:
    """Run a user's command with the figures in its environment, and as JSON on its stdin.

    What it prints goes where the run's own output goes. That it fails changes no exit status.
    """
    total = run.counts.total
    told = {
        "AKOOL_RUN": str(run.folder.root.resolve()),
        "AKOOL_EXIT_CODE": str(code),
        "AKOOL_ROWS": str(total("rows")),
        "AKOOL_SAVED": str(figures.saved),
        "AKOOL_BYTES": str(figures.bytes),
        "AKOOL_SECONDS": f"{figures.elapsed:.0f}",
        "AKOOL_STOPPED_BY": run.stopped_by,
        "AKOOL_CREDITS_SPENT": "" if figures.credits_spent is None else str(figures.credits_spent),
    }
    for name in ("completed", "failed", "in_doubt", "skipped"):
        told[f"AKOOL_{name.upper()}"] = str(total(name))
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.PIPE, env=os.environ | told
    )
    await process.communicate(figures.to_json().encode() + b"\n")
    if process.returncode:
        click.echo(f"akool run: the command of --on-end ended with {process.returncode}", err=True)
