"""`batch.run` and `batch.load`: a run as the outcomes of its rows."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict, Unpack

from akool_async.batch.folder import RunFolder
from akool_async.batch.manifest.fault import Fault
from akool_async.batch.manifest.options import RowOptions
from akool_async.batch.manifest.rows import BatchRow, read
from akool_async.batch.manifest.sources import Rows
from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.run_options import RunOptions
from akool_async.batch.runner import Run

if TYPE_CHECKING:
    from akool_async.client.akool import Akool

_AHEAD: Final = 1000
"""Outcomes that wait to be taken, before the run waits for their taker."""
_LOOK_AGAIN: Final = 0.01
"""Seconds after which the run looks again whether outcomes were taken."""


class RunKeywords(TypedDict, total=False):
    """The fields of `RunOptions`, as keyword arguments."""

    save: bool
    name: str
    retry_failed: bool | Sequence[str]
    limit: int | None
    only: Sequence[str]
    skip: Sequence[str]
    sample: int | None
    max_creates: int | None
    max_credits: float | None
    prices: Mapping[str, float]
    rate: float | None
    on_credit: Literal["pause", "stop"]
    downloads: int


async def run(
    rows: Rows,
    akool: Akool,
    *,
    out: str | os.PathLike[str],
    reading: RowOptions | None = None,
    **options: Unpack[RunKeywords],
) -> AsyncGenerator[Outcome, None]:
    """Carry out rows in a folder; yield the outcome of each row once it is on disk.

    The same call again goes on, also after a crash: rows that have ended are yielded again, and
    cost nothing. Left early, it creates nothing more; the next call watches what Akool has.

    Args:
        rows: A manifest's path; or rows as `akool.map` takes them: requests, pairs of key and
            request, or dicts with `operation` and its parameters, and perhaps a `key`.
        akool: Whose account pays. A client of the run's own takes over its settings, and its
            receiver of webhooks serves both meanwhile.
        out: The run's folder; it is made if it is not there.
        reading: How the rows of a manifest become requests.
        **options: See `RunOptions`.

    Raises:
        JournalError: the folder's journal cannot be used, or another process uses it.
        InvalidInput: an option makes no sense.
        OSError: the folder cannot be made.
    """
    folder = RunFolder.at(out)
    outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
    checked = RunOptions(**options)
    folder.root.mkdir(parents=True, exist_ok=True)
    carried = Run(folder, checked, tell=outcomes.put_nowait)
    is_left = threading.Event()
    throttled = _throttled(rows, reading, outcomes, is_left)
    task = asyncio.create_task(carried.carry_out(throttled, akool))
    task.add_done_callback(lambda _: outcomes.put_nowait(None))
    try:
        while (outcome := await outcomes.get()) is not None:
            yield outcome
        await task
    finally:
        is_left.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _throttled(
    rows: Rows,
    options: RowOptions | None,
    outcomes: asyncio.Queue[Outcome | None],
    is_left: threading.Event,
) -> Iterator[BatchRow | Fault]:
    """Yield rows, but none while many outcomes wait to be taken. Runs in the feed's thread."""
    for row in read(rows, options):
        while outcomes.qsize() > _AHEAD:
            if is_left.wait(_LOOK_AGAIN):
                return
        yield row


def load(out: str | os.PathLike[str]) -> Iterator[Outcome]:
    """Yield the outcomes of a run's rows that have ended, in the order in which they ended.

    It reads `results.jsonl`, also while the run goes on.

    Raises:
        OSError: there is no such file.
    """
    path: Path = RunFolder.at(out).results
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):  # else it is being written
                yield decoder.decode(line)
