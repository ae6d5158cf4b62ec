"""The live demo: one paid job of each kind, after the user has agreed to pay."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console

from akool_async import Akool, AkoolError
from akool_async.cli.progress import shown
from akool_async.cli.tally import Stage, Tally, carry_out
from akool_async.cli.workload import paid_requests
from akool_async.protocol.words import counted


def agree(console: Console, *, ask: bool) -> bool:
    """Print what the demo will start, and return whether the user agrees.

    Raises:
        AkoolError: the credit cannot be read, so other requests would fail too.
    """
    # The question is asked outside of an event loop: inside, Ctrl-C could not interrupt it.
    akool = Akool()
    credit = asyncio.run(_credit(akool))
    names = list(paid_requests())
    console.print(
        f"This starts {len(names)} paid jobs on {akool!r}, one of each kind:\n"
        f"{', '.join(names)}.\n"
        "Their media are the examples of Akool's pages. Their cost depends on the account,\n"
        f"which has {counted(credit, 'credit')} now.",
        soft_wrap=True,
    )
    agreed = not ask or _confirmed()
    if not agreed:
        console.print("Nothing was started, nothing was paid.")
    return agreed


async def _credit(akool: Akool) -> float:
    async with akool:
        return (await akool.account.credit()).credit


def _confirmed() -> bool:
    try:
        return click.confirm("Start them?")
    except click.Abort:  # Ctrl-C, or no terminal to ask on
        click.echo()
        return False


async def run_paid(console: Console, tally: Tally) -> list[str]:
    """Run the jobs at Akool, print the remaining credit; return a line for each problem."""
    async with Akool(max_concurrency=tally.limit) as akool:
        async with shown(tally, console):
            await carry_out(akool, paid_requests().values(), tally)
        console.print(await _remainder(akool), soft_wrap=True)
    failed = tally.stages[Stage.FAILED]
    return [*tally.problems, *([f"{counted(failed, 'paid job')} failed"] if failed else [])]


async def _remainder(akool: Akool) -> str:
    try:
        left = (await akool.account.credit()).credit
        return f"The account has {counted(left, 'credit')} left."
    except AkoolError as error:
        return f"The account's remaining credit could not be read: {error.message}"
