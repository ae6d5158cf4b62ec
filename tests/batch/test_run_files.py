"""Rows that name files: a file that is gone is the trouble of its own row, and of no other."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool
from akool_async.batch import check
from akool_async.simulator import Simulator
from tests.batch.run_parts import (
    Shelf,
    finished,
    left,
    lines_of,
    photos,
    speeches,
    started,
    statuses,
    swaps,
)
from tests.clients import Connect
from tests.clocks import Until


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.1, spread=0.0, omit_rate=0.0) as running:
        yield running


@pytest.fixture
def akool(simulator: Simulator, connect: Connect) -> Akool:
    shelf = Shelf()
    shelf.opened.set()
    return connect(simulator, uploads=shelf)


async def test_a_file_that_is_gone_is_a_fault_of_its_row_alone(
    akool: Akool, simulator: Simulator, tmp_path: Path, out: Path
) -> None:
    pictures = photos(tmp_path, 4)
    rows = [request for _, request in swaps([*pictures])]
    pictures[1].unlink()
    await finished(rows, akool, out)
    assert simulator.world.creates.total() == 3
    (error,) = lines_of(out / "errors.jsonl")
    assert (error["line"], error["error"]) == (2, "InvalidInput")
    assert "there is no such file" in error["msg"]


async def test_a_row_that_is_done_stays_done_though_its_file_is_gone(
    akool: Akool, simulator: Simulator, tmp_path: Path, out: Path
) -> None:
    pictures = photos(tmp_path, 4)
    rows = swaps([*pictures])
    await finished(rows[:2], akool, out)
    pictures[1].unlink()
    assert not check(rows, folder=out).changed
    run = await finished(rows, akool, out)
    assert run.counts.of("faceswap.swap").completed == 4
    assert simulator.world.creates.total() == 4
    assert lines_of(out / "errors.jsonl") == []


async def test_a_key_of_another_kind_is_refused_though_the_file_is_gone(
    akool: Akool, simulator: Simulator, tmp_path: Path, out: Path
) -> None:
    (picture,) = photos(tmp_path, 1)
    await finished([("swap-0", speeches(1)[0][1])], akool, out)
    picture.unlink()
    await finished(swaps([picture]), akool, out)
    (error,) = lines_of(out / "errors.jsonl")
    assert error["error"] == "KeyConflict"
    assert simulator.world.creates.total() == 1


async def test_a_job_at_akool_is_awaited_and_saved_though_its_file_is_gone(
    akool: Akool, simulator: Simulator, tmp_path: Path, out: Path, until: Until
) -> None:
    pictures = photos(tmp_path, 3)
    run, work = started(swaps([*pictures]), akool, out)
    await until(lambda: run.counts.total("in_flight") == 3)
    await left(work)
    pictures[1].unlink()
    await finished(swaps([*pictures]), akool, out)
    assert statuses(out) == {f"swap-{n}": "completed" for n in range(3)}
    assert simulator.world.creates.total() == 3


async def test_files_of_rows_that_are_done_are_read_beside_the_event_loop(
    akool: Akool, tmp_path: Path, out: Path
) -> None:
    rows = swaps([*photos(tmp_path, 3)])
    await finished(rows, akool, out)
    for _, request in rows:
        os.utime(str(request.source), (1, 1))  # so that nobody knows their digests any more
    readers: set[int] = set()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(".jpg") and watching:
            readers.add(threading.get_ident())

    watching = True
    sys.addaudithook(note)
    try:
        await finished(rows, akool, out)
    finally:
        watching = False  # nobody can take a hook out
    assert readers
    assert threading.get_ident() not in readers
