"""Rows of a higher priority are sent first, within the rows that a run has read ahead."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from akool_async import Akool
from akool_async.batch import run
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.sending.feed import Feed
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Until


def speech(number: int, priority: int = 0) -> dict[str, Any]:
    row = {"operation": "audio.tts", "input_text": f"{number}", "voice_id": "voice"}
    return row | {"key": f"row-{number}", "priority": priority}


def sent(simulator: Simulator) -> list[int]:
    """Return the numbers of the rows in the order in which they were created."""
    jobs: Any = simulator.world.jobs.values()
    return [int(job.request.input_text) for job in jobs]


async def carried_out(rows: Any, akool: Akool, out: Path) -> None:
    async for outcome in run(rows, akool, out=out):
        assert outcome.status == "completed"


async def test_rows_of_a_higher_priority_are_sent_first(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    rows = [speech(n, priority=n // 20) for n in range(60)] + [speech(60, priority=-1)]
    await carried_out(rows, connect(quick, max_concurrency=1), tmp_path / "night")
    later = sent(quick)[16:]  # the first page is taken as soon as some rows are read
    assert later == sorted(later, key=lambda number: (-rows[number]["priority"], number))
    assert later[-1] == 60


async def test_a_priority_counts_also_among_rows_that_a_limit_holds_back(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    rows = [speech(n) for n in range(20)] + [speech(n, priority=1) for n in range(20, 24)]
    akool = connect(quick, max_concurrency=8, limits={"audio.*": 1})
    await carried_out(rows, akool, tmp_path / "night")
    assert set(sent(quick)[:18]) >= {20, 21, 22, 23}


def row(number: int, priority: int) -> BatchRow:
    request: Any = None
    return BatchRow(number, f"row-{number}", "audio.tts", request, priority)


async def test_a_row_that_comes_later_waits_for_few_that_were_taken_before(until: Until) -> None:
    arrived: list[int] = []

    def rows() -> Iterator[BatchRow]:
        for number in range(5000):
            arrived.append(number)
            yield row(number, 1 if number in {0, 900, 3000} else 0)

    feed, order = Feed(rows()), list[int]()
    await until(lambda: len(arrived) >= 1000)
    while page := await feed.page():
        order += [each.line for each in page]
        await asyncio.sleep(0.001)
    assert Counter(order) == Counter(range(5000))
    assert order[:3] == [0, 900, 1]
    assert order.index(3000) <= 3000 - 900
    assert [each for each in order if each not in {900, 3000}] == sorted({*order} - {900, 3000})
