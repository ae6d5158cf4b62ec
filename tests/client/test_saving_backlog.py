"""Results that wait to be saved wait in the journal, but for the next thousand."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Akool, Limits
from akool_async.client import saving
from akool_async.endpoints import TTS
from akool_async.endpoints.audio import Audio
from akool_async.journal import Journal
from akool_async.simulator import Simulator
from tests.folders import files_in

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until

COUNT = 60
MOST = 10


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "MOST", MOST)
    monkeypatch.setattr(saving, "_PAGE", MOST // 2)


class SlowLink:
    """A simulated Akool whose media comes when it may."""

    def __init__(self) -> None:
        self.open = asyncio.Semaphore(0)
        self.served: list[str] = []

    async def __call__(self, name: str, request: web.Request) -> None:
        if name == "media":
            await self.open.acquire()
            self.served.append(Path(request.path).stem)

    def let_all_through(self) -> None:
        """Hold nothing up any more."""
        for _ in range(10 * COUNT):
            self.open.release()


@pytest.fixture
async def link(quick: Simulator) -> AsyncIterator[SlowLink]:
    link = SlowLink()
    quick.fault = link
    yield link
    link.let_all_through()


def rows(count: int = COUNT) -> Iterator[tuple[str, TTS]]:
    return ((f"row {n}", TTS(input_text=f"{n}", voice_id="v")) for n in range(count))


async def run_all(akool: Akool, count: int = COUNT) -> list[str]:
    """Run jobs, and hold none of them; return their ids as they end."""
    return [job.result().id async for job in akool.map(rows(count))]


@asynccontextmanager
async def saving_client(
    connect: Connect, quick: Simulator, place: Path, **settings: Any
) -> AsyncIterator[Akool]:
    async with connect(
        quick,
        save_to=place / "out",
        journal=place / "jobs.sqlite",
        limits=Limits(downloads=2),
        **settings,
    ) as akool:
        yield akool


def results_in_memory() -> int:
    gc.collect()
    return sum(isinstance(each, Audio) for each in gc.get_objects())


async def test_behind_a_slow_link_memory_holds_the_next_results_alone(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path
) -> None:
    before = results_in_memory()
    async with saving_client(connect, quick, tmp_path) as akool:
        ended = await run_all(akool)  # a slow link holds no job up
        held = results_in_memory() - before
        link.let_all_through()
    assert held <= 2 * (MOST + 1)  # each is its last snapshot, and the result made of it
    assert len(ended) == COUNT
    assert files_in(tmp_path / "out") == sorted(f"{each}.wav" for each in ended)


async def test_the_oldest_results_are_saved_first(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path
) -> None:
    async with saving_client(connect, quick, tmp_path) as akool:
        ended = await run_all(akool)
        link.let_all_through()
    near = [abs(link.served.index(each) - place) for place, each in enumerate(ended)]
    assert max(near) <= 2  # two run at once
    assert len(link.served) == COUNT  # each is fetched once


async def test_each_save_from_the_backlog_is_counted_told_and_written_down(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path
) -> None:
    told: list[Any] = []
    async with saving_client(connect, quick, tmp_path, on_event=told.append) as akool:
        rows_as_data = [
            {"key": f"row {n}", "operation": "audio.tts", "input_text": f"{n}", "voice_id": "v"}
            for n in range(COUNT)
        ]
        async for _job in akool.map(rows_as_data):
            pass
        link.let_all_through()
    jobs = akool.stats.jobs["audio.tts"]
    assert (jobs.completed, jobs.saved, jobs.unsaved) == (COUNT, COUNT, 0)
    saved = [event for event in told if event.name == "job.saved"]
    assert {event.key for event in saved} == {f"row {n}" for n in range(COUNT)}
    assert all(event.job.tag["key"] == event.key for event in saved)
    assert all(event.job.result().id == Path(event.path).stem for event in saved)
    assert len([event for event in told if event.name == "job.completed"]) == COUNT
    journal = Journal(tmp_path / "jobs.sqlite")
    places = [Path(str(entry.saved)) for entry in journal.entries()]
    await journal.close()
    assert sorted(place.name for place in places) == files_in(tmp_path / "out")


async def test_jobs_that_the_program_holds_are_saved_as_they_are(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path
) -> None:
    async with saving_client(connect, quick, tmp_path) as akool:
        jobs = [akool.submit(request, key=key) for key, request in rows()]
        await asyncio.gather(*jobs)
        link.let_all_through()
    assert len(files_in(tmp_path / "out")) == COUNT
    assert akool.stats.jobs["audio.tts"].saved == COUNT


async def test_a_key_that_is_submitted_again_and_recover_leave_the_backlog_alone(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path, until: Until
) -> None:
    async with saving_client(connect, quick, tmp_path) as akool:
        await run_all(akool)
        assert [job async for job in akool.recover()] == []
        again = await run_all(akool)
        assert len(again) == COUNT
        link.let_all_through()
        await until(lambda: akool.stats.jobs["audio.tts"].saved == COUNT)
    assert akool.stats.jobs["audio.tts"].saved == COUNT
    assert len(link.served) == COUNT
    assert quick.requests["audio.tts"] == COUNT


async def test_closing_names_each_result_of_the_backlog_and_the_next_client_saves_it(
    quick: Simulator,
    link: SlowLink,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with saving_client(connect, quick, tmp_path) as akool:
        await run_all(akool)
        with caplog.at_level(logging.ERROR):
            await akool.close(saving=0.05)
    assert sum("is not saved" in record.message for record in caplog.records) == COUNT
    assert akool.stats.jobs["audio.tts"].unsaved == COUNT
    link.let_all_through()
    async with saving_client(connect, quick, tmp_path) as akool:
        assert [job async for job in akool.recover()] == []
    assert len(files_in(tmp_path / "out")) == COUNT


async def test_without_a_journal_all_results_wait_in_memory(
    quick: Simulator, link: SlowLink, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick, save_to=tmp_path / "out") as akool:
        ended = [job async for job in akool.map(request for _, request in rows())]
        link.let_all_through()
    assert len(files_in(tmp_path / "out")) == len(ended) == COUNT
