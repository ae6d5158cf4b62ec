"""Keys are asked about asynchronously: `submit` returns at once, and the store answers later."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import (
    Akool,
    ClientClosed,
    InsufficientCredit,
    InvalidInput,
    Job,
    JobCancelled,
    JournalError,
    KeyConflict,
    Submission,
)
from akool_async.endpoints import TTS, AgeFaces, Audio
from akool_async.journal import Attempt, Change, Claim, Entry, Intent, JobStore, Journal, State
from akool_async.simulator import Simulator
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Until

PHOTO = "https://media.example/photo.png"
LONE_SURROGATE = "caf\udce9"


class SlowStore(JobStore):
    """A store that answers questions about keys only when it may; a real journal keeps its rows.

    It is a `JobStore` and nothing else, so that it also shows what `journal=` takes.
    """

    def __init__(self, path: Path) -> None:
        self.rows = Journal(path)
        self.answers = asyncio.Event()
        """Set while it answers."""
        self.asked: list[list[str | None]] = []
        """The keys of each question."""
        self.fault: Exception | None = None
        """Raised instead of the next answer."""
        self.short = False
        """Whether the last answer of each question is missing."""

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Answer when it may."""
        self.asked.append([intent.key for intent in intents])
        await self.answers.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        claims = await self.rows.claim(intents)
        return claims[:-1] if self.short else claims

    async def intend(self, intent: Intent, row: int | None = None) -> Attempt:
        """Do what the journal does; so do all methods that follow."""
        return await self.rows.intend(intent, row)

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        return await self.rows.adopt(attempt, id)

    def note_soon(self, row: int, change: Change) -> Future[None]:
        return self.rows.note_soon(row, change)

    def unfinished(self) -> AsyncIterator[Entry]:
        return self.rows.unfinished()

    def unsaved(self) -> AsyncIterator[Entry]:
        return self.rows.unsaved()

    async def close(self) -> None:
        await self.rows.close()


def speech(text: object = "Hello.", webhook: str | None = None) -> TTS:
    return TTS(input_text=str(text), voice_id="voice", webhook_url=webhook)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SlowStore]:
    opened = SlowStore(path)
    yield opened
    await opened.close()


@pytest.fixture
async def akool(quick: Simulator, connect: Connect, store: SlowStore) -> AsyncIterator[Akool]:
    async with connect(quick, journal=store) as client:
        yield client
        store.answers.set()


def state_of(store: SlowStore, key: str) -> State | None:
    entry = store.rows.find(key)
    return None if entry is None else entry.state


# The store is asked later


async def test_submit_returns_before_the_store_has_answered(
    quick: Simulator, akool: Akool, store: SlowStore, until: Until
) -> None:
    job = akool.submit(speech(), key="K")
    assert store.asked == []
    assert "the journal is asked about its key" in repr(job)
    await turns()
    assert store.asked == [["K"]]
    assert not job.done()
    assert quick.requests.total() == 0
    store.answers.set()
    assert (await job).input_text == "Hello."
    await until(lambda: state_of(store, "K") is State.COMPLETED)


async def test_jobs_without_a_key_do_not_wait_for_the_store(akool: Akool, store: SlowStore) -> None:
    keyed = akool.submit(speech("keyed"), key="K")
    assert (await akool.submit(speech("plain"))).input_text == "plain"
    assert not keyed.done()


async def test_a_job_whose_key_is_asked_about_holds_no_place(
    quick: Simulator, connect: Connect, store: SlowStore
) -> None:
    async with connect(quick, journal=store, max_concurrency=1) as akool:
        keyed = akool.submit(speech("keyed"), key="K")
        await turns()
        assert akool.stats.in_flight == 0
        assert (await akool.submit(speech("plain"))).input_text == "plain"
        store.answers.set()
        await keyed


async def test_a_known_key_shows_its_result_when_it_is_awaited(
    quick: Simulator, connect: Connect, store: SlowStore, path: Path
) -> None:
    store.answers.set()
    async with connect(quick, journal=store) as akool:
        first = await akool.submit(speech(), key="K")
    store.answers.clear()
    async with connect(quick, journal=store) as akool:
        job = akool.submit(speech(), key="K")
        await turns()
        assert not job.done()
        store.answers.set()
        assert await job == first
        assert (await job.created()).id == first.id
    assert quick.world.creates == {"audio.tts": 1}


