"""Live face swap: a session that is closed, however its block is left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from akool_async import (
    Akool,
    AuthenticationError,
    CreateOutcomeUnknown,
    InsufficientCredit,
    InvalidInput,
    NotFound,
    Retry,
    SessionLeftOpen,
    Status,
)
from akool_async.endpoints import Face
from akool_async.endpoints.live_faceswap import LiveFaceswapSession
from akool_async.journal import Journal, State
from akool_async.simulator import Simulator
from tests.clocks import LoopTime, turns

if TYPE_CHECKING:
    from tests.servers import RawServer, Serve, Visit

Until = Callable[[Callable[[], object]], Awaitable[None]]

SESSION = "6a0000000000000000000103"
TOKEN = "007eJxCANARY"
FACES = [Face("https://a.example/new.jpg", opts="1,2:3,4:5,6:7,8")]
OPENED = {
    "_id": SESSION,
    "faceswap_status": 1,
    "front_user_id": "1",
    "algorithm_user_id": "3",
    "front_rtc_token": TOKEN,
    "channel_id": "20260116032959101_8224",
    "app_id": "",
}
OK = {"code": 1000, "msg": "OK"}
LOST = "lost"
"""Drop the connection in place of an answer."""
HANG = "hang"
"""Never answer."""


class Stage:
    """A server of one session: what it answers to the create, and to one close after the other."""

    def __init__(self, *closes: Any, created: Any = None) -> None:
        self.created = {**OK, "data": OPENED} if created is None else created
        self.closes = [*closes, OK]
        self.seen: list[str] = []
        self.bodies: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, visit: Visit) -> None:
        verb = visit.target.rpartition("/")[2]
        self.seen.append(verb)
        self.bodies.append(json.loads(visit.body))
        answer: Any = OK
        if verb == "create":
            await self.gate.wait()
            answer = self.created
        elif verb == "close":
            answer = self.closes.pop(0) if len(self.closes) > 1 else self.closes[0]
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


async def test_a_session_is_used_changed_and_closed_once(serve: Serve) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        async with akool.faceswap.live(source_image=FACES) as session:
            assert isinstance(session, LiveFaceswapSession)
            assert (session.id, session.status) == (SESSION, Status.QUEUED)
            assert (session.front_user_id, session.algorithm_user_id) == ("1", "3")
            assert (session.front_rtc_token, session.app_id) == (TOKEN, "")
            assert session.channel_id == OPENED["channel_id"]
            await session.update(source_image=FACES)
        assert session.closed
    assert stage.seen == ["create", "update", "close"]
    assert stage.bodies[1]["_id"] == stage.bodies[2]["_id"] == SESSION


async def test_nothing_is_asked_about_a_session_and_its_job_is_done(serve: Serve) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        job = akool.faceswap.live_create(source_image=FACES)
        opened = await job
        assert job.done()
        assert (opened.status, opened.faceswap_status) == (Status.COMPLETED, Status.QUEUED)
    assert stage.seen == ["create"]


def listed(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


async def test_neither_repr_nor_plain_data_nor_journal_holds_the_token(
    serve: Serve, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.db"
    async with (
        client(await serve(Stage()), journal=str(journal)) as akool,
        akool.faceswap.live(source_image=FACES) as session,
    ):
        shown = [repr(session), repr(session.receipt), str(session.receipt.to_dict())]
        shown += [repr(session.job), session.receipt.to_json()]
        assert not any("CANARY" in each for each in shown)
    kept = b"".join([path.read_bytes() for path in listed(tmp_path)])
    assert SESSION.encode() in kept
    assert b"CANARY" not in kept


async def test_its_row_in_the_journal_is_closed_with_it(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with client(await serve(Stage()), journal=path) as akool:
        async with akool.faceswap.live(source_image=FACES):
            pass
        await akool.faceswap.live_create(source_image=FACES)
    with Journal.reader(path) as view:
        assert [each.state for each in view.entries()] == [State.CLOSED, State.COMPLETED]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_a_session_is_closed_whatever_is_raised_in_its_block(
    serve: Serve, error: type[BaseException]
) -> None:
    stage = Stage()
    async with client(await serve(stage)) as akool:
        with pytest.raises(error):
            async with akool.faceswap.live(source_image=FACES):
                raise error
    assert stage.seen == ["create", "close"]


async def test_a_return_in_the_block_closes_the_session(serve: Serve) -> None:
    stage = Stage()

    async def channel(akool: Akool) -> str:
        async with akool.faceswap.live(source_image=FACES) as session:
            return session.channel_id

    async with client(await serve(stage)) as akool:
        assert await channel(akool) == OPENED["channel_id"]
    assert stage.seen == ["create", "close"]


@pytest.mark.parametrize("step", range(130))
async def test_a_cancel_at_any_step_leaves_no_session_open(serve: Serve, step: int) -> None:
    stage = Stage()

    async def use(akool: Akool) -> None:
        async with akool.faceswap.live(source_image=FACES) as session:
            await session.update(source_image=FACES)

    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(use(akool))
        await turns(step)
        task.cancel()
        await asyncio.wait([task])
        assert stage.count("close") == stage.count("create") <= 1


async def test_a_cancel_while_it_is_opened_waits_for_the_answer_and_closes(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    stage.gate.clear()
    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(open_one(akool))
        await until(lambda: stage.seen == ["create"])
        for _ in range(3):
            task.cancel()
            await turns()
        assert not task.done()
        stage.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stage.seen == ["create", "close"]


async def open_one(akool: Akool) -> None:
    async with akool.faceswap.live(source_image=FACES):
        raise AssertionError("it was cancelled before")


async def test_a_deadline_of_anyio_closes_too(serve: Serve) -> None:
    stage = Stage(LOST)
    async with client(await serve(stage)) as akool:
        with anyio.move_on_after(0.05) as scope:
            async with akool.faceswap.live(source_image=FACES):
                await anyio.sleep_forever()
        assert scope.cancelled_caught
    assert stage.seen == ["create", "close", "close"]


async def test_a_session_that_waits_for_its_turn_is_never_opened(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    stage.gate.clear()
    async with client(await serve(stage), max_concurrency=1) as akool:
        first = akool.faceswap.live_create(source_image=FACES)
        await until(lambda: stage.seen == ["create"])
        task = asyncio.create_task(open_one(akool))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stage.gate.set()
        await first
    assert stage.seen == ["create"]


# The create


async def test_a_lost_reply_to_the_create_is_in_doubt_and_nothing_is_sent_again(
    serve: Serve,
) -> None:
    stage = Stage(created=LOST)
    async with client(await serve(stage), retry=Retry(attempts=4, initial=0.0)) as akool:
        with pytest.raises(CreateOutcomeUnknown):
            async with akool.faceswap.live(source_image=FACES):
                pass
    assert stage.seen == ["create"]


async def test_a_lost_reply_after_a_cancel_is_told_by_the_log(
    serve: Serve, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(created=LOST)
    stage.gate.clear()
    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(open_one(akool))
        await until(lambda: stage.seen == ["create"])
        task.cancel()
        await turns()
        stage.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "nobody can close it" in caplog.text
    assert stage.seen == ["create"]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_sessions_that_one_create_has_opened_are_all_closed(
    serve: Serve,
    until: Until,
    cancelled: bool,  # noqa: FBT001 - a parameter
) -> None:
    other = {**OPENED, "_id": "6a0000000000000000000104"}
    stage = Stage(created={**OK, "data": [OPENED, other]})
    stage.gate.clear()
    async with client(await serve(stage)) as akool:
        task = asyncio.create_task(open_one(akool))
        await until(lambda: stage.seen == ["create"])
        if cancelled:
            task.cancel()
            await turns()
        stage.gate.set()
        with pytest.raises(asyncio.CancelledError if cancelled else CreateOutcomeUnknown):
            await task
    assert stage.seen == ["create", "close", "close"]
    assert [each["_id"] for each in stage.bodies[1:]] == [SESSION, other["_id"]]


async def test_a_refused_create_is_the_refusal(serve: Serve) -> None:
    stage = Stage(created={"code": 1104, "msg": "no credit"})
    async with client(await serve(stage)) as akool:
        with pytest.raises(InsufficientCredit):
            async with akool.faceswap.live(source_image=FACES):
                pass
    assert stage.seen == ["create"]


async def test_a_session_that_failed_at_once_is_a_failed_job(serve: Serve) -> None:
    failed = {**OPENED, "faceswap_status": 4}
    async with client(await serve(Stage(created={**OK, "data": failed}))) as akool:
        job = akool.faceswap.live_create(source_image=FACES)
        assert (await job.created()).status is Status.FAILED
        job.exception()


def test_bad_input_is_refused_before_anything_is_sent() -> None:
    akool = Akool("the-key")
    with pytest.raises(InvalidInput, match="source_image"):
        akool.faceswap.live(source_image=[])
    for grace in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInput, match="grace"):
            akool.faceswap.live(source_image=FACES, grace=grace)


# The close


@pytest.mark.parametrize(
    "closes",
    [
        [LOST],
        [LOST, LOST, LOST],
        [{"code": 1005, "msg": "too often"}],
        [{"code": 1014, "msg": "Resource does not exist"}],
        [{"code": 1219, "msg": "closed"}],
        [LOST, {"code": 1003, "msg": "the session was closed"}],
    ],
    ids=["lost", "lost thrice", "throttled", "gone", "closed", "lost and then refused"],
)
async def test_a_close_is_repeated_until_it_is_answered(
    serve: Serve, closes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("akool_async.streaming.closer._FIRST_PAUSE", 0.0)
    stage = Stage(*closes)
    retry = Retry(attempts=1, throttled=0.0)
    async with (
        client(await serve(stage), retry=retry) as akool,
        akool.faceswap.live(source_image=FACES),
    ):
        pass
    assert stage.count("create") == 1
    assert stage.count("close") >= len(closes)


async def test_a_close_that_is_refused_leaves_the_session_open_and_says_so(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage({"code": 1102, "msg": "no token"})
    async with client(await serve(stage)) as akool:
        with pytest.raises(SessionLeftOpen, match=SESSION) as caught:
            async with akool.faceswap.live(source_image=FACES):
                pass
        assert (caught.value.id, caught.value.seconds) == (SESSION, None)
        assert caught.value.name == "faceswap.live_create"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert stage.seen == ["create", "close"]


async def test_an_error_of_the_block_goes_before_a_close_that_fails(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage({"code": 1102, "msg": "no token"})
    async with client(await serve(stage)) as akool:
        with pytest.raises(ValueError, match="mine"):
            async with akool.faceswap.live(source_image=FACES):
                raise ValueError("mine")
    assert SESSION in caplog.text


async def test_a_close_that_is_never_answered_ends_after_its_grace(
    serve: Serve, loop_time: LoopTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(*[HANG] * 5)
    async with client(await serve(stage)) as akool:

        async def use() -> None:
            async with akool.faceswap.live(source_image=FACES, grace=3.0):
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


async def test_a_session_may_be_closed_early(serve: Serve) -> None:
    stage = Stage()
    async with (
        client(await serve(stage)) as akool,
        akool.faceswap.live(source_image=FACES) as session,
    ):
        await session.close()
        await session.close()
        with pytest.raises(RuntimeError, match="closed"):
            await session.update(source_image=FACES)
    assert stage.seen == ["create", "close"]


async def test_leaving_tries_once_more_what_an_early_close_could_not(serve: Serve) -> None:
    stage = Stage({"code": 1102, "msg": "no token"})
    async with (
        client(await serve(stage)) as akool,
        akool.faceswap.live(source_image=FACES) as session,
    ):
        with pytest.raises(SessionLeftOpen):
            await session.close()
    assert stage.seen == ["create", "close", "close"]


async def test_a_client_that_is_closed_closes_its_sessions_first(
    serve: Serve, until: Until
) -> None:
    stage = Stage()
    akool = client(await serve(stage))
    leave = asyncio.Event()

    async def use() -> None:
        async with akool.faceswap.live(source_image=FACES):
            await leave.wait()

    async with akool:
        task = asyncio.create_task(use())
        await until(lambda: stage.seen == ["create"])
        await turns()
    assert stage.seen == ["create", "close"]
    leave.set()
    await task
    assert stage.seen == ["create", "close"]


async def test_a_session_is_entered_once(serve: Serve) -> None:
    async with client(await serve(Stage())) as akool:
        session = akool.faceswap.live(source_image=FACES)
        with pytest.raises(RuntimeError, match="not open"):
            _ = session.id
        async with session:
            pass
        with pytest.raises(RuntimeError, match="entered once"):
            await session.__aenter__()


# The simulator


async def test_the_simulator_knows_which_sessions_are_open() -> None:
    async with Simulator() as simulator, Akool(simulator.api_key, base_url=simulator.url) as akool:
        async with akool.faceswap.live(source_image=FACES) as session:
            known = session.id
            await session.update(source_image=FACES)
            assert known in simulator.world.jobs
        assert known not in simulator.world.jobs
        await akool.faceswap.live_close(id=known)
        with pytest.raises(NotFound):
            await akool.faceswap.live_update(id=known, source_image=FACES)
        assert simulator.requests["faceswap.results"] == 0


async def test_a_wrong_key_opens_nothing() -> None:
    async with Simulator() as simulator, Akool("wrong", base_url=simulator.url) as akool:
        with pytest.raises(AuthenticationError):
            async with akool.faceswap.live(source_image=FACES):
                pass
    assert not simulator.world.jobs
