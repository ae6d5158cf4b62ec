"""`akool streaming reap`: closes the sessions that a crash has left open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from akool_async import Akool
from akool_async.cli.display import show_json, show_rows
from akool_async.cli.opening import client
from akool_async.endpoints.streaming import reapable, session_reaper
from akool_async.journal import Journal
from akool_async.protocol.value import Value
from akool_async.protocol.words import counted
from akool_async.streaming.reaping import Reaped


@click.command("reap")
@click.option(
    "--file",
    "path",
    envvar="AKOOL_JOURNAL",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The journal; else AKOOL_JOURNAL.",
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Also close every running session of the account, whichever program has opened it.",
)
@click.option("--yes", is_flag=True, help="With --all: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: Path | None, *, every: bool, yes: bool, as_json: bool) -> int:
    """Close the sessions that a crash has left open.

    Those are the sessions in the journal that were not closed, live face swaps included. First
    stop the program that uses the journal: it closes its sessions itself. Each session is printed
    with its id and its age. The status is 1 if one of them could not be closed.
    """
    if path is None and not every:
        raise click.UsageError("--file, AKOOL_JOURNAL or --all must be given")
    journal = None if path is None else Journal(path)
    try:
        akool = client(journal=journal)
        found = asyncio.run(_found(akool, every=every))
        if found and every and not yes:
            show_rows([_row(each) for each in found], err=True)
            click.confirm(f"Close {counted(len(found), 'session')}?", abort=True, err=True)
        reaped = asyncio.run(_closed(akool, found))
    finally:
        if journal is not None:
            journal.close_now()
    if as_json:
        show_json(reaped)
    elif reaped:
        show_rows([_row(each) for each in reaped])
    closed = sum(each.closed for each in reaped)
    left = len(reaped) - closed
    click.echo(f"{counted(closed, 'session')} closed; {left} not", err=True)
    return 1 if left else 0


async def _found(akool: Akool, *, every: bool) -> Sequence[Reaped]:
    async with akool:
        return await reapable(akool.streaming, session_reaper(akool.streaming), all=every)


async def _closed(akool: Akool, found: Sequence[Reaped]) -> Sequence[Reaped]:
    async with akool:
        return await session_reaper(akool.streaming).close(found)


class Row(Value):
    """The columns that are shown of a session."""

    id: str
    age: str
    row: str
    operation: str
    closed: str
    reason: str


def _row(one: Reaped) -> Row:
    age = "unknown" if one.age is None else f"{one.age:.0f} s"
    return Row(
        id=one.id or "unknown",
        age=f"{age} (a guess, by the id)" if one.guessed else age,
        row="" if one.row is None else f"#{one.row}",
        operation=one.operation,
        closed="yes" if one.closed else "no",
        reason=one.reason,
    )
