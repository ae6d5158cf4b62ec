"""The journal says saved, and the file is gone: it is saved again, or the end says why not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Akool, Event
from akool_async.endpoints import TTS
from akool_async.engine import EventName
from akool_async.journal import Entry, Journal, State
from tests.folders import files_in

if TYPE_CHECKING:
    from akool_async.clock import ManualClock
    from akool_async.simulator import Simulator
    from tests.clients import Connect
    from tests.clocks import Elapse, Until

KEYS = [f"row {number}" for number in range(6)]


def rows_of(path: Path) -> dict[str | None, Entry]:
    journal = Journal(path)
    try:
        return {entry.key: entry for entry in journal.entries()}
    finally:
        journal.close_now()


def saved_at(row: Entry) -> Path:
    assert row.saved is not None
    return Path(row.saved)


async def by_keys(akool: Akool) -> None:
    async for job in akool.map([(key, TTS(input_text=key, voice_id="v")) for key in KEYS]):
        job.result()


async def by_recovery(akool: Akool) -> None:
    assert [job async for job in akool.recover()] == []
    assert [job async for job in akool.recover()] == []


async def by_both(akool: Akool) -> None:
    await by_recovery(akool)
    await by_keys(akool)


def deleted(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def moved_with_its_folder(path: Path) -> None:
    if path.exists():
        path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.fixture
async def journal(quick: Simulator, connect: Connect, tmp_path: Path) -> Path:
    """Run all keys once with `save_to`; return the journal, whose rows all say saved."""
    path = tmp_path / "jobs.sqlite"
    async with connect(quick, journal=path, save_to=tmp_path / "out") as akool:
        await by_keys(akool)
    assert len(files_in(tmp_path / "out")) == len(KEYS)
    return path


@pytest.mark.parametrize("repeat", [by_keys, by_recovery, by_both])
@pytest.mark.parametrize("harm", [deleted, emptied])
async def test_a_saved_file_that_is_gone_is_saved_again(
    *,
    harm: Callable[[Path], None],
    repeat: Callable[[Akool], Awaitable[None]],
    journal: Path,
    quick: Simulator,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = rows_of(journal)
    for key in KEYS[:2]:
        harm(saved_at(before[key]))
    events: list[Event] = []
    async with connect(
        quick, journal=journal, save_to=tmp_path / "out", on_event=events.append
    ) as akool:
        await repeat(akool)
    for entry in before.values():
        content = quick.world.jobs[str(entry.id)].media().content
        assert saved_at(entry).read_bytes() == content
    assert quick.requests["media"] == len(KEYS) + 2
    assert quick.requests["audio.tts"] == len(KEYS)
    saved = [event.job.id for event in events if event.name == EventName.SAVED]
    assert sorted(map(str, saved)) == sorted(str(before[key].id) for key in KEYS[:2])
    assert "saved files are gone: " in caplog.text
    after = rows_of(journal)
    assert [row.saved for row in after.values()] == [row.saved for row in before.values()]
    assert {row.state for row in after.values()} == {State.COMPLETED}


@pytest.mark.parametrize("repeat", [by_keys, by_recovery])
async def test_a_folder_of_saved_files_that_is_gone_is_filled_elsewhere(
    *,
    repeat: Callable[[Akool], Awaitable[None]],
    journal: Path,
    quick: Simulator,
    connect: Connect,
    tmp_path: Path,
) -> None:
    moved_with_its_folder(saved_at(rows_of(journal)[KEYS[0]]))
    for _ in range(2):  # the journal learns the new place
        async with connect(quick, journal=journal, save_to=tmp_path / "new") as akool:
            await repeat(akool)
    assert len(files_in(tmp_path / "new")) == len(KEYS)
    assert {saved_at(row).parent for row in rows_of(journal).values()} == {tmp_path / "new"}
    assert quick.requests["media"] == 2 * len(KEYS)


async def test_a_saved_file_that_is_there_is_neither_fetched_nor_written_down_again(
    journal: Path, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    before = rows_of(journal)
    async with connect(quick, journal=journal, save_to=tmp_path / "out") as akool:
        await by_both(akool)
    assert quick.requests["media"] == len(KEYS)
    assert rows_of(journal) == before


async def test_a_saved_file_of_a_compacted_row_that_is_gone_is_saved_again(
    journal: Path, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    opened = Journal(journal)
    await opened.compact(2.0**33)
    await opened.close()
    lost = saved_at(rows_of(journal)[KEYS[0]])
    lost.unlink()
    async with connect(quick, journal=journal, save_to=tmp_path / "out") as akool:
        await by_keys(akool)
    assert lost.exists()
    assert quick.requests["media"] == len(KEYS) + 1
    assert quick.requests["audio.tts"] == len(KEYS)


async def test_a_file_of_a_job_without_a_key_that_is_gone_is_saved_again_by_recovery(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    journal, out = tmp_path / "jobs.sqlite", tmp_path / "out"
    async with connect(quick, journal=journal, save_to=out) as akool:
        result = await akool.audio.tts(input_text="Hello", voice_id="v")
    (out / f"{result.id}.wav").unlink()
    async with connect(quick, journal=journal, save_to=out) as akool:
        await by_recovery(akool)
    assert files_in(out) == [f"{result.id}.wav"]


async def test_without_save_to_no_file_is_looked_for(
    journal: Path, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    saved_at(rows_of(journal)[KEYS[0]]).unlink()
    async with connect(quick, journal=journal) as akool:
        await by_both(akool)
    assert len(files_in(tmp_path / "out")) == len(KEYS) - 1
    assert quick.requests["media"] == len(KEYS)


async def test_a_saved_file_that_is_gone_with_its_media_is_told_at_the_end(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings: dict[str, Any] = {
        "journal": tmp_path / "jobs.sqlite",
        "save_to": tmp_path / "out",
        "clock": clock,
    }
    request, unsaved = TTS(input_text="Hello", voice_id="v"), list[Event]()
    async with connect(simulator, **settings) as akool:
        job = akool.submit(request, key="one")
        await elapse(clock, lambda: files_in(tmp_path / "out") and job.done())
    (tmp_path / "out" / f"{job.id}.wav").unlink()
    await clock.advance(8 * 24 * 3600)

    def note(event: Event) -> None:
        if event.name == EventName.UNSAVED:
            unsaved.append(event)

    async with connect(simulator, **settings, on_event=note) as akool:
        await by_recovery(akool)
        assert unsaved == []
        again = akool.submit(request, key="one")
        await elapse(clock, lambda: unsaved)
        assert again.result().id == job.id
    assert f"the result of audio.tts {job.token} is lost" in caplog.text
    (row,) = rows_of(tmp_path / "jobs.sqlite").values()
    assert row.state is State.COMPLETED  # the file may have been moved on purpose


async def test_closing_waits_until_the_missing_files_were_looked_for_and_saved(
    journal: Path, quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    for row in rows_of(journal).values():
        saved_at(row).unlink()
    held: list[str] = []

    async def count(name: str, request: web.Request) -> None:
        if name == "media":
            held.append(request.path)

    quick.fault = count
    akool = connect(quick, journal=journal, save_to=tmp_path / "out")
    jobs = [akool.submit(TTS(input_text=key, voice_id="v"), key=key) for key in KEYS]
    for job in jobs:
        await job
    await akool.close()
    assert len(files_in(tmp_path / "out")) == len(held) == len(KEYS)


async def test_a_saved_file_that_is_gone_is_saved_again_by_the_same_client(
    quick: Simulator, connect: Connect, until: Until, tmp_path: Path
) -> None:
    out, request = tmp_path / "out", TTS(input_text="Hello", voice_id="v")
    async with connect(quick, journal=tmp_path / "jobs.sqlite", save_to=out) as akool:
        job = akool.submit(request, key="one")
        await until(lambda: akool.stats.jobs["audio.tts"].saved)
        (out / f"{job.id}.wav").unlink()
        results = {id(await akool.submit(request, key="one")) for _ in range(5)}
        assert len(results) == 1
        await until(lambda: akool.stats.jobs["audio.tts"].saved == 2)
        await akool.submit(request, key="one")
    assert files_in(out) == [f"{job.id}.wav"]
    assert quick.requests["media"] == 2
