"""The progress of many jobs: lines for a log, a bar for a terminal."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import Akool, InvalidInput, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients import Connect
    from tests.clocks import Elapse


class Terminal(io.StringIO):
    """A terminal that keeps what it is sent."""

    def isatty(self) -> bool:
        return True


def speeches(count: int) -> Iterator[TTS]:
    return (TTS(input_text=f"{number}", voice_id="v") for number in range(count))


async def test_the_jobs_of_map_are_yielded_and_counted(quick: Simulator, connect: Connect) -> None:
    said = io.StringIO()
    async with connect(quick) as akool:
        jobs = [job async for job in akool.progress(akool.map(speeches(8)), total=8, to=said)]
    assert len(jobs) == 8
    assert all(job.done() for job in jobs)
    (line,) = said.getvalue().splitlines()
    assert line.startswith("8 of 8 ended, 0 in flight; ")


async def test_jobs_in_a_list_are_yielded_as_they_end(quick: Simulator, connect: Connect) -> None:
    said = io.StringIO()
    async with connect(quick) as akool:
        jobs = [akool.submit(request) for request in speeches(5)]
        await jobs[3]
        ended = [job async for job in akool.progress(jobs, to=said)]
    assert set(ended) == set(jobs)
    assert said.getvalue().startswith("5 of 5 ended")


async def test_a_line_is_written_every_few_seconds(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    said = io.StringIO()
    async with connect(simulator, clock=clock, max_concurrency=2) as akool:

        async def run() -> None:
            async for _ in akool.progress(akool.map(speeches(6)), total=6, every=0.2, to=said):
                pass

        running = asyncio.ensure_future(run())
        await turns()
        await elapse(clock, running.done, step=0.1)
    lines = said.getvalue().splitlines()
    assert len(lines) > 2
    assert any(", 2 in flight" in line for line in lines)
    assert any(" a minute; " in line and line.endswith(" left") for line in lines)
    assert lines[-1].startswith("6 of 6 ended, 0 in flight")
    assert all(line.isprintable() for line in lines)


async def test_failures_saves_and_a_pause_are_shown(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    tmp_path: Path,
) -> None:
    said = io.StringIO()
    async with connect(simulator, clock=clock, save_to=tmp_path) as akool:
        jobs = [akool.submit(request) for request in speeches(2)]
        await asyncio.gather(*(job.created() for job in jobs))
        simulator.world.jobs[jobs[0].id or ""] = msgspec.structs.replace(
            simulator.world.jobs[jobs[0].id or ""], outcome=Status.FAILED
        )
        akool.pause()

        async def run() -> None:
            async for job in akool.progress(jobs, to=said):
                assert job.succeeded is (job.exception() is None)

        running = asyncio.ensure_future(run())
        await elapse(clock, running.done)
        await running
    last = said.getvalue().splitlines()[-1]
    assert last.startswith("2 of 2 ended, 1 failed, 0 in flight")
    assert " to be saved" in last
    assert "paused" in last


async def test_a_terminal_gets_a_bar(quick: Simulator, connect: Connect) -> None:
    screen = Terminal()
    async with connect(quick) as akool:
        async for _ in akool.progress(akool.map(speeches(4)), total=4, to=screen):
            pass
    shown = screen.getvalue()
    assert "4/4" in shown
    assert "0 in flight" in shown
    assert "\x1b[?25h" in shown  # the cursor is there again


async def test_without_rich_a_terminal_gets_lines(
    quick: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    screen = Terminal()
    async with connect(quick) as akool:
        async for _ in akool.progress(akool.map(speeches(2)), to=screen):
            pass
    assert screen.getvalue().startswith("2 ended, ")


async def test_left_early_it_drops_what_map_has_queued(quick: Simulator, connect: Connect) -> None:
    said = io.StringIO()
    async with connect(quick, max_concurrency=1) as akool:
        progress = akool.progress(akool.map(speeches(50)), to=said)
        async for _ in progress:
            break
        await progress.aclose()
        assert akool.stats.queued == 0
    assert said.getvalue().startswith("1 ended")
    assert len(quick.world.jobs) < 5


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": "often"}, {"total": 1.5}])
async def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    async with Akool("key") as akool:
        with pytest.raises(InvalidInput):
            akool.progress([], **wrong)
