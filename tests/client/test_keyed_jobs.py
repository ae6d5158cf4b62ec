"""Jobs with a key, while their store answers: one of them never holds up, or changes, another."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Event, JobCancelled, JobFailed, JournalError
from akool_async.endpoints import TTS
from akool_async.journal import Attempt, Change, Claim, Intent, Journal, State
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from aiohttp import web

    from tests.clients import Connect

SPEECH = TTS(input_text="hello", voice_id="voice")
OTHER = TTS(input_text="another", voice_id="voice")


class TwoArguments(Exception):
    """An error that cannot be copied."""

    def __init__(self, one: str, _other: str) -> None:
        super().__init__(one)


class Failing(Journal):
    """A store whose database fails in a way of its own."""

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Fail."""
        raise TwoArguments("no database", f"{len(intents)} keys")


class Forgetful(Journal):
    """A store that does not answer the last key."""

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Answer all keys but the last one."""
        return (await super().claim(intents))[:-1]


@pytest.mark.parametrize("store", [Failing, Forgetful])
async def test_a_store_that_fails_in_its_own_way_ends_the_jobs_it_was_asked_about(
    store: type[Journal], quick: Simulator, connect: Connect, path: Path
) -> None:
    journal = store(path)
    async with connect(quick, journal=journal) as akool:
        jobs = [akool.submit(SPEECH, key=key) for key in "ab"]
        for job in jobs:
            with pytest.raises(JournalError):
                await job.wait(timeout=20)
    await journal.close()
    assert quick.world.creates.total() == 0


async def test_a_result_that_cannot_be_read_is_asked_for_again_beside_another_key(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        first = await akool.submit(SPEECH, key="broken")
    journal = Journal(path)
    row = journal.find("broken")
    assert row is not None
    await journal.note(row.number, Change(State.COMPLETED, result=b"{"))
    await journal.close()
    async with connect(quick, journal=path) as akool:
        broken, sound = akool.submit(SPEECH, key="broken"), akool.submit(OTHER, key="sound")
        await sound.wait(timeout=20)
        assert (await broken.wait(timeout=20)).id == first.id


async def test_the_events_of_a_keyed_job_happen_in_the_context_of_its_submission(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number")
    queued: list[tuple[object, int]] = []

    def hook(event: Event) -> None:
        if event.name == "job.queued":
            queued.append((event.job.tag, number.get()))

    async def run(mine: int, akool: Akool) -> None:
        number.set(mine)
        await akool.submit(SPEECH, key=f"key {mine}", tag=mine)

    async with connect(quick, journal=path, on_event=hook) as akool:
        await asyncio.gather(*(asyncio.create_task(run(each, akool)) for each in range(3)))
    assert sorted(queued, key=str) == [(0, 0), (1, 1), (2, 2)]


async def test_a_key_is_free_again_after_a_semaphore_failed(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    class Semaphore:
        fails = True

        async def acquire(self) -> None:
            if self.fails:
                raise OSError("the lock server is down")

        def release(self) -> None:
            """Do nothing."""

    semaphore = Semaphore()
    async with connect(quick, journal=path, semaphore=semaphore) as akool:
        first = akool.submit(SPEECH, key="K")
        with pytest.raises(OSError, match="down"):
            await first
        semaphore.fails = False
        await akool.submit(SPEECH, key="K")
    assert quick.world.creates.total() == 1


async def test_a_failed_row_stays_failed_if_its_second_attempt_is_cancelled_before_it_is_sent(
    connect: Connect, path: Path
) -> None:
    async with Simulator(pace=0.02, fail_rate=1.0, instant_audio_rate=0.0) as simulator:
        semaphore, queued = asyncio.Semaphore(1), asyncio.Event()

        def hook(event: Event) -> None:
            if event.name == "job.queued":
                queued.set()

        settings = {"journal": path, "semaphore": semaphore, "on_event": hook}
        async with connect(simulator, **settings) as akool:
            with pytest.raises(JobFailed):
                await akool.submit(SPEECH, key="K")
            await semaphore.acquire()
            queued.clear()
            again = akool.submit(SPEECH, key="K", retry_failed=True)
            await queued.wait()
            await again.cancel()
            with pytest.raises(JobCancelled):
                await again
            semaphore.release()
            del again
            gc.collect()
            with pytest.raises(JobFailed):
                await akool.submit(SPEECH, key="K")
        assert simulator.world.creates.total() == 1


async def test_an_intent_that_the_store_refuses_leaves_the_row_to_the_job_that_works_on_it(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    class Raced(Journal):
        async def intend(self, intent: Intent, row: int | None = None) -> Attempt:
            await super().intend(intent, row)  # as another event loop did just before
            return await super().intend(intent, row)

    journal = Raced(path)
    async with connect(quick, journal=journal) as akool:
        with pytest.raises(JournalError, match="not to be sent again"):
            await akool.submit(SPEECH, key="K")
    row = journal.find("K")
    assert row is not None
    assert row.state is State.INTENT
    await journal.close()


async def test_a_recovered_job_has_the_key_of_its_row(
    simulator: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(simulator, journal=path) as akool:
        await akool.submit(SPEECH, key="K").created()
        await akool.submit(OTHER).created()
    async with connect(simulator, journal=path) as akool:
        assert [job.key async for job in akool.recover()] == ["K", None]


async def test_recovery_passes_over_rows_that_this_process_has_ended_meanwhile(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        await akool.submit(OTHER).created()
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def held(name: str, _request: web.Request) -> None:
        if name == "audio.tts":
            arrived.set()
            await answer.wait()

    quick.fault = held
    async with connect(quick, journal=path) as akool:
        job: Any = akool.submit(SPEECH, key="K")
        await arrived.wait()
        recovered = akool.recover()
        await anext(recovered)  # the row of K was read with this one, as an intent
        answer.set()
        await job
        del job
        gc.collect()
        assert [each async for each in recovered] == []
    journal = Journal(path)
    row = journal.find("K")
    assert row is not None
    assert row.state is State.COMPLETED
    await journal.close()


async def test_recovery_ends_with_the_client(
    simulator: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(simulator, journal=path) as akool:
        await akool.submit(SPEECH).created()
        await akool.submit(OTHER).created()
    akool = connect(simulator, journal=path)
    recovered = akool.recover()
    await anext(recovered)
    await akool.close()
    with pytest.raises(RuntimeError, match="closed"):
        await anext(recovered)


async def test_a_job_that_only_its_mirror_is_awaited_of_counts_as_awaited(
    simulator: Simulator, connect: Connect, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(simulator, journal=path) as akool:
        token = (await akool.submit(SPEECH, key="K").created()).token
    caplog.clear()
    async with connect(simulator, journal=path) as akool:
        akool.job(token)
        mirror = akool.submit(SPEECH, key="K")
        await mirror.created()
    assert mirror.done()
    assert "nobody awaited" not in caplog.text
