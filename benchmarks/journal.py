"""Measure how many intents a second the journal makes durable.

    python benchmarks/journal.py [--rows 20000] [--folder DIR]

One intent is one row that is flushed to the disk before its caller goes on. The first
line is what one gets without a writer thread: the same rows in the same file, a commit for
each, with the event loop standing still meanwhile. The others are the journal with so many
coroutines that wait at once. The folder is to be on the disk that is to be measured.
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
    """What was measured of one way to write."""

    rate: float
    """Durable rows per second."""
    median: float
    """Milliseconds that a caller waited, the median one."""
    p99: float
    """The same: 99 of 100 waited less."""


def figures_of(waits: list[float], wall: float) -> Figures:
    """Sum up what callers waited, in seconds."""
    p99 = statistics.quantiles(waits, n=100)[-1]
    return Figures(len(waits) / wall, statistics.median(waits) * 1000, p99 * 1000)


@contextmanager
def timed(waits: list[float]) -> Generator[None]:
    """Note how long something took."""
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
    """Write rows through the journal, with so many callers at once."""
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
