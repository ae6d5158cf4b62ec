"""A job is found by its key in this process and in any later one, also one that was never sent."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import (
    Akool,
    ClientClosed,
    CreateOutcomeUnknown,
    Event,
    InvalidInput,
    Job,
    JobCancelled,
    JobError,
    JournalError,
    KeyConflict,
    Status,
    UnknownKey,
)
from akool_async.endpoints import TTS, AgeFaces, ImageReage
from akool_async.journal import Change, Intent, Journal, State
from akool_async.simulator import Simulator
from tests.client.test_keys import SlowStore

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until


def speech(text: object) -> TTS:
    """Return a request."""
    return TTS(input_text=str(text), voice_id="voice")


async def leave_queued(path: Path, *keys: str) -> None:
    """Leave rows that were submitted and not sent, as a killed process does."""
    journal = Journal(path)
    requests = [speech(key) for key in keys]
    await journal.claim(
        [
            Intent(
                name=request.label,
                request=_wire(request),
                fingerprint=_fingerprint(request),
                key=key,
            )
            for key, request in zip(keys, requests, strict=True)
        ]
    )
    await journal.close()


def _wire(request: TTS) -> bytes:
    import msgspec

    return msgspec.json.encode(request.to_wire())


def _fingerprint(request: TTS) -> str:
    from akool_async.journal import fingerprint

    return fingerprint(request.label, request.unarmed_wire())


def states(path: Path) -> dict[str | None, State]:
    """Return the state of each key's row."""
    journal = Journal(path)
    found = {entry.key: entry.state for entry in journal.entries()}
    journal.close_now()
    return found


# In this process


