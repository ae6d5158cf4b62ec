"""Live avatars: a session is used from its receipt, and ends like every job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from akool_async import Akool, Backoff, JobCancelled, JobFailed, NotFound, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import ListSessions, Session, SessionCredentials
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

Until = Callable[[Callable[[], object]], Awaitable[None]]

CREDENTIALS = {
    "agora_uid": 100000,
    "agora_app_id": "the-app",
    "agora_channel": "the-channel",
    "agora_token": "the-agora-token",
}
OPENED = {"_id": "6698c9d6", "uid": 1, "type": 1, "status": 1, "stream_type": "agora"}


class Stage:
    """A server of one session: its create reply, and then what it says when it is asked."""

    def __init__(self, *looks: dict[str, Any], created: dict[str, Any] | None = None) -> None:
        self.created = {**OPENED, "credentials": CREDENTIALS} if created is None else created
        self.looks = [*looks]
        self.closed: list[Any] = []
        self.asked = 0

    async def __call__(self, visit: Visit) -> None:
        where = visit.target.partition("?")[0].rpartition("/")[2]
        if where == "close":
            self.closed.append(json.loads(visit.body))
            await self._say(visit, None)
        elif where == "detail":
            self.asked += 1
            await self._say(visit, self.looks[min(self.asked, len(self.looks)) - 1])
        else:
            await self._say(visit, self.created)

    async def _say(self, visit: Visit, data: Any) -> None:
        document = {"code": 1000, "msg": "OK"} | ({} if data is None else {"data": data})
        await visit.answer(json.dumps(document).encode())


def seen(status: int, **credentials: Any) -> dict[str, Any]:
    """Return what a look shows: never the token."""
    return {**OPENED, "status": status, "credentials": credentials}


def client(url: str) -> Akool:
    soon = Backoff(initial=0.001, multiplier=1.0, maximum=0.001, jitter=0.0)
    return Akool("the-key", base_url=url, backoff=soon)


async def test_a_session_is_usable_as_soon_as_it_is_created(serve: Serve) -> None:
    server = await serve(Stage(seen(2)))
    async with client(server.url) as akool:
        job = await akool.streaming.session(avatar_id="Alma", duration=60).created()
        assert job.receipt is not None
        assert joined(job.receipt) == CREDENTIALS
        assert not job.done()


def joined(session: Session) -> dict[str, Any]:
    """Return the credentials that a session has."""
    known: dict[str, Any] = msgspec.structs.asdict(session.credentials)
    return {name: value for name, value in known.items() if value}


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([seen(3)], CREDENTIALS),
        ([seen(1), seen(2), seen(2), seen(3, agora_uid=100000)], CREDENTIALS),
        (
            [seen(3, agora_uid=7, agora_app_id="", agora_channel="another")],
            {**CREDENTIALS, "agora_uid": 7, "agora_channel": "another"},
        ),
        ([seen(3, agora_token="a-newer-token")], {**CREDENTIALS, "agora_token": "a-newer-token"}),
        ([{"_id": "6698c9d6", "status": 3}], CREDENTIALS),
        ([{"_id": "6698c9d6", "status": 3, "credentials": None}], CREDENTIALS),
    ],
)
async def test_a_session_that_is_over_has_all_its_credentials(
    looks: Any, expected: Any, serve: Serve
) -> None:
    server = await serve(Stage(*looks))
    async with client(server.url) as akool:
        session = await akool.streaming.session(avatar_id="Alma")
    assert session.status is Status.COMPLETED
    assert joined(session) == expected
    assert (session.url, session.expires_at) == ("", None)


async def test_a_session_that_failed_is_an_error(serve: Serve) -> None:
    server = await serve(Stage(seen(2), {**seen(4), "error_reason": "no avatar"}))
    async with client(server.url) as akool:
        job = akool.streaming.session(avatar_id="Alma")
        with pytest.raises(JobFailed, match="no avatar") as caught:
            await job
        assert caught.value.token == job.token


async def test_a_session_that_is_over_at_once_keeps_its_credentials(serve: Serve) -> None:
    stage = Stage(created={**OPENED, "status": 3, "credentials": CREDENTIALS})
    server = await serve(stage)
    async with client(server.url) as akool:
        session = await akool.streaming.session(avatar_id="Alma")
    assert session.credentials.agora_token == "the-agora-token"
    assert stage.asked == 0


async def test_cancelling_a_session_closes_it(serve: Serve) -> None:
    stage = Stage(seen(2))
    server = await serve(stage)
    async with client(server.url) as akool:
        job = akool.streaming.session(avatar_id="Alma")
        assert await job.cancel()
        assert stage.closed == [{"id": job.id}]
        assert job.cancelled()
        with pytest.raises(JobCancelled) as caught:
            await job
    assert caught.value.token == job.token


async def test_a_session_can_be_closed_in_another_process(serve: Serve) -> None:
    stage = Stage(seen(2))
    server = await serve(stage)
    async with client(server.url) as akool:
        token = (await akool.streaming.session(avatar_id="Alma", keep=True).created()).token
    async with client(server.url) as another:
        assert await another.job(token).cancel()
    assert stage.closed == [{"id": "6698c9d6"}]


# What is not shown


SECRET = SessionCredentials(agora_uid=1, agora_app_id="app", agora_channel="c", agora_token="hush")


def test_a_repr_hides_what_joins_a_channel() -> None:
    session = Session(id="6698c9d6", credentials=SECRET)
    for shown in (repr(SECRET), str(SECRET), repr(session), f"{session}", repr([session])):
        assert "hush" not in shown
    assert "6698c9d6" in repr(session)


async def test_neither_job_nor_error_shows_what_joins_a_channel(serve: Serve) -> None:
    created = {**OPENED, "credentials": CREDENTIALS}
    server = await serve(Stage({**created, "status": 4}))
    async with client(server.url) as akool:
        job = akool.streaming.session(avatar_id="Alma")
        with pytest.raises(JobFailed) as caught:
            await job
        shown = [repr(job), job.token, repr(job.receipt), repr(job.snapshot), repr(caught.value)]
    assert all("the-agora-token" not in text for text in shown)


# With the simulator


async def test_the_simulator_shows_the_token_once(simulator: Simulator, akool: Akool) -> None:
    job = await akool.streaming.session(avatar_id="Alma_streaming", duration=60).created()
    assert job.receipt is not None
    assert job.receipt.credentials.agora_token
    later = await akool.streaming.get(id=job.id or "")
    (listed,) = await akool.streaming.sessions()
    for shown in (later, listed):
        assert (shown.id, shown.credentials.agora_token) == (job.id, "")
        assert shown.credentials.agora_channel == job.receipt.credentials.agora_channel


async def test_closing_ends_the_simulated_session(
    simulator: Simulator, akool: Akool, clock: ManualClock, until: Until
) -> None:
    job = await akool.streaming.session(avatar_id="Alma_streaming").created()
    assert simulator.world.in_flight == 1
    await akool.streaming.close(id=job.id or "")
    await akool.streaming.close(id=job.id or "")  # a second time does no harm
    assert simulator.world.in_flight == 0
    assert (await akool.streaming.get(id=job.id or "")).status is Status.COMPLETED
    for _ in range(20):
        await clock.advance(1.0)
        await asyncio.sleep(0.001)
    await until(job.done)
    assert (await job).credentials == getattr(job.receipt, "credentials", None)


async def test_a_session_that_nobody_opened_cannot_be_closed(akool: Akool) -> None:
    with pytest.raises(NotFound) as caught:
        await akool.streaming.close(id="65d3")
    assert caught.value.code == 1216
    job = await akool.image.generate(prompt="a fox").created()
    with pytest.raises(NotFound):
        await akool.streaming.close(id=job.id or "")


async def test_sessions_are_listed_newest_first_and_by_status(
    simulator: Simulator, akool: Akool
) -> None:
    jobs = [akool.streaming.session(avatar_id="Alma_streaming") for _ in range(25)]
    opened = [(await job.created()).id or "" for job in jobs]
    for each in opened[:3]:
        await akool.streaming.close(id=each)
    listed = [each async for each in akool.streaming.sessions(size=10)]
    assert simulator.requests["streaming.sessions"] == 3
    newest_first = sorted(opened, key=[*simulator.world.jobs].index, reverse=True)
    assert [session.id for session in listed] == newest_first
    over = await akool.streaming.sessions(status=Status.COMPLETED)
    assert {session.id for session in over} == set(opened[:3])
    assert over.count == 3
    assert not await akool.streaming.sessions(status=4)
    waiting = await akool.call(ListSessions(status=Status.QUEUED))
    assert len(waiting) == 22
