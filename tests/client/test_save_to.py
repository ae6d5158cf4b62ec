"""With `save_to`, every result is on disk when the client is closed, or the log says why not."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Akool, Face, Limits
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ContentType
from akool_async.journal import Entry, Journal, State
from akool_async.simulator import Simulator
from tests.folders import files_in
from tests.strict import STRICT

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until

PHOTO = "https://example.com/photo.jpg"


def entries(path: Path) -> list[Entry]:
    journal = Journal(path)
    try:
        return list(journal.entries())
    finally:
        journal.close_now()


async def fail(name: str, request: web.Request) -> web.Response | None:
    """Serve everything but media."""
    return web.Response(status=500) if name == "media" else None


async def test_all_results_are_on_disk_once_the_client_is_closed(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick, save_to=tmp_path / "out", limits=Limits(downloads=2)) as akool:
        jobs: list[Any] = [akool.audio.tts(input_text=f"{n}", voice_id="v") for n in range(8)]
        jobs += [
            akool.reage.image(target_image=[Face(PHOTO)], face_reage=10, modify_image=PHOTO)
            for _ in range(8)
        ]
        results = await asyncio.gather(*jobs)
    names = [f"{result.id}{Path(result.url).suffix}" for result in results]
    assert files_in(tmp_path / "out") == sorted(names)
    for result, name in zip(results, names, strict=True):
        media = quick.world.jobs[result.id].media()
        assert (tmp_path / "out" / name).read_bytes() == media.content
    assert quick.requests["media"] == 16


async def test_a_result_is_there_before_its_file_is(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    gate = asyncio.Event()

    async def hold(name: str, request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hold
    async with connect(quick, save_to=tmp_path) as akool:
        result = await akool.audio.tts(input_text="Hello", voice_id="v")
        assert files_in(tmp_path) == []
        gate.set()
    assert files_in(tmp_path) == [f"{result.id}.wav"]


async def test_saves_keep_to_the_lane_of_downloads(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    running = most = 0

    async def count(name: str, request: web.Request) -> None:
        nonlocal running, most
        if name == "media":
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1

    quick.fault = count
    async with connect(quick, save_to=tmp_path, limits=Limits(downloads=3)) as akool:
        jobs = [akool.audio.tts(input_text=f"{n}", voice_id="v") for n in range(12)]
        await asyncio.gather(*jobs)
    assert most == 3


async def test_results_that_wait_to_be_saved_cost_no_task(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    gate = asyncio.Event()

    async def hold(name: str, request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hold
    async with connect(quick, save_to=tmp_path, limits=Limits(downloads=2)) as akool:
        jobs = [akool.audio.tts(input_text=f"{n}", voice_id="v") for n in range(30)]
        await asyncio.gather(*jobs)
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        gate.set()
    assert sum(name.startswith("Saver.") for name in names) == 2
    assert len(files_in(tmp_path)) == 30


async def test_a_job_that_is_resumed_by_its_token_is_saved_too(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with Akool(quick.api_key, base_url=quick.url) as other:
        token = (await other.audio.tts(input_text="Hello", voice_id="v").created()).token
    async with connect(quick, save_to=tmp_path) as akool:
        result = await akool.job(token)
    assert files_in(tmp_path) == [f"{result.id}.wav"]


async def test_results_without_media_are_left_in_peace(
    quick: Simulator, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(quick, save_to=tmp_path) as akool:
        await akool.moderation.analyze(type=ContentType.TEXT, content="Hello")
    assert files_in(tmp_path) == []
    assert quick.requests["media"] == 0
    assert not caplog.records


# What goes wrong


async def test_a_result_that_cannot_be_saved_is_tried_again_later(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.fault = fail
    async with connect(simulator, save_to=tmp_path, clock=clock) as akool:
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        await elapse(clock, lambda: simulator.requests["media"] >= 8)
        assert job.done()
        simulator.fault = None
        await elapse(clock, lambda: files_in(tmp_path))
    assert files_in(tmp_path) == [f"{job.id}.wav"]
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) >= 2
    for warning in warnings:
        assert warning.startswith(f"the result of audio.tts {job.token} is not saved yet")


async def test_a_result_that_can_never_be_saved_is_given_up_by_name(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.fault = fail
    async with connect(simulator, save_to=tmp_path, clock=clock) as akool:
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        await elapse(clock, lambda: any(each.levelno == logging.ERROR for each in caplog.records))
        result = job.result()
    assert files_in(tmp_path) == []
    assert simulator.requests["media"] == 6 * 4
    message = caplog.records[-1].getMessage()
    assert message.startswith(f"the result of audio.tts {job.token} is not saved: ")
    assert "HTTP 500" in message
    assert message.endswith(f"until {result.expires_at:%Y-%m-%d %H:%M} UTC")


async def test_a_folder_that_cannot_be_written_is_told_in_the_log(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").touch()
    async with connect(simulator, save_to=tmp_path / "file", clock=clock) as akool:
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        await elapse(clock, lambda: caplog.records)
        (tmp_path / "file").unlink()
        await elapse(clock, (tmp_path / "file" / f"{job.id}.wav").exists)
    assert "File exists" in caplog.text or "Not a directory" in caplog.text


async def test_closing_waits_for_saves_only_so_long_and_names_what_is_not_saved(
    *,
    quick: Simulator,
    gate: asyncio.Event,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("akool_async.client.runtime.SAVING_TIME", 0.1)

    async def hang(name: str, request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hang
    async with connect(quick, save_to=tmp_path, limits=Limits(downloads=1)) as akool:
        jobs = [akool.audio.tts(input_text=f"{n}", voice_id="v") for n in range(3)]
        await asyncio.gather(*jobs)
    assert files_in(tmp_path) == []
    for job in jobs:
        assert f"the result of audio.tts {job.token} is not saved" in caplog.text
    assert caplog.text.count("the client was closed first") == 3


async def test_closing_takes_a_bound_on_saves_and_the_next_client_saves_the_rest(
    *, quick: Simulator, gate: asyncio.Event, connect: Connect, tmp_path: Path
) -> None:
    async def hang(name: str, request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hang
    settings: dict[str, Any] = {"save_to": tmp_path / "out", "journal": tmp_path / "jobs.sqlite"}
    akool = connect(quick, **settings)
    result = await akool.audio.tts(input_text="Hello", voice_id="v")
    await akool.close(saving=0.05)  # ten minutes without that: the test would time out
    assert files_in(tmp_path / "out") == []
    gate.set()
    async with connect(quick, **settings) as akool:
        _ = [job async for job in akool.recover()]
    assert files_in(tmp_path / "out") == [f"{result.id}{Path(result.url).suffix}"]


async def test_who_gives_up_closing_gives_up_the_saves(
    *,
    quick: Simulator,
    gate: asyncio.Event,
    connect: Connect,
    tmp_path: Path,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hang(name: str, request: web.Request) -> None:
        if name == "media":
            await gate.wait()

    quick.fault = hang
    akool = connect(quick, save_to=tmp_path)
    job = akool.audio.tts(input_text="Hello", voice_id="v")
    await job
    await until(lambda: quick.requests["media"])
    closing = asyncio.create_task(akool.close())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(closing, 0.05)
    assert job.token in caplog.text
    assert files_in(tmp_path) == []


SCRIPT = """
import asyncio, sys
from akool_async import Akool
from akool_async.simulator import Simulator
from tests.folders import files_in

