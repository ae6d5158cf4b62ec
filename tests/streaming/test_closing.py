"""A live session is closed once, however its block is left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from akool_async import (
    Akool,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidInput,
    JobCancelled,
    Retry,
    SessionEnded,
    SessionLeftOpen,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import OpenSession
from akool_async.journal import Entry, Journal, State
from akool_async.streaming.events import Ended, Warned
from akool_async.streaming.live_session import LiveSession
from akool_async.streaming.memory import MemoryTransport, transport_pair
from akool_async.streaming.messages import AGORA
from tests.clocks import Elapse, LoopTime, Until, turns

if TYPE_CHECKING:
    from tests.servers import RawServer, Serve, Visit

SESSION = "6a00000000000000000001aa"
CREDENTIALS = {"agora_uid": 7, "agora_app_id": "app", "agora_channel": "c", "agora_token": "CANARY"}
OPENED = {"_id": SESSION, "uid": 1, "type": 1, "status": 1, "stream_type": "agora"}
OK = {"code": 1000, "msg": "OK"}
LOST = "lost"
"""Drop the connection in place of an answer."""
HANG = "hang"
"""Never answer."""


class Stage:
    """A server of one session: what it answers to the create, to looks, and to closes."""

    def __init__(
        self, *closes: Any, created: Any = None, looks: tuple[Any, ...] = ({"status": 2},)
    ) -> None:
        opened = {**OK, "data": {**OPENED, "credentials": CREDENTIALS}}
        self.created = opened if created is None else created
        self.closes = [*closes, OK]
        self.looks = [*looks]
        self.seen: list[str] = []
        self.closed: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, visit: Visit) -> None:
        verb = visit.target.partition("?")[0].rpartition("/")[2]
        self.seen.append(verb)
        answer: Any = OK
        if verb == "create":
            await self.gate.wait()
            answer = self.created
        elif verb == "close":
            self.closed.append(json.loads(visit.body)["id"])
            answer = self.closes.pop(0) if len(self.closes) > 1 else self.closes[0]
        elif verb == "detail":
            look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            answer = look if "code" in look else {**OK, "data": {**OPENED, **look}}
        if answer == LOST:
            visit.reset()
        elif answer == HANG:
            await visit.hang()
        else:
            await visit.say(answer)

    def count(self, verb: str) -> int:
        """Return how many requests of a kind arrived."""
        return self.seen.count(verb)


def client(server: RawServer, **settings: Any) -> Akool:
    settings.setdefault("retry", Retry(attempts=1))
    return Akool("the-key", base_url=server.url, **settings)


def opened(akool: Akool, **fields: Any) -> LiveSession:
    return akool.streaming.open(avatar_id="Alma", **fields)


async def test_a_session_is_opened_shown_and_closed_once(serve: Serve, clock: ManualClock) -> None:
    stage = Stage()
    async with client(await serve(stage), clock=clock) as akool:
        async with opened(akool, duration=600) as session:
            start = datetime(2026, 1, 1, tzinfo=UTC)
            assert (session.id, session.credentials.agora_token) == (SESSION, "CANARY")
            assert session.join_before == start + timedelta(minutes=5)
            assert session.ends_at == start + timedelta(minutes=10)
            await clock.advance(10.0)
            assert session.remaining == 590.0
            assert repr(session) == f"<LiveSession {SESSION}: open>"
        assert session.closed
        assert repr(session) == f"<LiveSession {SESSION}: closed>"
    assert (stage.count("create"), stage.closed) == (1, [SESSION])


async def test_a_session_without_a_duration_has_no_end(serve: Serve) -> None:
    async with client(await serve(Stage())) as akool, opened(akool) as session:
        assert (session.ends_at, session.remaining) == (None, None)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_a_session_is_closed_whatever_is_raised_in_its_block(
    serve: Serve, error: type[BaseException]
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        with pytest.raises(error):
            async with opened(akool):
                raise error
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize("step", range(130))
async def test_a_cancel_at_any_step_leaves_no_session_open(serve: Serve, step: int) -> None:
    stage = Stage()

    async def use(akool: Akool) -> None:
        async with opened(akool, duration=60) as session:
            await akool.streaming.get(id=session.id)

    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(use(akool))
        await turns(step)
        task.cancel()
        await asyncio.wait([task])
        assert stage.count("close") == stage.count("create") <= 1
    assert stage.count("close") == stage.count("create") <= 1


async def test_a_cancel_while_it_is_opened_waits_for_the_answer_and_closes(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    stage.gate.clear()
    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(enter(akool))
        await until(lambda: stage.seen == ["create"])
        for _ in range(3):
            task.cancel()
            await turns()
        assert not task.done()
        stage.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stage.seen == ["create", "close"]


async def enter(akool: Akool) -> None:
    async with opened(akool):
        raise AssertionError("it was cancelled before")


async def test_a_deadline_of_anyio_closes_too_and_a_close_that_is_lost_twice_is_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.streaming.closer._FIRST_PAUSE", 0.0)
    stage = Stage(LOST, LOST)
    async with client(await serve(stage)) as akool:
        with anyio.move_on_after(0.05) as scope:
            async with opened(akool):
                await anyio.sleep_forever()
        assert scope.cancelled_caught
    assert stage.seen == ["create", "close", "close", "close"]


async def test_a_deadline_of_anyio_while_it_is_opened_closes_too(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    stage.gate.clear()
    async with client(await serve(stage)) as akool:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_later(0.05, scope.cancel)
            asyncio.get_running_loop().call_later(0.1, stage.gate.set)
            await enter(akool)
        assert scope.cancelled_caught
    assert stage.seen == ["create", "close"]


async def test_a_generator_that_is_left_closes_its_session(serve: Serve) -> None:
    stage = Stage()

    async def ids(akool: Akool) -> AsyncGenerator[str]:
        async with opened(akool) as session:
            yield session.id
            yield session.id

    async with client(await serve(stage)) as akool, aclosing(ids(akool)) as generator:
        assert await anext(generator) == SESSION
    assert stage.seen == ["create", "close"]


async def test_a_return_and_an_early_close_send_one_close(serve: Serve) -> None:
    stage = Stage()

    async def use(akool: Akool) -> str:
        async with opened(akool) as session:
            await session.close()
            await session.close()
            return session.id

    async with client(await serve(stage)) as akool:
        assert await use(akool) == SESSION
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize("by", ["the endpoint", "the job"])
async def test_a_session_that_the_user_has_closed_is_not_closed_again(
    serve: Serve, by: str
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool, opened(akool) as session:
        if by == "the job":
            assert await session.job.cancel()
        else:
            await akool.streaming.close(id=session.id)
        assert [event async for event in session] == [Ended(reason="closed")]
        assert session.closed
        with pytest.raises(SessionEnded, match="closed"):
            await session.say("Hello.")
    assert stage.seen == ["create", "close"]


async def test_a_lost_reply_to_the_create_is_in_doubt_and_nothing_is_sent_again(
    serve: Serve,
) -> None:
    stage = Stage(created=LOST)
    async with client(await serve(stage), retry=Retry(attempts=4, initial=0.0)) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            await enter(akool)
    assert stage.seen == ["create"]


async def test_a_refused_create_is_the_refusal(serve: Serve) -> None:
    stage = Stage(created={"code": 1104, "msg": "no credit"})
    async with client(await serve(stage)) as akool:
        with pytest.raises(InsufficientCredit):
            await enter(akool)
    assert stage.seen == ["create"]


# Lookups


async def ended(session: LiveSession) -> list[str]:
    """Return why a session ended, once it has."""
    return [event.reason async for event in session if isinstance(event, Ended)]


@pytest.mark.parametrize(
    ("status", "looks"),
    [
        (1, [{"status": 3}]),
        (2, [{"status": 3}]),
        (3, [{"status": 3}]),
        (3, [{"status": 1}, {"status": 3}]),
        (1, [{"status": 2}]),
    ],
    ids=["3 at once", "3 after a receipt of 2", "a receipt of 3", "3 after 1", "2"],
)
async def test_a_session_that_no_lookup_proves_over_goes_on_and_is_asked_for_each_30_s(
    serve: Serve, clock: ManualClock, elapse: Elapse, status: int, looks: list[Any]
) -> None:
    created = {**OK, "data": {**OPENED, "status": status, "credentials": CREDENTIALS}}
    stage = Stage(created=created, looks=tuple(looks))
    async with client(await serve(stage), clock=clock) as akool, opened(akool) as session:
        start = clock.time()
        await elapse(clock, lambda: stage.count("detail") == 10, step=10.0)
        assert clock.time() - start >= 240.0  # 30 s less a fifth, ten times
        assert not session.closed
        assert not session.job.done()
    assert stage.count("close") == 1


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        ([{"status": 2}, {"status": 3}], "ended at Akool"),
        ([{"status": 3}, {"status": 2}, {"status": 3}], "ended at Akool"),
        ([{"status": 4}], "failed"),
        ([{"status": 2}, {"code": 1219, "msg": "liveAvatar closed"}], "ended at Akool"),
        ([{"status": 2}, {"code": 1216, "msg": "not exist"}], "ended at Akool"),
    ],
    ids=["3 after 2", "3 after 2 after 3", "4", "1219", "1216"],
)
async def test_a_session_that_a_lookup_proves_over_ends_and_is_closed_once(
    serve: Serve, clock: ManualClock, elapse: Elapse, looks: list[Any], reason: str
) -> None:
    stage = Stage(looks=tuple(looks))
    async with client(await serve(stage), clock=clock) as akool, opened(akool) as session:
        told = asyncio.create_task(ended(session))
        await elapse(clock, told.done, step=10.0)
        assert told.result() == [reason]
        assert session.closed
    assert stage.count("close") == 1


async def test_a_lookup_that_is_refused_leaves_the_session_open_until_its_block_ends(
    serve: Serve, clock: ManualClock, elapse: Elapse, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(looks=({"code": 1102, "msg": "no token"},))
    async with client(await serve(stage), clock=clock) as akool, opened(akool) as session:
        await elapse(clock, session.job.done, step=10.0)
        assert not session.closed
    assert "no lookup asks whether it goes on" in caplog.text
    assert stage.count("close") == 1


# Its time


async def test_it_warns_before_the_token_and_the_session_end_and_ends_on_time(
    serve: Serve, clock: ManualClock, elapse: Elapse
) -> None:
    stage = Stage()
    async with client(await serve(stage), clock=clock) as akool:
        async with opened(akool, duration=400) as session:
            told: list[Any] = []
            listening = asyncio.create_task(listen(session, told, clock))
            await turns()
            await elapse(clock, listening.done, step=10.0)
            assert told == [
                (270.0, Warned(seconds=30.0, what="token")),
                (370.0, Warned(seconds=30.0, what="session")),
                (400.0, Ended(reason="expired")),
            ]
            assert session.remaining == 0.0
        assert stage.count("close") == 1
    assert stage.count("close") == 1


async def listen(session: LiveSession, told: list[Any], clock: ManualClock) -> None:
    async for event in session:
        told.append((round(clock.time()), event))  # noqa: PERF401 - one after the other


async def test_whoever_has_joined_is_not_warned_of_the_token(
    serve: Serve, clock: ManualClock, elapse: Elapse
) -> None:
    transport, _avatar = transport_pair()
    async with client(await serve(Stage()), clock=clock) as akool:
        async with opened(akool, duration=400, transport=transport) as session:
            told: list[Any] = []
            listening = asyncio.create_task(listen(session, told, clock))
            await turns()
            await elapse(clock, listening.done, step=10.0)
        assert [event for _, event in told] == [
            Warned(seconds=30.0, what="session"),
            Ended(reason="expired"),
        ]


async def test_a_session_that_is_left_rings_no_timer_any_more(
    serve: Serve, clock: ManualClock
) -> None:
    stage = Stage()
    async with client(await serve(stage), clock=clock) as akool:
        async with opened(akool, duration=400):
            pass
        await clock.advance(1000.0)
    assert stage.seen == ["create", "close"]


async def test_a_conversation_that_cannot_begin_leaves_no_session_open(serve: Serve) -> None:
    class Broken(MemoryTransport):
        @property
        def joined(self) -> bool:
            raise OSError("the channel is broken")

        @joined.setter
        def joined(self, value: bool) -> None:
            pass

    stage = Stage()
    broken = Broken(AGORA, joined=True)
    async with client(await serve(stage)) as akool:
        with pytest.raises(OSError, match="broken"):
            async with opened(akool, transport=broken):
                pass
        assert stage.seen == ["create", "close"]


async def test_a_transport_that_does_not_close_holds_up_no_close(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(MemoryTransport):
        async def close(self) -> None:
            assert stage.count("close") <= 1
            raise OSError("the channel is stuck")

    stage = Stage()
    stuck = Stuck(AGORA, joined=True)
    async with client(await serve(stage)) as akool, opened(akool, transport=stuck):
        pass
    assert stage.seen == ["create", "close"]


# The close


@pytest.mark.parametrize("code", [1216, 1219])
async def test_a_session_that_is_closed_already_is_no_error(serve: Serve, code: int) -> None:
    stage = Stage({"code": code, "msg": "closed"})
    async with client(await serve(stage)) as akool, opened(akool):
        pass
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": 1102, "msg": "no token"},
        {"code": 1003, "msg": "Invalid parameter"},
        {"code": 1014, "msg": "Resource does not exist"},
    ],
)
async def test_a_close_that_is_refused_leaves_the_session_open_and_says_so_once(
    serve: Serve, refusal: Any, clock: ManualClock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    stage = Stage(refusal, refusal)
    journal = tmp_path / "jobs.sqlite"
    async with client(await serve(stage), clock=clock, journal=journal) as akool:

        async def use() -> None:
            async with opened(akool, duration=600) as session:
                await clock.advance(10.0)
                with pytest.raises(SessionLeftOpen):
                    await session.close()

        with pytest.raises(SessionLeftOpen, match="590 s are still paid") as caught:
            await use()
        assert (caught.value.id, caught.value.seconds) == (SESSION, 590.0)
        assert caught.value.name == "streaming.session"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert stage.seen == ["create", "close", "close"]
    (row,) = entries(journal)
    assert (row.state, row.id) == (State.CREATED, SESSION)
    assert refusal["msg"] in row.reason


async def test_a_close_that_is_never_answered_ends_after_its_grace(
    serve: Serve, loop_time: LoopTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(*[HANG] * 5)
    async with client(await serve(stage)) as akool:

        async def use() -> None:
            async with opened(akool, grace=3.0):
                pass

        task = asyncio.create_task(use())
        try:
            while not stage.count("close"):
                await turns()
            await loop_time.advance(2.5)
            task.cancel()  # no reason to leave earlier
            await turns()
            assert not task.done()
            await loop_time.advance(1.0)
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            monkeypatch.undo()  # closing the client takes a moment


async def test_a_close_on_a_dead_connection_is_repeated_on_another_one(
    serve: Serve, loop_time: LoopTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(HANG, HANG, OK)
    async with client(await serve(stage)) as akool:

        async def use() -> None:
            async with opened(akool):
                pass

        task = asyncio.create_task(use())
        try:
            for number in (1, 2, 3):
                while stage.count("close") < number and not task.done():
                    await loop_time.advance(0.25)
            await task
        finally:
            monkeypatch.undo()
    assert stage.count("close") == 3


async def test_a_close_that_meets_trouble_at_akool_is_repeated(serve: Serve) -> None:
    trouble = {"code": 2001, "msg": "Server error"}
    stage = Stage(trouble)
    async with client(await serve(stage)) as akool, opened(akool):
        pass
    assert stage.seen == ["create", "close", "close"]


async def test_a_session_that_is_left_open_tells_what_was_answered_last(serve: Serve) -> None:
    stage = Stage()
    retry = Retry(attempts=1, throttled_attempts=1)
    async with client(await serve(stage), retry=retry) as akool:
        session = await opened(akool, grace=1.0).__aenter__()
        stage.closes = [{"code": 1215, "msg": "busy"}]
        with pytest.raises(SessionLeftOpen, match=r"within 1 s; the last answer: .*busy"):
            await session.close()
        stage.closes = [OK]


def test_bad_input_is_refused_before_anything_is_sent() -> None:
    akool = Akool("the-key")
    for grace in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInput, match="grace"):
            opened(akool, grace=grace)
    for duration in (0, 3601):
        with pytest.raises(InvalidInput, match="duration"):
            opened(akool, duration=duration)


def test_the_class_of_a_transport_is_refused_before_anything_is_sent() -> None:
    class Mine(MemoryTransport):
        limits = AGORA
        joined = True

    akool = Akool("the-key")
    for given in (Mine, MemoryTransport, "agora", object()):
        with pytest.raises(InvalidInput, match="transport"):
            opened(akool, transport=given)


# The journal


def entries(journal: Path) -> list[Entry]:
    with Journal.reader(journal) as view:
        return list(view.entries())


async def test_a_session_is_a_row_from_intent_to_closed(
    serve: Serve, tmp_path: Path, clock: ManualClock, elapse: Elapse, until: Until
) -> None:
    stage, path = Stage(looks=({"status": 2}, {"status": 3})), tmp_path / "jobs.sqlite"
    async with client(await serve(stage), journal=path, clock=clock) as akool:
        async with opened(akool) as session:
            await until(lambda: entries(path)[0].state is State.CREATED)
            assert entries(path)[0].id == SESSION
            await elapse(clock, lambda: session.closed, step=10.0)
        await until(lambda: entries(path)[0].state is State.CLOSED)
        assert [job async for job in akool.recover()] == []
    assert entries(path)[0].state is State.CLOSED
    assert b"CANARY" not in b"".join(each.read_bytes() for each in listed(tmp_path))


def listed(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


async def test_a_job_of_a_session_that_is_cancelled_is_closed_in_the_journal(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.sqlite"
    async with client(await serve(Stage()), journal=path) as akool:
        job = await akool.streaming.session(avatar_id="Alma").created()
        assert await job.cancel()
    assert entries(path)[0].state is State.CLOSED


# The client's own closing


async def test_a_client_that_is_closed_closes_its_sessions_first(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    akool = client(await serve(stage))
    leave = asyncio.Event()

    async def use() -> None:
        async with opened(akool):
            await leave.wait()

    async with akool:
        task = asyncio.create_task(use())
        await until(lambda: stage.seen == ["create"])
        await turns()
    assert stage.seen == ["create", "close"]
    leave.set()
    await task
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize("status", [1, 3, 4])
async def test_a_session_that_was_submitted_is_closed_with_the_client(
    serve: Serve, tmp_path: Path, status: int
) -> None:
    path = tmp_path / "jobs.sqlite"
    created = {**OK, "data": {**OPENED, "status": status, "credentials": CREDENTIALS}}
    stage = Stage(created=created)
    async with client(await serve(stage), journal=path) as akool:
        job = await akool.streaming.session(avatar_id="Alma").created()
    assert stage.seen == ["create", "close"]
    assert job.done()
    job.exception()
    assert entries(path)[0].state is State.CLOSED


async def test_whoever_waits_for_a_submitted_session_learns_that_it_was_closed(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        job = akool.streaming.session(avatar_id="Alma")
        while not stage.seen:
            await turns()
    with pytest.raises(JobCancelled, match="its session was closed"):
        await job
    assert caplog.records == []


async def test_a_submitted_session_that_is_left_open_tells_the_seconds_that_are_paid(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage({"code": 1003, "msg": "Invalid parameter"})
    async with client(await serve(stage)) as akool:
        await akool.streaming.session(avatar_id="Alma", duration=600).created()
    assert "600 s are still paid" in caplog.text


@pytest.mark.parametrize("what", ["submitted", "entered", "by hand"])
async def test_a_session_of_a_loop_that_is_over_is_closed_with_the_client(
    serve: Serve, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage, journal = Stage(), tmp_path / "jobs.sqlite"
    akool = client(await serve(stage), journal=journal)

    async def begin() -> None:
        if what == "entered":
            await opened(akool, transport=transport_pair()[0]).__aenter__()
        else:
            await akool.streaming.session(avatar_id="Alma").created()

    async def finish() -> None:
        async with akool:
            if what == "by hand":
                await akool.streaming.close(id=SESSION)

    await asyncio.to_thread(lambda: asyncio.run(begin()))
    assert stage.seen == ["create"]
    await asyncio.to_thread(lambda: asyncio.run(finish()))
    assert stage.seen == ["create", "close"]
    assert [row.state for row in entries(journal)] == [State.CLOSED]
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_a_session_that_is_kept_goes_on_when_the_client_is_closed(serve: Serve) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        await akool.streaming.session(avatar_id="Alma", keep=True).created()
        await akool.submit(OpenSession(avatar_id="Alma")).created()
    assert stage.seen == ["create", "create"]


@pytest.mark.parametrize("by", ["the endpoint", "the job"])
async def test_a_submitted_session_that_the_user_has_closed_is_not_closed_again(
    serve: Serve, by: str
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        job = await akool.streaming.session(avatar_id="Alma").created()
        await (job.cancel() if by == "the job" else akool.streaming.close(id=job.id or ""))
    assert stage.seen == ["create", "close"]


async def test_a_submitted_session_whose_create_is_under_way_is_closed_once_it_is_answered(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    stage.gate.clear()
    akool = client(await serve(stage))
    async with akool:
        akool.streaming.session(avatar_id="Alma").add_done_callback(lambda job: job.exception())
        await until(lambda: stage.seen == ["create"])
        asyncio.get_running_loop().call_later(0.05, stage.gate.set)
    assert stage.seen == ["create", "close"]


async def test_a_submitted_session_that_is_not_sent_yet_is_dropped(serve: Serve) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        akool.pause()
        job = akool.streaming.session(avatar_id="Alma")
    assert stage.seen == []
    assert isinstance(job.exception(), JobCancelled)


async def test_a_session_of_long_ago_is_not_closed_any_more(
    serve: Serve, clock: ManualClock
) -> None:
    created = {**OK, "data": {**OPENED, "status": 3, "credentials": CREDENTIALS}}
    stage = Stage(created=created)
    async with client(await serve(stage), clock=clock) as akool:
        await akool.streaming.session(avatar_id="Alma")
        await clock.advance(4201.0)
        await akool.streaming.session(avatar_id="Alma")
    assert stage.seen == ["create", "create", "close"]