async def test_a_key_finds_the_job_that_runs_here(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        job = akool.submit(speech(1), key="order 1")
        assert akool.job(key="order 1") == job  # at once, before anything is on disk
        await job
        assert akool.job(key="order 1") == job
        assert (await akool.job(key="order 1")).status is Status.COMPLETED
    assert quick.world.creates.total() == 1


async def test_a_key_finds_a_job_that_stands_in_line(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate = asyncio.Event()

    async def wait(*_about: object) -> None:
        await gate.wait()

    quick.fault = wait
    async with connect(quick, journal=path, max_concurrency=1) as akool:
        akool.submit(speech(1), key="1")
        await until(lambda: quick.requests["audio.tts"])
        keys = ["2", "3", "4"]
        for key in keys:  # a handler that answers at once, and holds nothing
            await akool.submit(speech(key), key=key).recorded()
        gc.collect()
        assert [akool.job(key=key).position for key in keys] == [1, 2, 3]
        assert not any(akool.job(key=key).id for key in keys)
        gate.set()
        await asyncio.gather(*[akool.job(key=key) for key in keys])
    assert quick.world.creates.total() == 4


async def test_a_job_is_on_disk_before_there_is_a_place_for_it(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async def never(*_about: object) -> None:
        await asyncio.Event().wait()

    quick.fault = never
    akool = connect(quick, journal=path, max_concurrency=1)
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    for job in jobs:
        assert await job.recorded() is job
    await akool.close(0.0)
    assert set(states(path)) == {"0", "1", "2"}
    for job in jobs:
        assert isinstance(job.exception(), ClientClosed | CreateOutcomeUnknown)


async def test_recording_a_job_of_a_conflicting_key_raises(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    await leave_queued(path, "a")
    async with connect(quick, journal=path) as akool:
        with pytest.raises(KeyConflict):
            await akool.submit(speech("another"), key="a").recorded()
        with pytest.raises(ValueError, match="key"):
            await akool.submit(speech("plain")).recorded()


async def test_a_conflicting_job_that_is_held_does_not_keep_its_key_from_the_right_request(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        await akool.submit(speech("right"), key="k")
    async with connect(quick, journal=path) as akool:
        wrong = akool.submit(speech("wrong"), key="k")
        with pytest.raises(KeyConflict):
            await wrong
        assert akool.job(key="k").request == speech("right")
        assert (await akool.submit(speech("right"), key="k")).url
        with pytest.raises(KeyConflict):
            await akool.submit(speech("wrong"), key="k")


async def test_a_store_that_finds_nothing_by_key_says_so(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    class Plain(SlowStore):
        """A job store and nothing else, which answers at once."""

    store = Plain(path)
    store.answers.set()
    async with connect(quick, journal=store) as akool:
        job = akool.submit(speech(1), key="1")
        assert akool.job(key="1") == job
        await job
        with pytest.raises(JournalError, match="finds no jobs by key"):
            akool.job(key="2")
        assert [each async for each in akool.recover()] == []
    await store.close()


# In a later process


async def test_a_later_process_finds_a_job_that_was_never_sent_and_sends_it_once(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    await leave_queued(path, "order 1", "order 2")
    async with connect(quick, journal=path) as akool:
        job = akool.job(key="order 1", operation=TTS)
        assert job.request == speech("order 1")
        assert akool.job(key="order 1") == job == akool.submit(speech("order 1"), key="order 1")
        assert (await job).status is Status.COMPLETED
    assert quick.world.creates == {"audio.tts": 1}
    assert states(path) == {"order 1": State.COMPLETED, "order 2": State.QUEUED}


async def test_a_later_process_finds_a_result_at_once(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        before = await akool.submit(speech(1), key="1")
    async with connect(quick, journal=path) as akool:
        job = akool.job(key="1")
        assert job.done()
        assert job.result().url == before.url
        assert akool.job(key="1") == job
    assert quick.world.creates.total() == 1


async def test_a_later_process_watches_a_job_that_goes_on(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    akool = connect(quick, journal=path)
    job = await akool.submit(speech(1), key="1").created()
    await akool.close()
    assert isinstance(job.exception(), ClientClosed)
    async with connect(quick, journal=path) as akool:
        found = akool.job(key="1")
        await found.recorded()
        assert found.id == job.id
        assert (await found).id == job.id
    assert quick.world.creates.total() == 1


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (State.REFUSED, JobError),
        (State.FAILED, JobError),
        (State.ABANDONED, JobCancelled),
        (State.UNKNOWN, CreateOutcomeUnknown),
    ],
)
async def test_what_ended_is_found_as_it_ended_and_never_sent_again(
    quick: Simulator, connect: Connect, path: Path, state: State, error: type[Exception]
) -> None:
    await leave_queued(path, "k")
    journal = Journal(path)
    await journal.note(1, Change(State.INTENT))
    await journal.note(1, Change(state, reason="no credit"))
    await journal.close()
    async with connect(quick, journal=path) as akool:
        with pytest.raises(error, match="no credit"):
            await akool.job(key="k")
    assert quick.requests.total() == 0


async def test_a_key_that_nobody_submitted_is_unknown(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    await leave_queued(path, "k")
    async with connect(quick, journal=path) as akool:
        with pytest.raises(UnknownKey, match="'nothing'"):
            akool.job(key="nothing")
        with pytest.raises(LookupError):
            akool.job(key="nothing")
        with pytest.raises(InvalidInput, match=r"audio\.tts"):
            akool.job(key="k", operation=ImageReage)
        with pytest.raises(TypeError):
            akool.job("token", key="k")  # type: ignore[call-overload]
        bad: Any = 7
        with pytest.raises(InvalidInput):
            akool.job(key=bad)


async def test_a_key_needs_a_journal(akool: Akool) -> None:
    with pytest.raises(ValueError, match="journal"):
        akool.job(key="k")


async def test_a_queued_row_that_cannot_be_read_ends_its_job_and_stays(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    journal = Journal(path)
    await journal.claim([Intent(name="audio.tts", request=b"{}", fingerprint="f", key="k")])
    await journal.close()
    async with connect(quick, journal=path) as akool:
        with pytest.raises(JournalError, match="submit its key again"):
            await akool.job(key="k")
    assert states(path) == {"k": State.QUEUED}


# What was cancelled is not sent by anybody


async def test_a_cancelled_job_is_not_sent_by_a_later_process(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate = asyncio.Event()

    async def wait(*_about: object) -> None:
        await gate.wait()

    quick.fault = wait
    async with connect(quick, journal=path, max_concurrency=1) as akool:
        first = akool.submit(speech(1), key="1")
        await until(lambda: quick.requests["audio.tts"])
        queued, claiming = [akool.submit(speech(n), key=f"{n}") for n in (2, 3)]
        for _ in range(2):
            await asyncio.sleep(0)  # the journal is being asked about both
        assert await claiming.cancel()
        await queued.recorded()
        assert await queued.cancel()
        del queued, claiming
        gc.collect()
        again = akool.job(key="2")
        with pytest.raises(JobError, match="cancelled"):
            await again
        gate.set()
        await first
    async with connect(quick, journal=path) as akool:
        assert [job async for job in akool.recover()] == []
    assert states(path) == {"1": State.COMPLETED, "2": State.REFUSED, "3": State.REFUSED}
    assert quick.world.creates.total() == 1


async def test_a_cancelled_key_may_be_submitted_again(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        assert await akool.submit(speech(1), key="1").cancel()
        assert (await akool.submit(speech(1), key="1")).status is Status.COMPLETED


# What recover takes up


async def test_recover_takes_up_what_was_never_sent_after_what_akool_has(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    await leave_queued(path, "a", "b")
    async with connect(quick, journal=path, max_concurrency=1) as akool:
        await akool.job(key="b").created()
    async with connect(quick, journal=path) as akool:
        jobs = [job async for job in akool.recover()]
        assert [job.key for job in jobs] == ["b", "a"]
        assert [job async for job in akool.recover()] == []
        await asyncio.gather(*jobs)
    assert quick.world.creates == {"audio.tts": 2}
    assert set(states(path).values()) == {State.COMPLETED}


async def test_recover_leaves_a_key_alone_that_is_being_submitted(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    await leave_queued(path, *"abc")
    async with connect(quick, journal=path) as akool:
        submitted = [akool.submit(speech(key), key=key) for key in "ab"]
        recovered = [job async for job in akool.recover()]
        await asyncio.gather(*submitted, *recovered)
        assert [job.key for job in recovered] == ["c"]
    assert quick.world.creates == {"audio.tts": 3}


async def test_recover_leaves_a_step_of_a_recipe_to_its_recipe(
    quick: Simulator, connect: Connect, path: Path, until: Until
) -> None:
    gate = asyncio.Event()
    queued: list[str | None] = []

    async def wait(name: str, *_about: object) -> None:
        if name == "audio.tts":
            await gate.wait()

    def note(event: Event) -> None:
        if event.name == "job.queued":
            queued.append(event.job.key)

    quick.fault = wait
    akool = connect(quick, journal=path, max_concurrency=1, on_event=note)
    one = akool.submit(speech(1), key="1")
    akool.submit(AgeFaces(url="https://media.example/photo.png", years=5), key="older")
    await until(lambda: "older" in queued and quick.requests["audio.tts"])
    await akool.close(0.0)
    assert isinstance(one.exception(), CreateOutcomeUnknown)
    gate.set()
    quick.fault = None
    async with connect(quick, journal=path) as akool:
        assert "older/1" in [entry.key for entry in _entries(akool)]
        jobs = [job async for job in akool.recover()]
        assert [job.key for job in jobs] == ["1"]
        await asyncio.gather(*jobs, return_exceptions=True)


def _entries(akool: Akool) -> list[Any]:
    records = akool._shared.records  # noqa: SLF001 - nobody else may open the file now
    assert records is not None
    assert isinstance(records.store, Journal)
    return list(records.store.entries())


_SERVER = """
import asyncio, sys
from akool_async import Akool
from akool_async.endpoints import TTS

async def main(url, path):
    akool = Akool("{key}", base_url=url, journal=path, max_concurrency=1)
    for n in range(20):
        job = akool.submit(TTS(input_text=str(n), voice_id="v"), key=f"order {{n}}")
        await job.recorded()
        print(job.key, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_no_order_that_was_answered_is_lost_when_the_process_is_killed(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    script = _SERVER.format(key=quick.api_key)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, quick.url, str(path), stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    answered = [(await server.stdout.readline()).decode().strip() for _ in range(20)]
    server.kill()
    await server.communicate()
    async with connect(quick, journal=path) as akool:
        for job in [akool.job(key=key) for key in answered]:
            try:
                await job
            except CreateOutcomeUnknown:
                continue  # the one that was on its way
    assert quick.world.creates.total() <= 20
    assert list(states(path).values()).count(State.COMPLETED) >= 19


# Position in line


async def test_the_position_tells_how_many_go_before(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    gate = asyncio.Event()

    async def wait(*_about: object) -> None:
        await gate.wait()

    order: list[str] = []

    def note(event: Any) -> None:
        if event.name == "job.creating":
            order.append(event.job.tag)

    quick.fault = wait
    async with connect(quick, max_concurrency=1, on_event=note) as akool:
        first = akool.submit(speech("first"), tag="first")
        await until(lambda: quick.requests["audio.tts"])
        assert first.position is None
        jobs: list[Job[Any]] = [akool.submit(speech(n), tag=f"speech {n}") for n in range(3)]
        older = ImageReage.from_wire(
            {
                "targetImage": [{"path": "https://media.example/a.png", "opts": "1,1:2,2:3,3:4,4"}],
                "face_reage": 5,
                "modifyImage": "https://media.example/a.png",
            }
        )
        jobs += [akool.submit(older, tag=f"reage {n}") for n in range(2)]
        jobs.append(akool.submit(speech("urgent"), tag="urgent", priority=1))
        assert await jobs[1].cancel()
        del jobs[1]
        told = {job.position or 0: job.tag for job in jobs}
        assert sorted(told) == [1, 2, 3, 4, 5]
        gate.set()
        await asyncio.gather(first, *jobs)
        assert all(job.position is None for job in jobs)
    assert order == ["first", *[told[place] for place in sorted(told)]]
