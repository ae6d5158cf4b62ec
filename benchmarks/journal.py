"""Measure how many intents per second the journal makes durable.

    python benchmarks/journal.py [--rows 20000] [--folder DIR]

One intent is one row that is flushed to the disk before its caller continues. The first line
of the table is SQLite without a writer thread: the same rows in the same file, with a commit
for each, while the event loop is blocked. The other lines are the journal, with different
numbers of coroutines that wait at the same time. Choose a folder on the disk to measure.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from akool_async.journal import Intent, Journal, claims, fingerprint
from akool_async.journal.database import open_writer

WAITERS = (1, 64, 512)

NAME = "reage.image"
PAYLOAD = {
    "targetImage": [{"path": "https://photos.example/face.png", "opts": "1,1:2,2:3,3:4,4"}],
    "face_reage": 10,
    "modifyImage": "https://photos.example/photo.png",
}
REQUEST = msgspec.json.encode(PAYLOAD)
INTENT = Intent(name=NAME, request=REQUEST, fingerprint=fingerprint(NAME, PAYLOAD))


class Figures(NamedTuple):
    """The figures of one way to write."""

    rate: float
    """Durable rows per second."""
    median: float
    """Median wait of a caller, in milliseconds."""
    p99: float
    """The 99th percentile of the wait, in milliseconds."""


def figures_of(waits: list[float], wall: float) -> Figures:
    """Return the figures of the waits of callers, given in seconds."""
    p99 = statistics.quantiles(waits, n=100)[-1]
    return Figures(len(waits) / wall, statistics.median(waits) * 1000, p99 * 1000)


@contextmanager
def timed(waits: list[float]) -> Generator[None]:
    """Append the duration of the block to a list, in seconds."""
    began = time.perf_counter()
    yield
    waits.append(time.perf_counter() - began)


def plain(path: Path, count: int) -> Figures:
    """Write rows one after the other, each with a commit of its own."""
    connection = open_writer(str(path), shown=str(path)).connection
    waits: list[float] = []
    began = time.perf_counter()
    for _number in range(count):
        with timed(waits):
            claims.intend(connection, INTENT, None)
    wall = time.perf_counter() - began
    connection.close()
    return figures_of(waits, wall)


async def journalled(path: Path, count: int, waiters: int) -> Figures:
    """Write rows through the journal, by some callers at once."""
    journal = Journal(path)
    waits: list[float] = []
    numbers = iter(range(count))

    async def caller() -> None:
        for _number in numbers:
            with timed(waits):
                await journal.intend(INTENT)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(waiters)))
    wall = time.perf_counter() - began
    await journal.close()
    return figures_of(waits, wall)


def show(title: str, figures: Figures) -> None:
    """Print a line of the table."""
    rate, median, p99 = figures
    print(f"| {title} | {rate:,.0f} | {median:.2f} | {p99:.2f} |")


def main() -> None:
    """Measure all ways and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure the journal.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--folder", default=None, help="where the files are made")
    options = parser.parse_args()
    print("| | durable rows/s | wait, median (ms) | wait, p99 (ms) |")
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        show("plain sqlite3, a commit each", plain(Path(folder, "plain"), options.rows // 4))
        for waiters in WAITERS:
            count = options.rows // 4 if waiters == 1 else options.rows
            path = Path(folder, f"journal-{waiters}")
            figures = asyncio.run(journalled(path, count, waiters))
            show(f"journal, {waiters} waiting at once", figures)


if __name__ == "__main__":
    main()
