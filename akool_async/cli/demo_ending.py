"""What a demo says at its end: the figures, where to look, and how a program does the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from akool_async import Stats
from akool_async.cli.tally import Tally
from akool_async.endpoints import OPERATIONS
from akool_async.protocol.words import counted

IN_CODE: Final = """\
import asyncio
from akool_async import Akool

PHOTO = "https://photos.example/ann.jpg"  # a photo of yours

async def main():
    async with Akool(save_to="aged/") as akool:  # reads AKOOL_API_KEY
        jobs = [akool.reage.photo(PHOTO, years=years) for years in (-10, 10, 30)]
        await asyncio.gather(*jobs, return_exceptions=True)
    for job in jobs:
        print(job.saved_path or job.exception())

asyncio.run(main())
"""
"""A program that does what a demo does: many jobs at once, and each file saved."""

SHEET: Final = "index.html"
"""The name of the page with all results, in their folder."""

SIMULATED: Final = "The simulator fails some jobs on purpose, to show what a failure looks like."
"""Why jobs of a demo fail."""


def facts_of(tally: Tally) -> list[tuple[str, str]]:
    """Return the figures of a run, each with its label."""
    jobs, saved = len(tally.entries), tally.saved
    size = decimal(sum(entry.size for entry in saved))
    rate = jobs / max(tally.elapsed, 1e-9)
    return [
        *(_cost(tally.stats, jobs, tally.limit) if tally.stats else ()),
        ("time", f"{tally.elapsed:.1f} s, {rate:.1f} jobs per second"),
        ("files", f"{len(saved)}, {size}"),
    ]


def _cost(stats: Stats, jobs: int, limit: int) -> list[tuple[str, str]]:
    sent = sum(stats.requests.values())
    creates = sum(count for name, count in stats.requests.items() if name in OPERATIONS)
    split = f"{counted(creates, 'create')}, {counted(sent - creates, 'lookup')}"
    return [
        ("requests", f"{sent / jobs:.2f} per job: {split}"),
        ("in flight", f"{stats.peak_in_flight} at most, of {limit} allowed"),
    ]


def folder_of(tally: Tally) -> str:
    """Return the path of the folder of the results, with a separator at its end."""
    return os.fspath(tally.folder.absolute()) + os.sep


def show_the_way(console: Console, tally: Tally, sheet: Path) -> None:
    """Say where the results can be looked at, how a program does the same, and what is next."""
    shown = _near(sheet)
    link = Text(shown, style=f"bold underline link {sheet.absolute().as_uri()}")
    kinds = "every picture, sound and film, and the job that made it"
    console.print("", Text("Open ").append(link).append(f": {kinds}."), sep="\n", soft_wrap=True)
    console.print("", Text("The same in your code:", style="bold"), "", sep="\n")
    for line in IN_CODE.rstrip().split("\n"):
        console.print(Text(f"  {line}".rstrip(), style="cyan"), soft_wrap=True)
    console.print()
    if tally.simulated:
        console.print("Without an account, run it against `akool simulate`.", soft_wrap=True)
    console.print("`akool --help` lists what else there is to make.", soft_wrap=True)


def _near(path: Path) -> str:
    """Return a path from the current folder on, if it is below that."""
    try:
        return os.fspath(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path.absolute())