@pytest.mark.parametrize("ask", [Job.wait, Job.created], ids=["awaited", "created"])
async def test_the_conflict_of_a_known_key_shows_when_the_job_is_asked_for(
    ask: object, quick: Simulator, connect: Connect, store: SlowStore
) -> None:
    store.answers.set()
    async with connect(quick, journal=store) as akool:
        await akool.submit(speech(), key="K")
    store.answers.clear()
    async with connect(quick, journal=store) as akool:
        job = akool.submit(speech("Good night."), key="K")
        assert not job.done()
        store.answers.set()
        with pytest.raises(KeyConflict, match="'K'"):
            await (job.wait() if ask is Job.wait else job.created())
        assert isinstance(job.exception(), KeyConflict)
    assert quick.world.creates == {"audio.tts": 1}
    entry = store.rows.find("K")
    assert entry is not None
    assert (entry.state, entry.attempt) == (State.COMPLETED, 1)


async def test_two_jobs_of_one_key_in_one_turn_are_one_job(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    one, other = akool.submit(speech(), key="K"), akool.submit(Submission(speech(), key="K"))
    assert one == other
    await turns()
    assert akool.submit(speech(), key="K") == one
    store.answers.set()
    assert await one is await other
    assert store.asked == [["K"]]
    assert quick.world.creates == {"audio.tts": 1}


async def test_another_request_under_a_key_that_is_asked_about_is_a_conflict(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    job = akool.submit(speech(), key="K")
    with pytest.raises(KeyConflict, match="belongs to another request"):
        await akool.submit(speech("Good night."), key="K")
    store.answers.set()
    await job
    assert quick.world.creates == {"audio.tts": 1}


async def test_hundreds_of_keys_are_asked_about_in_few_questions(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    store.answers.set()
    jobs = [akool.submit(speech(n), key=f"key {n}") for n in range(700)]
    await asyncio.gather(*jobs)
    assert len(store.asked) <= 2
    assert [key for keys in store.asked for key in keys] == [f"key {n}" for n in range(700)]
    assert quick.world.creates == {"audio.tts": 700}


async def test_keys_that_come_while_the_store_is_asked_are_one_more_question(
    akool: Akool, store: SlowStore
) -> None:
    jobs = [akool.submit(speech(0), key="0")]
    await turns()
    for n in range(1, 50):
        jobs.append(akool.submit(speech(n), key=f"{n}"))
        await asyncio.sleep(0)
    store.answers.set()
    await asyncio.gather(*jobs)
    assert [len(keys) for keys in store.asked] == [1, 49]


async def test_a_stream_of_keys_is_asked_about_in_few_questions(
    akool: Akool, store: SlowStore
) -> None:
    store.answers.set()
    stream = (Submission(speech(n), key=f"{n}", tag=n) for n in range(200))
    tags = {job.tag async for job in akool.map(stream)}
    assert tags == set(range(200))
    assert len(store.asked) < 50


# Cancelled or closed meanwhile


async def test_a_job_that_is_cancelled_while_the_store_is_asked_is_never_sent(
    quick: Simulator, akool: Akool, store: SlowStore, connect: Connect
) -> None:
    job = akool.submit(speech(), key="K")
    await turns()
    assert await job.cancel()
    with pytest.raises(JobCancelled, match="before it was sent"):
        await job
    store.answers.set()
    await akool.submit(speech("later"), key="L")
    assert state_of(store, "K") is State.QUEUED
    assert quick.world.creates == {"audio.tts": 1}
    await akool.close()
    async with connect(quick, journal=store) as another:
        await another.submit(speech(), key="K")
        await another.submit(speech(), key="K")
    assert quick.world.creates == {"audio.tts": 2}


async def test_a_job_that_is_cancelled_before_the_store_is_asked_is_not_asked_about(
    akool: Akool, store: SlowStore
) -> None:
    store.answers.set()
    dropped, kept = akool.submit(speech(0), key="0"), akool.submit(speech(1), key="1")
    await dropped.cancel()
    await kept
    assert store.asked == [["1"]]


async def test_a_key_may_be_submitted_again_once_its_job_was_cancelled(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    dropped = akool.submit(speech(), key="K")
    await turns()
    await dropped.cancel()
    again = akool.submit(speech(), key="K")
    assert again != dropped
    store.answers.set()
    assert (await again).url
    assert quick.world.creates == {"audio.tts": 1}


async def test_closing_while_the_store_is_asked_sends_nothing_and_the_next_process_does(
    quick: Simulator, connect: Connect, store: SlowStore, path: Path
) -> None:
    akool = connect(quick, journal=store)
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    await turns()
    await akool.close()
    for job in jobs:
        with pytest.raises(ClientClosed, match="it was not sent"):
            await job
    assert quick.requests.total() == 0
    await store.close()
    async with connect(quick, journal=path) as another:
        await asyncio.gather(*[another.submit(speech(n), key=f"{n}") for n in range(3)])
        await asyncio.gather(*[another.submit(speech(n), key=f"{n}") for n in range(3)])
    assert quick.world.creates == {"audio.tts": 3}


async def test_rows_of_jobs_that_were_closed_before_their_turn_stay_queued(
    quick: Simulator, connect: Connect, store: SlowStore, until: Until, path: Path
) -> None:
    store.answers.set()
    akool = connect(quick, journal=store, max_concurrency=1)
    gate = asyncio.Event()

    async def wait(*_about: object) -> None:
        await gate.wait()

    quick.fault = wait
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    await until(lambda: quick.requests["audio.tts"])
    gate.set()
    await akool.close()
    await store.close()  # so that all that was noted is on disk
    journal = Journal(path)
    states = [entry.state for entry in journal.entries()]
    journal.close_now()
    assert states == [State.CREATED, State.QUEUED, State.QUEUED]
    for job in jobs:
        assert isinstance(job.exception(), ClientClosed)


# Keys and stores that are no good


async def test_a_store_that_fails_ends_the_jobs_that_it_was_asked_about_and_no_others(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    failed = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    await turns()
    others = [akool.submit(speech(n), key=f"{n}") for n in range(3, 6)]
    plain = akool.submit(speech("plain"))
    store.fault = JournalError("the disk is full")
    store.answers.set()
    for job in failed:
        with pytest.raises(JournalError, match=r"^the disk is full$"):
            await job
    await asyncio.gather(plain, *others)
    assert quick.world.creates == {"audio.tts": 4}
    errors = [job.exception() for job in failed]
    assert len({id(error) for error in errors}) == 3
    assert (await akool.submit(speech(0), key="0")).url


async def test_any_other_error_of_a_store_is_logged_and_ends_those_jobs_too(
    quick: Simulator, akool: Akool, store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Peculiar(Exception):
        def __init__(self, code: int, *, why: str) -> None:
            super().__init__(f"{code}: {why}")

    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(2)]
    store.fault = Peculiar(7, why="cannot even be copied")
    store.answers.set()
    for job in jobs:
        with pytest.raises(JournalError, match="7: cannot even be copied"):
            await job
    assert quick.requests.total() == 0
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is Peculiar


async def test_a_store_that_forgets_an_answer_sends_nothing(
    quick: Simulator, akool: Akool, store: SlowStore
) -> None:
    store.short = True
    store.answers.set()
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(3)]
    for job in jobs:
        with pytest.raises(JournalError, match="2 answers to 3 keys"):
            await job
    assert quick.requests.total() == 0


async def test_a_result_that_cannot_be_read_is_asked_for_again(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    async with connect(quick, journal=path) as akool:
        first = await akool.submit(speech("first"), key="damaged")
        whole = await akool.submit(speech("second"), key="whole")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE job SET result = ? WHERE key = 'damaged'", (b'{"_id": ',))
    connection.close()
    async with connect(quick, journal=path) as akool:
        damaged = akool.submit(speech("first"), key="damaged")
        jobs = [akool.submit(speech("second"), key="whole"), akool.submit(speech("3"), key="new")]
        results = await asyncio.gather(*jobs)
        assert results[0] == whole
        assert (await damaged).id == first.id
    assert quick.world.creates == {"audio.tts": 3}
    journal = Journal(path)
    row = journal.find("damaged")
    journal.close_now()
    assert row is not None
    assert row.state is State.COMPLETED


@pytest.mark.parametrize("recipe", [False, True])
async def test_a_key_with_a_lone_surrogate_is_refused_at_once_and_alone(
    *, quick: Simulator, akool: Akool, store: SlowStore, recipe: bool
) -> None:
    store.answers.set()
    good = [akool.submit(speech(n), key=f"caf\u00e9 {n} \U0001f600") for n in range(3)]
    request: Any = AgeFaces(PHOTO) if recipe else speech()
    with pytest.raises(InvalidInput, match=r"^key: must not hold a lone surrogate"):
        akool.submit(request, key=LONE_SURROGATE)
    with pytest.raises(ValueError, match="lone surrogate"):
        akool.submit(Submission(request, key=LONE_SURROGATE))
    await asyncio.gather(*good)
    assert sum(map(len, store.asked)) == 3
    assert quick.world.creates == {"audio.tts": 3}


@pytest.mark.parametrize("key", [7, b"K", ("a", "b")])
async def test_a_key_that_is_no_text_is_refused_at_once(
    key: object, akool: Akool, store: SlowStore
) -> None:
    with pytest.raises(InvalidInput, match=r"^key: must be a text"):
        akool.submit(speech(), key=key)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert store.asked == []


# What a key belongs to


async def test_a_request_with_another_webhook_is_the_same_request(
    quick: Simulator, connect: Connect, path: Path
) -> None:
    hooks = [f"https://{name}.example/hook" for name in ("old", "new")]
    async with connect(quick, journal=path) as akool:
        one = akool.submit(speech(webhook=hooks[0]), key="K")
        assert akool.submit(speech(webhook=hooks[1]), key="K") == one
        assert akool.submit(speech(), key="K") == one
        result = await one
        recipe = await akool.submit(AgeFaces(PHOTO, webhook_url=hooks[0]), key="R")
    async with connect(quick, journal=path) as akool:
        assert await akool.submit(speech(webhook=hooks[1]), key="K") == result
        assert await akool.submit(AgeFaces(PHOTO, webhook_url=hooks[1]), key="R") == recipe
        with pytest.raises(KeyConflict):
            await akool.submit(TTS(input_text="Hello.", voice_id="voice", rate="50%"), key="K")
        with pytest.raises(KeyConflict):
            await akool.submit(AgeFaces(PHOTO, years=20), key="R")
    assert quick.world.creates == {"audio.tts": 1, "reage.image": 1}


async def test_a_queued_row_is_sent_with_the_webhook_of_the_process_that_sends_it(
    quick: Simulator, akool: Akool, store: SlowStore, connect: Connect
) -> None:
    dropped = akool.submit(speech(webhook="https://old.example/hook"), key="K")
    await turns()
    store.answers.set()
    await dropped.cancel()
    await akool.submit(speech("so that the store has answered"), key="L")
    assert state_of(store, "K") is State.QUEUED
    await akool.close()
    async with connect(quick, journal=store) as another:
        result: Audio = await another.submit(speech(webhook="https://new.example/hook"), key="K")
    sent = quick.world.jobs[result.id].request
    assert isinstance(sent, TTS)
    assert sent.webhook_url == "https://new.example/hook"
    entry = store.rows.find("K")
    assert entry is not None
    assert b"https://new.example/hook" in entry.request


async def test_a_queued_row_holds_the_webhook_that_was_submitted_last(
    quick: Simulator, connect: Connect, store: SlowStore, until: Until, gate: asyncio.Event
) -> None:
    async def wait(*_about: object) -> None:
        await gate.wait()

    quick.fault = wait
    store.answers.set()
    for address in ("https://old.example/hook", "https://new.example/hook"):
        async with connect(quick, journal=store, max_concurrency=1) as akool:
            first = akool.submit(speech("takes the only place"))
            akool.submit(speech(webhook=address), key="K")

            def noted(address: str = address) -> bool:
                entry = store.rows.find("K")
                return entry is not None and address.encode() in entry.request

            await until(noted)
            assert state_of(store, "K") is State.QUEUED
            await akool.close(grace=0)
            assert first.exception() is not None


# Recovery


async def test_jobs_that_were_never_sent_are_not_recovered_and_are_sent_when_submitted_again(
    quick: Simulator, connect: Connect, store: SlowStore, until: Until
) -> None:
    store.answers.set()
    gate, akool = asyncio.Event(), connect(quick, journal=store, max_concurrency=1)

    async def wait(name: str, _request: object) -> None:
        if name == "audio.get":
            await gate.wait()

    quick.fault = wait
    jobs = [akool.submit(speech(n), key=f"{n}") for n in range(4)]
    await until(lambda: quick.requests["audio.get"])
    await akool.close()
    gate.set()
    assert all(isinstance(job.exception(), ClientClosed) for job in jobs)
    assert quick.world.creates == {"audio.tts": 1}
    async with connect(quick, journal=store) as another:
        recovered = [job async for job in another.recover()]
        assert [(job.id, job.request) for job in recovered] == [(jobs[0].id, speech(0))]
        await recovered[0]
        for _ in range(2):
            await asyncio.gather(*[another.submit(speech(n), key=f"{n}") for n in range(4)])
        assert [job async for job in another.recover()] == []
    assert quick.world.creates == {"audio.tts": 4}
    await until(lambda: all(state_of(store, f"{n}") is State.COMPLETED for n in range(4)))
    assert [entry.attempt for entry in store.rows.entries()] == [1, 1, 1, 1]


async def test_a_key_that_is_recovered_while_the_store_is_asked_about_it_is_one_job(
    quick: Simulator, connect: Connect, store: SlowStore, until: Until
) -> None:
    store.answers.set()
    gate, akool = asyncio.Event(), connect(quick, journal=store)

    async def wait(name: str, _request: object) -> None:
        if name == "audio.get":
            await gate.wait()

    quick.fault = wait
    left = akool.submit(speech(), key="K", tag="left")
    await until(lambda: quick.requests["audio.get"])
    await akool.close()
    assert isinstance(left.exception(), ClientClosed)
    store.answers.clear()
    async with connect(quick, journal=store) as another:
        submitted = another.submit(speech(), key="K", tag="submitted")
        await turns()
        (recovered,) = [job async for job in another.recover()]
        store.answers.set()
        assert (await submitted.created()).id == recovered.id == left.id
        assert (submitted.tag, recovered.tag) == ("submitted", None)
        assert another.stats.in_flight == 1
        gate.set()
        assert await submitted == await recovered
    assert quick.world.creates == {"audio.tts": 1}
    await until(lambda: state_of(store, "K") is State.COMPLETED)


# While others act


async def test_jobs_whose_keys_are_asked_about_count_as_queued(
    akool: Akool, store: SlowStore, until: Until
) -> None:
    job = akool.submit(speech(), key="K")
    await until(lambda: store.asked)
    assert akool.stats.queued == akool.stats.jobs["audio.tts"].queued == 1
    store.answers.set()
    await job
    assert akool.stats.queued == 0


async def test_a_refused_account_ends_the_jobs_whose_keys_are_asked_about(
    quick: Simulator, akool: Akool, store: SlowStore, until: Until
) -> None:
    quick.world.credit = 0.0
    keyed = [akool.submit(speech(number), key=f"key {number}") for number in range(3)]
    await until(lambda: store.asked)
    with pytest.raises(InsufficientCredit):
        await akool.submit(speech("without a key"))
    for job in keyed:
        assert isinstance(job.exception(), InsufficientCredit)
    store.answers.set()
    assert quick.requests["audio.tts"] == 1


async def test_a_question_that_is_cancelled_from_outside_is_put_again(
    quick: Simulator, akool: Akool, store: SlowStore, until: Until
) -> None:
    job = akool.submit(speech(), key="K")
    await until(lambda: store.asked)
    for task in asyncio.all_tasks():
        if "_ask" in repr(task.get_coro()):
            task.cancel()
    store.answers.set()
    await job.wait(timeout=20)
    assert quick.world.creates.total() == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_that_was_never_used_lets_go_of_its_journal_at_once(tmp_path: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        Akool("key", journal=tmp_path / "jobs.sqlite")
        Akool("key", journal=tmp_path / "jobs.sqlite")
    finally:
        gc.enable()


async def test_a_conflict_of_a_recipe_names_the_key_that_was_given(
    quick: Simulator, connect: Connect, tmp_path: Path
) -> None:
    first, other = AgeFaces(url=PHOTO, years=9), AgeFaces(url=PHOTO, years=10)
    async with connect(quick, journal=tmp_path / "jobs.sqlite") as akool:
        await akool.submit(first, key="ann")
        with pytest.raises(KeyConflict, match="the key 'ann' "):
            await akool.submit(other, key="ann")
    async with connect(quick, journal=tmp_path / "jobs.sqlite") as akool:  # as in another process
        with pytest.raises(KeyConflict, match="the key 'ann' "):
            await akool.submit(other, key="ann")
