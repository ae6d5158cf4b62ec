"""Runs that are paused or drained while rows are on their way: nothing more is created."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from akool_async.batch import running
from akool_async.journal import Journal, State
from akool_async.simulator import Simulator
from tests.batch.run_parts import Shelf, finished, photos, speeches, started, statuses, swaps, talks
from tests.clients import Connect
from tests.clocks import Until

MOMENT = 0.3
"""Seconds in which a run that creates would create several jobs."""


async def test_a_drained_run_does_not_wait_for_files_and_creates_nothing_from_them(
    quick: Simulator, connect: Connect, tmp_path: Path, out: Path, until: Until
) -> None:
    shelf = Shelf()
    rows = swaps([*photos(tmp_path, 6)])
    run, work = started(rows, connect(quick, uploads=shelf), out)
    await until(lambda: shelf.waiting)
    run.drain("enough")
    await asyncio.wait_for(work, 20)
    shelf.opened.set()
    await asyncio.sleep(MOMENT)
    assert quick.world.creates.total() == 0
    assert run.figures().operations["faceswap.swap"].skipped == 6
    await finished(rows, connect(quick, uploads=shelf), out)
    assert quick.world.creates.total() == 6
    assert set(statuses(out).values()) == {"completed"}


async def test_rows_whose_files_are_uploaded_during_a_pause_are_created_after_it(
    quick: Simulator, connect: Connect, tmp_path: Path, out: Path, until: Until
) -> None:
    shelf = Shelf()
    run, work = started(swaps([*photos(tmp_path, 4)]), connect(quick, uploads=shelf), out)
    await until(lambda: shelf.waiting)
    run.pause()
    shelf.opened.set()
    await asyncio.sleep(MOMENT)
    assert quick.world.creates.total() == 0
    run.resume()
    await work
    assert quick.world.creates.total() == 4


async def test_a_run_that_is_paused_before_its_first_row_stays_paused(
    quick: Simulator, connect: Connect, out: Path, until: Until
) -> None:
    run, work = started(speeches(4), connect(quick), out)
    run.pause()
    await until(lambda: run.figures().phase == "paused")
    await asyncio.sleep(MOMENT)
    assert quick.world.creates.total() == 0
    run.resume()
    await work
    assert quick.world.creates.total() == 4


async def test_recipes_whose_steps_wait_for_credit_are_dropped_by_a_drain(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=0.02, omit_rate=0.0, instant_audio_rate=0.0, credit=0.0) as quick:
        run, work = started(talks(3), connect(quick), out)
        await until(lambda: run.figures().phase == "out of credit")
        run.drain("enough")
        await asyncio.wait_for(work, 20)
        quick.world.credit = 100.0
        await finished(talks(3), connect(quick), out)
        assert quick.world.creates.total() == 6


async def test_a_drain_awaits_the_step_of_a_recipe_that_is_at_akool_and_creates_no_next_one(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=0.1, spread=0.0, omit_rate=0.0, instant_audio_rate=0.0) as quick:
        run, work = started(talks(3), connect(quick), out)
        await until(lambda: run.counts.total("in_flight") == 3)
        run.drain("enough")
        run.resume()  # a drained run is over, whatever comes afterwards
        await asyncio.wait_for(work, 20)
        assert quick.world.creates == {"audio.tts": 3}
        journal = Journal(out / "journal.sqlite")
        assert State.CREATED not in {entry.state for entry in journal.entries()}
        await journal.close()
        await finished(talks(3), connect(quick), out)
        assert quick.world.creates.total() == 6


async def test_a_run_that_is_left_while_outcomes_wait_reads_no_more_rows(
    quick: Simulator,
    connect: Connect,
    out: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "_AHEAD", 5)
    await finished(speeches(40), connect(quick), out)
    gate = threading.Event()

    def rows() -> Iterator[Any]:
        yield from speeches(20)
        gate.wait()
        yield from speeches(40)[20:]

    outcomes = running.run(rows(), connect(quick), out=out)
    await anext(outcomes)
    await asyncio.sleep(MOMENT)  # nobody takes the others
    gate.set()
    await asyncio.sleep(MOMENT)
    assert _readers()
    await outcomes.aclose()
    await until(lambda: not _readers())


def _readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "akool-rows"]
