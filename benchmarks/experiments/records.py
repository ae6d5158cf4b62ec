"""The journal: how many intents per second it makes durable."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks import journal
from benchmarks.bench import Bench
from benchmarks.report import Section, Table, number

TEXT = """\
One intent is one row that is flushed to the disk before its caller continues. The first line is
SQLite without a writer thread: the same rows in the same file, with a commit for each. The other
lines are the journal, with different numbers of coroutines that wait at the same time. The file is
in the folder for temporary files; `benchmarks/journal.py --folder DIR` measures another disk."""


def records(bench: Bench) -> Section:
    """Measure durable rows per second."""
    section = Section("journal", "The journal", TEXT)
    rows = bench.size.many
    table = Table(["", "durable rows/s", "wait, median (ms)", "wait, p99 (ms)"])
    with tempfile.TemporaryDirectory() as folder:
        found = {"plain sqlite3, a commit each": journal.plain(Path(folder, "plain"), rows // 10)}
        for waiters in journal.WAITERS:
            count = rows // 10 if waiters == 1 else rows
            path = Path(folder, f"journal-{waiters}")
            figures = asyncio.run(journal.journalled(path, count, waiters))
            found[f"journal, {waiters} waiting at once"] = figures
            bench.say(f"{waiters} waiting at once")
    for title, (rate, median, p99) in found.items():
        table.rows.append((title, number(round(rate)), f"{median:.2f}", f"{p99:.2f}"))
    section.tables = [table]
    return section