async def main():
    async with Simulator(instant_audio_rate=1.0) as simulator:
        async def hang(name, request):
            if name == "media":
                await asyncio.Event().wait()

        simulator.fault = hang
        akool = Akool(simulator.api_key, base_url=simulator.url, save_to=sys.argv[1])
        job = akool.audio.tts(input_text="Hello", voice_id="v")
        await job
        print(job.token)
        await asyncio.sleep(0.05)

asyncio.run(main())
"""


def test_a_script_that_never_closes_its_client_is_told_what_was_not_saved(
    connect: Connect,
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [*STRICT, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (said,) = ran.stderr.splitlines()
    assert f"{ran.stdout.strip()} is not saved: the client was closed first" in said
    assert files_in(tmp_path) == []


# With a journal


async def test_the_journal_knows_where_each_result_was_saved(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(quick, save_to=tmp_path / "out", journal=tmp_path / "jobs.sqlite") as akool:
        jobs = [akool.submit(TTS(input_text=f"{n}", voice_id="v"), key=f"{n}") for n in range(3)]
        jobs.append(akool.audio.tts(input_text="no key", voice_id="v"))
        await asyncio.gather(*jobs)
    paths = {entry.id: entry.saved for entry in entries(tmp_path / "jobs.sqlite")}
    assert paths == {job.id: str(tmp_path / "out" / f"{job.id}.wav") for job in jobs}


async def test_what_was_saved_is_not_fetched_again(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    for _ in range(2):
        async with connect(
            quick, save_to=tmp_path / "out", journal=tmp_path / "jobs.sqlite"
        ) as akool:
            await akool.submit(TTS(input_text="Hello", voice_id="v"), key="one")
            assert [job async for job in akool.recover()] == []
    assert quick.requests["media"] == 1
    assert len(files_in(tmp_path / "out")) == 1


@pytest.mark.parametrize("recovered", [True, False], ids=["recover()", "the same key"])
async def test_what_was_complete_and_not_saved_is_saved_after_a_crash(
    recovered: bool,  # noqa: FBT001
    quick: Simulator,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("akool_async.client.runtime.SAVING_TIME", 0.05)
    journal, request = tmp_path / "jobs.sqlite", TTS(input_text="Hello", voice_id="v")
    quick.fault = fail
    async with connect(quick, save_to=tmp_path / "out", journal=journal) as akool:
        await akool.submit(request, key="one")
    (entry,) = entries(journal)
    assert (entry.state, entry.saved, files_in(tmp_path / "out")) == (
        State.COMPLETED,
        None,
        [],
    )

    monkeypatch.undo()
    quick.fault = None
    async with connect(quick, save_to=tmp_path / "out", journal=journal) as akool:
        if recovered:
            assert [job async for job in akool.recover()] == []
            assert [job async for job in akool.recover()] == []
        else:
            await akool.submit(request, key="one")
    (entry,) = entries(journal)
    assert entry.saved == str(tmp_path / "out" / f"{entry.id}.wav")
    assert files_in(tmp_path / "out") == [f"{entry.id}.wav"]
    assert quick.requests["audio.tts"] == 1


async def test_what_expired_before_it_was_saved_is_written_down_as_that(
    *,
    simulator: Simulator,
    clock: ManualClock,
    elapse: Elapse,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal, request = tmp_path / "jobs.sqlite", TTS(input_text="Hello", voice_id="v")
    async with Akool(
        simulator.api_key, base_url=simulator.url, journal=journal, clock=clock
    ) as akool:
        job = akool.submit(request, key="one")
        await elapse(clock, job.done)
    await clock.advance(8 * 24 * 3600)
    async with connect(simulator, save_to=tmp_path / "out", journal=journal, clock=clock) as akool:
        assert [job async for job in akool.recover()] == []
        await elapse(clock, lambda: caplog.records)
    (entry,) = entries(journal)
    assert entry.state is State.EXPIRED
    assert f"the result of audio.tts {job.token} is lost" in caplog.text


# Relative paths


async def test_a_relative_save_to_belongs_to_where_the_client_was_made(
    quick: Simulator, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    akool = connect(quick, save_to="out", journal="jobs.sqlite")
    monkeypatch.chdir(tmp_path / "there")
    for text in ("one", "two"):  # entered again, the client opens its journal again
        async with akool:
            await akool.submit(TTS(input_text=text, voice_id="v"), key=text)
    assert files_in(tmp_path / "there") == []
    rows = entries(tmp_path / "here" / "jobs.sqlite")
    assert [row.saved for row in rows] == [
        str(tmp_path / "here" / "out" / f"{row.id}.wav") for row in rows
    ]
    assert len(rows) == 2
    assert len(files_in(tmp_path / "here" / "out")) == 2
