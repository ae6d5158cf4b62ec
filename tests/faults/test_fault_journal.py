"""The journal under a client: intent before money, one create per key, and nothing forgotten."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    ClientClosed,
    ConnectFailed,
    CreateOutcomeUnknown,
    InsufficientCredit,
    JobCancelled,
    JobFailed,
    JobTimeout,
    JournalError,
    KeyConflict,
    ProcessingError,
    RateLimited,
    ResultExpired,
    Retry,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS
from akool_async.engine.keys import request_fingerprint
from akool_async.journal import Change, Entry, Intent, Journal, State
from tests.journals import file_of

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until
    from tests.faults.conftest import Documented, Fault, Scripted
    from tests.servers import Reaction, Visit

ID = "65f8017f56559aa67f0ecde7"
REQUEST = TTS(input_text="Hello", voice_id="voice")


class Plan(NamedTuple):
    """What happens to one connection, as the scripted server takes it."""

    act: Reaction
    stage: str = "BODY"


def code(number: int) -> Plan:
    """Answer with an envelope that says no."""
    return Plan(lambda visit: visit.say({"code": number, "msg": "no"}))


async def reset(visit: Visit) -> None:
    """Drop the connection."""
    visit.reset()


def document(status: int, id: str = ID) -> dict[str, Any]:
    """Return a reply about one speech."""
    row = {"_id": id, "status": status, "url": "https://media.example/a.mp3"}
    return {"code": 1000, "msg": "OK", "data": row}


async def speaks(visit: Visit) -> None:
    """Create speeches, and report each as completed."""
    await visit.say(document(1 if visit.is_create else 3))


async def never_ends(visit: Visit) -> None:
    """Create speeches, and report each as being made."""
    await visit.say(document(2))


def rows(path: Path) -> list[Entry]:
    """Read a journal that nobody has open."""
    journal = Journal(path)
    try:
        return list(journal.entries())
    finally:
        journal.close_now()


def read(path: Path, columns: str) -> list[tuple[Any, ...]]:
    """Read a journal beside whoever has it open, as another program would."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        found = connection.execute(f"SELECT {columns} FROM job ORDER BY number").fetchall()  # noqa: S608
    connection.close()
    return found


# The intent is on disk before the money


async def test_the_intent_is_on_disk_when_the_request_arrives(
    documented: Documented, path: Path, scripted: Scripted, connect: Connect
) -> None:
    seen: list[list[tuple[Any, ...]]] = []

    async def answer(visit: Visit) -> None:
        if visit.is_create:
            seen.append(read(path, "state, name, request"))
        await documented.answer(visit)

    server = await scripted(answer)
    async with connect(server.url, journal=path) as akool:
        await akool.submit(documented.request)
    wire = msgspec.json.encode(documented.request.to_wire())
    assert seen == [[("intent", documented.operation.name, wire)]]
    (row,) = rows(path)
    assert (row.state, row.id) == (State.COMPLETED, documented.id)


