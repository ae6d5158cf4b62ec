"""What a killed run has paid for: it keeps its places, and is saved, whatever the rows are now."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool
from akool_async.batch import RunOptions
from akool_async.batch.files.missing import Missing
from akool_async.batch.folder import RunFolder
from akool_async.batch.runner import Run
from akool_async.endpoints import OPERATIONS
from akool_async.journal import Journal, State
from akool_async.journal.looking import JournalView
from akool_async.simulator import Simulator
from tests.batch.run_parts import (
    finished,
    left,
    lines_of,
    speeches,
    started,
    statuses,
    swaps,
    talks,
)
from tests.clients import Connect, hold
from tests.clocks import Until

MOMENT = 0.3
"""Seconds in which a run that creates would create several jobs."""
PICTURES = [f"https://host.example/{n}.jpg" for n in range(4)]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.1, spread=0.0, omit_rate=0.0, instant_audio_rate=0.0) as running:
        yield running


@pytest.fixture
def akool(simulator: Simulator, connect: Connect) -> Akool:
    return connect(simulator, max_concurrency=6)


def patient() -> Simulator:
    """Return a simulated Akool whose jobs take seconds: a step goes on after its run is left."""
    return Simulator(pace=0.6, spread=0.0, omit_rate=0.0, instant_audio_rate=0.0)


def hold_lookups(simulator: Simulator, endpoint: str) -> asyncio.Event:
    """Let no job end before an event is set, however slow the machine is."""
    answered = asyncio.Event()
    hold(simulator, endpoint, answered)
    return answered


async def killed(rows: Any, akool: Akool, out: Path, until: Until, *, in_flight: int) -> None:
    """Begin a run, and leave it once Akool has accepted so many jobs."""
    _, work = started(rows, akool, out)
    accepted = {State.CREATED, State.COMPLETED}  # on a busy machine a job may end meanwhile
    await until(lambda: sum(state in accepted for state in states(out)) >= in_flight)
    await left(work)


def states(out: Path) -> list[State]:
    """Return the states of all jobs in the journal, also while a run goes on."""
    try:
        with closing(Journal.reader(out / "journal.sqlite")) as journal:
            return [entry.state for entry in journal.entries()]
    except Exception:  # noqa: BLE001 - it is not there yet
        return []


def files(out: Path) -> list[Path]:
    return [file for file in (out / "media").rglob("*") if file.is_file()]


def without_lines(out: Path) -> None:
    """Leave a folder as a process does that dies just after its jobs have ended."""
    with closing(sqlite3.connect(out / "journal.sqlite")) as journal:
        journal.execute("DELETE FROM outcome")
        journal.commit()
    (out / "results.jsonl").unlink()


async def test_jobs_that_akool_has_keep_their_places_before_their_rows_are_met(
    connect: Connect, out: Path, until: Until
) -> None:
    async with Simulator(pace=5.0, spread=0.0, omit_rate=0.0, instant_audio_rate=0.0) as slow:
        akool = connect(slow, max_concurrency=4)
        await killed(speeches(4), akool, out, until, in_flight=4)
        inserted = [(f"new-{n}", request) for n, (_, request) in enumerate(speeches(8))]
        run, work = started([*inserted, *speeches(4)], akool, out)
        await until(lambda: run.figures().phase == "running")
        await asyncio.sleep(MOMENT)
        assert slow.world.creates.total() == 4
        run.set_concurrency(5)
        await until(lambda: slow.world.creates.total() == 5)
        await left(work)


async def test_a_row_whose_job_ended_before_it_was_met_has_its_own_line(
    akool: Akool, simulator: Simulator, out: Path, until: Until
) -> None:
    await killed(speeches(5), akool, out, until, in_flight=5)
    gate = threading.Event()

    def rows() -> Iterator[Any]:
        yield speeches(5)[0]
        gate.wait()
        yield from speeches(5)[1:]

    _, work = started(rows(), akool, out)
    await until(lambda: states(out) == [State.COMPLETED] * 5)
    gate.set()
    await work
    lines = {each["key"]: each["line"] for each in lines_of(out / "results.jsonl")}
    assert lines == {f"row-{n}": n + 1 for n in range(5)}
    assert set(statuses(out).values()) == {"completed"}
    assert simulator.world.creates.total() == 5


async def test_a_recipe_whose_row_is_gone_is_awaited_and_saved(
    connect: Connect, out: Path, until: Until
) -> None:
    async with patient() as slow:
        killed_already = hold_lookups(slow, "faceswap.results")
        akool = connect(slow, max_concurrency=6)
        await killed(swaps(PICTURES), akool, out, until, in_flight=4)
        killed_already.set()
        await finished(swaps(PICTURES)[:1], akool, out)
        assert statuses(out) == {f"swap-{n}": "completed" for n in range(4)}
        assert len(files(out)) == slow.world.creates.total() == 4
    named = {each["key"]: each["operation"] for each in lines_of(out / "results.jsonl")}
    assert named.pop("swap-0") == "faceswap.swap"
    assert named == {f"swap-{n}": "faceswap.image" for n in range(1, 4)}


async def test_a_recipe_whose_row_is_gone_does_not_get_the_result_of_a_step_in_the_middle(
    connect: Connect, out: Path, until: Until
) -> None:
    async with patient() as simulator:
        killed_already = hold_lookups(simulator, "audio.get")
        akool = connect(simulator)
        await killed(talks(3), akool, out, until, in_flight=3)
        killed_already.set()
        await finished([], akool, out)
        assert statuses(out) == {}
        assert State.CREATED not in states(out)
        await finished(talks(3), akool, out)
        assert set(statuses(out).values()) == {"completed"}
        assert simulator.world.creates.total() == 6


async def test_a_drain_awaits_a_step_that_an_earlier_process_sent(
    connect: Connect, out: Path, until: Until
) -> None:
    async with patient() as simulator:
        drained = hold_lookups(simulator, "audio.get")
        akool = connect(simulator)
        await killed(talks(3), akool, out, until, in_flight=3)
        run, work = started(talks(3), akool, out)
        await until(lambda: run.counts.total("in_flight") == 3)
        run.drain("enough")
        drained.set()
        await work
        assert State.CREATED not in states(out)
        assert simulator.world.creates == {"audio.tts": 3}


async def test_what_completed_just_before_a_process_died_is_fetched(
    akool: Akool, simulator: Simulator, out: Path
) -> None:
    await finished([*speeches(3), *talks(1)], akool, out, save=False)
    without_lines(out)
    with closing(JournalView(out / "journal.sqlite")) as view:
        missing = Missing(RunFolder.at(out), view.outcomes, OPERATIONS)
        assert len(await missing.numbers()) == 4
    fetching = Run(RunFolder.at(out), RunOptions())
    await fetching.fetch(akool)
    assert fetching.counts.saved == len(files(out)) == 4
    assert statuses(out) == dict.fromkeys(["row-0", "row-1", "row-2", "talk-0"], "completed")
    assert simulator.world.creates.total() == 5


async def test_what_completed_just_before_a_process_died_is_saved_whether_its_row_is_there_or_not(
    akool: Akool, simulator: Simulator, out: Path
) -> None:
    await finished([*speeches(3), *talks(1)], akool, out, save=False)
    without_lines(out)
    run, work = started([*talks(1), *speeches(2)], akool, out)
    run.drain("at once")  # the rows are not read: the next run meets them
    await work
    assert statuses(out) == {}
    await finished([*talks(1), *speeches(2)], akool, out)
    lines = {each["key"]: each["line"] for each in lines_of(out / "results.jsonl")}
    assert lines == {"talk-0": 1, "row-0": 2, "row-1": 3, "row-2": 0}
    assert len(files(out)) == 4
    assert simulator.world.creates.total() == 5