async def test_of_many_creates_at_once_none_leaves_before_its_intent(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    async def answer(visit: Visit) -> None:
        if visit.is_create:
            text = json.loads(visit.body)["input_text"]
            texts = [json.loads(request)["input_text"] for (request,) in read(path, "request")]
            assert text in texts
            await visit.say(document(3, id=text))

    server = await scripted(answer)
    async with connect(server.url, journal=path) as akool:
        requests = [TTS(input_text=f"t{n}", voice_id="v") for n in range(60)]
        results = await asyncio.gather(*[akool.submit(request) for request in requests])
    assert sorted(result.id for result in results) == sorted(r.input_text for r in requests)


async def test_without_an_intent_nothing_is_sent(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speaks)
    journal = Journal(path)
    async with connect(server.url, journal=journal) as akool:
        writing = file_of(journal).writer.connection
        (pages,) = writing.execute("PRAGMA page_count").fetchone()
        writing.execute(f"PRAGMA max_page_count = {pages}")
        large = TTS(input_text="x" * 50_000, voice_id="v")
        with pytest.raises(JournalError, match="no room left"):
            await akool.submit(large, key="k")
        assert server.connections == 0
        writing.execute("PRAGMA max_page_count = 1000000")
        assert (await akool.submit(large, key="k")).id == ID
        await journal.close()
        with pytest.raises(JournalError, match="is closed"):
            await akool.submit(REQUEST)
    assert server.creates == 1


async def test_a_job_outlives_a_journal_that_cannot_note_it(
    path: Path, scripted: Scripted, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(path)

    async def answer(visit: Visit) -> None:
        if visit.is_create:
            journal.close_now()
        await speaks(visit)

    server = await scripted(answer)
    async with connect(server.url, journal=journal) as akool:
        with caplog.at_level(logging.ERROR, "akool_async"):
            assert (await akool.submit(REQUEST, key="k")).id == ID
    assert "row 1 stays as it is" in caplog.text
    (row,) = rows(path)
    assert row.state is State.INTENT


# One key is one create, whatever its row says


def noted(path: Path, *states: State, accept: str | None = None, **decision: bool) -> None:
    """Write a row under the key "k", as an earlier process would have left it."""
    journal = Journal(path)
    wire = msgspec.json.encode(REQUEST.to_wire())

    async def write() -> None:
        intent = Intent(
            name="audio.tts", request=wire, fingerprint=request_fingerprint(REQUEST), key="k"
        )
        (number,) = await journal.claim([intent])
        assert isinstance(number, int)
        await journal.intend(intent, number)
        done = msgspec.json.encode(document(3)["data"])
        for state in states:
            accepted = {} if state is State.REFUSED else {"id": ID, "created_at": 1_767_225_600}
            result = done if state is State.COMPLETED else None
            change = Change(state, reason="so it was", result=result, **accepted)  # type: ignore[arg-type]
            await journal.note(number, change)
        if accept or decision:
            journal.resolve("k", accept=accept, **decision)  # type: ignore[arg-type]

    asyncio.run(write())
    journal.close_now()


class Case(NamedTuple):
    """A row, and what its key does in a new process."""

    states: tuple[State, ...]
    outcome: type[Exception] | None
    posts: int = 0
    polls: int = 0
    retry_failed: bool = False
    decision: dict[str, Any] = {}  # noqa: RUF012 - a default of a tuple is never changed


CASES = {
    "about to be sent": Case((), CreateOutcomeUnknown),
    "unknown": Case((State.UNKNOWN,), CreateOutcomeUnknown),
    "unknown, and asked to retry": Case((State.UNKNOWN,), CreateOutcomeUnknown, retry_failed=True),
    "created": Case((State.CREATED,), None, polls=1),
    "completed": Case((State.CREATED, State.COMPLETED), None),
    "failed": Case((State.CREATED, State.FAILED), JobFailed),
    "failed, and asked to retry": Case(
        (State.CREATED, State.FAILED), None, posts=1, polls=1, retry_failed=True
    ),
    "refused": Case((State.REFUSED,), None, posts=1, polls=1),
    "expired": Case((State.CREATED, State.EXPIRED), ResultExpired),
    "abandoned": Case((State.CREATED, State.ABANDONED), JobCancelled),
    "accepted by hand": Case((), None, polls=1, decision={"accept": ID}),
    "to be sent again": Case((State.UNKNOWN,), None, 1, 1, decision={"resend": True}),
    "given up by hand": Case((State.UNKNOWN,), JobCancelled, decision={"abandon": True}),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_key_does_what_its_row_asks_for(
    name: str, path: Path, scripted: Scripted, connect: Connect
) -> None:
    case = CASES[name]
    await asyncio.to_thread(noted, path, *case.states, **case.decision)
    server = await scripted(speaks)
    async with connect(server.url, journal=path) as akool:
        job = akool.submit(REQUEST, key="k", retry_failed=case.retry_failed)
        if case.outcome is None:
            assert (await job).id == ID
        else:
            with pytest.raises(case.outcome):
                await job
    assert (server.creates, server.polls) == (case.posts, case.polls)
    (row,) = rows(path)
    assert (row.key, row.attempt) == ("k", case.posts + 1)


async def test_a_key_whose_result_was_compacted_asks_for_it_once_more(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    await asyncio.to_thread(noted, path, State.CREATED, State.COMPLETED)
    journal = Journal(path)
    await journal.compact(2.0**33)
    server = await scripted(speaks)
    async with connect(server.url, journal=journal) as akool:
        assert (await akool.submit(REQUEST, key="k")).url == "https://media.example/a.mp3"
    assert (server.creates, server.polls) == (0, 1)
    await journal.close()


@pytest.mark.parametrize(
    "result", [b'{"_id": 5', b"[]", b"null", b"7", b"\x07", b'{"_id": "\xff"}']
)
@pytest.mark.parametrize("by_key", [True, False], ids=["by key", "by recovery"])
async def test_a_result_that_cannot_be_read_in_the_journal_is_asked_for_once_more(
    result: bytes, path: Path, scripted: Scripted, connect: Connect, *, by_key: bool
) -> None:
    await asyncio.to_thread(noted, path, State.CREATED, State.COMPLETED)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE job SET result = ?", (result,))
    connection.close()
    server = await scripted(speaks)
    async with connect(server.url, journal=path) as akool:
        recovered = [] if by_key else [job async for job in akool.recover()]
        jobs = recovered or [akool.submit(REQUEST, key="k")]
        assert [(await job).url for job in jobs] == ["https://media.example/a.mp3"]
        assert by_key == (not recovered)
    assert (server.creates, server.polls) == (0, 1)
    (row,) = rows(path)
    assert row.state is State.COMPLETED
    assert row.result is not None
    assert b"https://media.example/a.mp3" in row.result


@pytest.mark.parametrize("state", [None, State.UNKNOWN, State.CREATED, State.REFUSED])
async def test_a_key_of_another_request_is_a_conflict_and_sends_nothing(
    state: State | None, path: Path, scripted: Scripted, connect: Connect
) -> None:
    await asyncio.to_thread(noted, path, *([state] if state else []))
    server = await scripted(speaks)
    async with connect(server.url, journal=path) as akool:
        with pytest.raises(KeyConflict):
            await akool.submit(TTS(input_text="Goodbye", voice_id="voice"), key="k")
        job = akool.submit(REQUEST, key="other")
        with pytest.raises(KeyConflict):
            await akool.submit(TTS(input_text="Goodbye", voice_id="voice"), key="other").created()
        await job
    assert server.creates == 1


async def test_a_key_needs_a_journal(connect: Connect, refused_url: str) -> None:
    async with connect(refused_url) as akool:
        with pytest.raises(ValueError, match="journal"):
            akool.submit(REQUEST, key="k")
        with pytest.raises(ValueError, match="journal"):
            [job async for job in akool.recover()]


async def test_an_outcome_that_stays_unknown_is_told_in_the_same_words_each_time(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speaks, Plan(reset))
    said: list[str] = []
    for _ in range(4):
        async with connect(server.url, journal=path) as akool:
            with pytest.raises(CreateOutcomeUnknown) as caught:
                await akool.submit(REQUEST, key="k")
            said.append(str(caught.value))
            assert caught.value.request == REQUEST
    assert server.creates == 1
    assert len({text.partition("(")[2] for text in said}) == 1


async def test_a_failure_is_told_in_the_same_words_after_a_restart(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    failed = document(4)
    failed["data"]["error_reason"] = "no voice was found"
    server = await scripted(lambda visit: visit.say(failed))
    said: list[str] = []
    for _ in range(2):
        async with connect(server.url, journal=path) as akool:
            with pytest.raises(JobFailed) as caught:
                await akool.submit(REQUEST, key="k")
            said.append(str(caught.value))
    assert said[0].endswith("no voice was found")
    assert said[1] == "audio.tts: no voice was found"
    assert server.creates == 1


@pytest.mark.parametrize(
    ("fault", "kind", "again"),
    [
        (code(1003), APIError, True),
        (code(1006), InsufficientCredit, True),
        (code(1005), RateLimited, True),
        (code(1205), ProcessingError, False),
        (code(1011), APIError, False),
        (code(4711), CreateOutcomeUnknown, False),
        (Plan(reset), CreateOutcomeUnknown, False),
    ],
    ids=["1003", "1006", "1005", "1205", "1011", "4711", "reset"],
)
async def test_only_what_certainly_did_nothing_is_sent_again_under_its_key(
    *,
    fault: Fault,
    kind: type[AkoolError],
    again: bool,
    path: Path,
    scripted: Scripted,
    connect: Connect,
) -> None:
    server = await scripted(speaks, fault)
    once = Retry(attempts=1, throttled_attempts=1)
    async with connect(server.url, journal=path, retry=once) as akool:
        with pytest.raises(kind):
            await akool.submit(REQUEST, key="k")
    async with connect(server.url, journal=path) as akool:
        await asyncio.gather(akool.submit(REQUEST, key="k"), return_exceptions=True)
    assert server.creates == 1 + again


# The same, while the first job is still at hand


async def test_one_key_at_once_is_one_job(path: Path, scripted: Scripted, connect: Connect) -> None:
    server = await scripted(speaks)
    async with connect(server.url, journal=path) as akool:
        jobs = [akool.submit(REQUEST, key="k") for _ in range(10)]
        results = await asyncio.gather(*jobs, akool.submit(REQUEST, key="k"))
        assert {id(result) for result in results} == {id(results[0])}
        assert await akool.submit(REQUEST, key="k") is results[0]
    assert (server.creates, server.polls) == (1, 1)


async def test_a_refused_job_that_is_still_held_is_sent_again_under_its_key(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speaks, code(1006))
    async with connect(server.url, journal=path) as akool:
        first = akool.submit(REQUEST, key="k")
        with pytest.raises(InsufficientCredit):
            await first
        assert (await akool.submit(REQUEST, key="k")).id == ID
        assert isinstance(first.exception(), InsufficientCredit)
    (row,) = rows(path)
    assert (server.creates, row.attempt, row.state) == (2, 2, State.COMPLETED)


async def test_a_failed_job_that_is_still_held_is_sent_again_only_if_asked_for(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speaks, Plan(lambda visit: visit.say(document(4))))
    async with connect(server.url, journal=path) as akool:
        first = akool.submit(REQUEST, key="k")
        for job in (first, akool.submit(REQUEST, key="k")):
            with pytest.raises(JobFailed):
                await job
        assert server.creates == 1
        assert (await akool.submit(REQUEST, key="k", retry_failed=True)).id == ID
    assert server.creates == 2


async def test_an_unknown_job_that_is_still_held_is_never_sent_again(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(speaks, Plan(reset))
    async with connect(server.url, journal=path) as akool:
        held = [akool.submit(REQUEST, key="k", retry_failed=True) for _ in range(3)]
        for job in (*held, akool.submit(REQUEST, key="k", retry_failed=True)):
            with pytest.raises(CreateOutcomeUnknown):
                await job
    assert server.creates == 1


async def test_a_job_that_was_never_sent_is_sent_under_its_key(
    path: Path, scripted: Scripted, connect: Connect, refused_url: str
) -> None:
    async with connect(refused_url, journal=path, max_concurrency=1) as akool:
        first, second = (akool.submit(REQUEST, key=key) for key in ("a", "b"))
        assert await second.cancel()
        with pytest.raises(ConnectFailed):
            await first
        server = await scripted(speaks, port=int(refused_url.rpartition(":")[2]))
        results = await asyncio.gather(*[akool.submit(REQUEST, key=key) for key in ("a", "b")])
    assert [result.status for result in results] == [Status.COMPLETED] * 2
    assert server.creates == 2


async def test_a_job_that_ran_out_of_time_is_watched_on_under_its_key(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    ends = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await (speaks if ends.is_set() else never_ends)(visit)

    server = await scripted(answer)
    async with connect(server.url, journal=path) as akool:
        first = akool.submit(REQUEST, key="k", timeout=0.02)
        with pytest.raises(JobTimeout):
            await first
        ends.set()
        assert (await akool.submit(REQUEST, key="k")).id == ID
    (row,) = rows(path)
    assert (server.creates, row.state) == (1, State.COMPLETED)


async def test_a_job_that_ended_with_its_client_is_watched_on_under_its_key(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(never_ends)
    akool = connect(server.url, journal=path)
    async with akool:
        first = await akool.submit(REQUEST, key="k").created()
    assert isinstance(first.exception(), ClientClosed)
    server.reaction = speaks
    async with akool:
        assert (await akool.submit(REQUEST, key="k")).id == ID
    assert server.creates == 1


def test_a_key_lasts_from_one_event_loop_to_the_next(path: Path) -> None:
    # The server outlives both loops, in a thread of its own.
    from akool_async.simulator import Simulator

    with Simulator(pace=0.01, omit_rate=0.0).in_thread() as simulator:
        akool = Akool(simulator.api_key, base_url=simulator.url, journal=path)
        held = []

        async def speak(key: str) -> str:
            job = akool.submit(REQUEST, key=key)
            held.append(job)
            return (await job).id

        ids = [asyncio.run(speak(key)) for key in ("a", "a", "b", "a")]
        asyncio.run(akool.close())
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert simulator.requests["audio.tts"] == 2


# After a crash


def left_behind(path: Path) -> None:
    """Leave rows in every state, with a key and without; one that was never sent has a key."""
    journal = Journal(path)

    def intent(state: State, key: str | None) -> Intent:
        request = TTS(input_text=f"{state.value} {key}", voice_id="voice")
        return Intent(
            name="audio.tts",
            request=msgspec.json.encode(request.to_wire()),
            fingerprint=request_fingerprint(request),
            key=key,
        )

    async def write() -> None:
        for state in list(State)[1:]:
            for key in (state.value, None):
                row = (await journal.claim([intent(state, key)]))[0] if key else None
                assert not isinstance(row, Entry | KeyConflict)
                number = (await journal.intend(intent(state, key), row)).row
                sent = state not in {State.INTENT, State.UNKNOWN, State.REFUSED}
                await journal.note(number, Change(state, id=f"id{number}" if sent else None))
        await journal.claim([intent(State.QUEUED, "queued")])

    asyncio.run(write())
    journal.close_now()


async def test_recovery_gives_back_every_unfinished_job_and_tells_the_unknown_apart(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    await asyncio.to_thread(left_behind, path)

    async def answer(visit: Visit) -> None:
        await visit.say(document(3, id=visit.target.rpartition("=")[2]))

    server = await scripted(answer)
    async with connect(server.url, journal=path) as akool:
        jobs = [job async for job in akool.recover()]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        again = [job async for job in akool.recover()]  # what is in doubt may be decided by now
        assert all(isinstance(job.exception(), CreateOutcomeUnknown) for job in again)
    texts = [getattr(job.request, "input_text", "") for job in jobs]
    expected = [
        f"{state} {key}" for state in ("intent", "created", "unknown") for key in (state, None)
    ]
    assert texts == [*expected, "queued queued"]  # what was never sent comes last
    unknown = [isinstance(outcome, CreateOutcomeUnknown) for outcome in outcomes]
    assert unknown == [True, True, False, False, True, True, True]
    assert (server.creates, server.polls) == (1, 2)
    assert [row.state for row in rows(path)][:4] == [State.UNKNOWN] * 2 + [State.COMPLETED] * 2


async def test_recovery_leaves_jobs_alone_that_this_process_runs(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    server = await scripted(never_ends)
    async with connect(server.url, journal=path) as akool:
        started = await akool.submit(REQUEST, key="a").created()
        for n in range(50):
            akool.submit(TTS(input_text=f"t{n}", voice_id="v"), key=f"k{n}" if n % 2 else None)
        recovered = []
        for _ in range(100):
            recovered += [job async for job in akool.recover()]
            await asyncio.sleep(0)
        assert recovered == []
        assert not started.done()


async def test_a_recovered_job_and_its_key_are_one(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    await asyncio.to_thread(noted, path, State.CREATED)
    server = await scripted(speaks)
    async with connect(server.url, journal=path) as akool:
        (job,) = [job async for job in akool.recover()]
        assert await akool.submit(REQUEST, key="k") is await job
    assert (server.creates, server.polls) == (0, 1)


async def test_a_job_that_is_watched_by_its_token_is_noted_under_its_key_too(
    path: Path, scripted: Scripted, connect: Connect
) -> None:
    await asyncio.to_thread(noted, path, State.CREATED)
    server = await scripted(never_ends)
    async with connect(server.url, journal=path) as akool:
        (job,) = [job async for job in akool.recover()]
        token = job.token
    async with connect(server.url, journal=path) as akool:
        by_token = akool.job(token)
        by_key = akool.submit(REQUEST, key="k")
        server.reaction = speaks
        assert await by_key == await by_token
    (row,) = rows(path)
    assert row.state is State.COMPLETED


# Out of credit


async def test_a_job_that_waits_for_credit_is_refused_in_the_journal_until_it_is_sent_again(
    path: Path, scripted: Scripted, connect: Connect, clock: ManualClock, elapse: Elapse
) -> None:
    credit = 0
    both_sent = asyncio.Barrier(2)

    async def answer(visit: Visit) -> None:
        if visit.target.endswith("quota/info"):
            await visit.say({"code": 1000, "data": {"credit": credit}})
        elif visit.is_create and not credit:
            await both_sent.wait()  # neither is held back because the other was refused
            await visit.say({"code": 1006, "msg": "Your quota is not enough"})
        else:
            await speaks(visit)

    server = await scripted(answer)
    settings: dict[str, Any] = {"journal": path, "on_credit": "pause", "clock": clock}
    async with connect(server.url, **settings) as akool:
        jobs = [akool.submit(REQUEST, key="k"), akool.submit(REQUEST)]
        await elapse(clock, lambda: [state for (state,) in read(path, "state")] == ["refused"] * 2)
        credit = 5
        akool.resume()
        await elapse(clock, lambda: all(job.done() for job in jobs))
        assert [(await job).id for job in jobs] == [ID, ID]
    assert server.creates == 4
    states = [(row.key, row.state, row.attempt) for row in rows(path)]
    assert states == [("k", State.COMPLETED, 2), (None, State.COMPLETED, 2)]


# Closing


async def test_closing_leaves_no_row_in_doubt_that_is_not(
    path: Path, scripted: Scripted, connect: Connect, until: Until
) -> None:
    answered = asyncio.Event()

    async def answer(visit: Visit) -> None:
        text = json.loads(visit.body or b"{}").get("input_text", "polled")
        if text == "slow":
            await answered.wait()
        elif text in {"never", "polled"}:
            await visit.hang()
        await visit.say(document(1, id=text))

    server = await scripted(answer)
    akool = connect(server.url, journal=path, max_concurrency=3)
    async with akool:
        for text in ("slow", "never", "quick", "queued"):
            akool.submit(TTS(input_text=text, voice_id="v"), key=text)
        await until(lambda: server.creates == 3)
        asyncio.get_running_loop().call_later(0.02, answered.set)
        await akool.close(grace=1.0)
    states = {row.key: (row.state, row.id) for row in rows(path)}
    assert states == {
        "slow": (State.CREATED, "slow"),
        "never": (State.UNKNOWN, None),
        "quick": (State.CREATED, "quick"),
        "queued": (State.QUEUED, None),
    }
