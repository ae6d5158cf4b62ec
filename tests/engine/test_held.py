"""Held families: live sessions last as long as they are used, and are asked about rarely."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import field

from akool_async import Akool, Backoff, JobTimeout, Status
from akool_async.clock import ManualClock
from akool_async.protocol.endpoint import Family, Operation, Query
from akool_async.protocol.fields import Rule
from akool_async.protocol.reply import Reply
from akool_async.protocol.snapshot import Snapshot
from tests.clocks import turns

if TYPE_CHECKING:
    from tests.servers import Serve, Visit

Connect = Callable[..., Akool]
Elapse = Callable[..., Awaitable[None]]

Watched = Literal["polled", "held"]


class Show(Snapshot):
    """A live session, made up."""


class GetShow(Query[Show]):
    """Ask whether a session has ended."""

    path = "show/detail"
    parse = Reply(Show)

    id: Annotated[str, Rule("must not be empty", bool)] = field(name="show_id")


def family(watch: Watched) -> Family[Show]:
    return Family(
        name=f"{watch} show", result=Show, lookup=lambda ids: GetShow(id=ids[0]), watch=watch
    )


class OpenShow(Operation[Show]):
    """Open a session."""

    path = "show/open"
    name = "show.open"
    parse = Reply(Show)
    family = family("held")


class OpenPolledShow(Operation[Show]):
    """Open the same, and have it polled."""

    path = "show/open"
    name = "show.polled"
    parse = Reply(Show)
    family = family("polled")


class Stage:
    """A server of sessions, none of which ends by itself."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.times: dict[str, list[float]] = {}
        """When each session was asked about."""
        self.ended: set[str] = set()

    async def __call__(self, visit: Visit) -> None:
        query = parse_qs(urlsplit(visit.target).query)
        id = query["show_id"][0] if query else f"{len(self.times):024x}"  # noqa: A001
        if query:
            self.times[id].append(self.clock.time())
        else:
            self.times[id] = []
        status = Status.COMPLETED if id in self.ended else Status.PROCESSING
        await visit.say({"code": 1000, "data": {"_id": id, "status": int(status)}})


@pytest.fixture
def stage(clock: ManualClock) -> Stage:
    return Stage(clock)


async def passed(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        await clock.advance(1.0)
        await turns()


@pytest.mark.parametrize(
    "backoff", [None, Backoff(initial=0.5, maximum=0.5)], ids=["learned", "fixed"]
)
async def test_a_held_job_is_asked_about_every_half_minute_whatever_the_schedule_is(
    *,
    stage: Stage,
    serve: Serve,
    clock: ManualClock,
    connect: Connect,
    backoff: Backoff | None,
) -> None:
    server = await serve(stage)
    async with connect(server.url, clock=clock, backoff=backoff) as akool:
        held = await akool.submit(OpenShow()).created()
        polled = await akool.submit(OpenPolledShow()).created()
        await passed(clock, 400)
        times = [0.0, *stage.times[held.id or ""]]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert len(gaps) >= 10
        assert all(24.0 <= gap <= 37.0 for gap in gaps)
        assert held.eta is None
        assert len(stage.times[polled.id or ""]) > 2 * len(gaps)


async def test_sessions_that_ended_teach_nothing(
    stage: Stage, serve: Serve, clock: ManualClock, connect: Connect
) -> None:
    server = await serve(stage)
    async with connect(server.url, clock=clock, backoff=None) as akool:
        for _ in range(5):
            job = await akool.submit(OpenShow()).created()
            stage.ended.add(job.id or "")
            await passed(clock, 37)
            assert (await job).status is Status.COMPLETED
            assert len(stage.times[job.id or ""]) == 1


@pytest.mark.parametrize("settings", [{}, {"job_timeout": 5.0}], ids=["as by default", "short"])
async def test_no_time_limit_of_the_client_ends_a_held_job(
    *,
    stage: Stage,
    serve: Serve,
    clock: ManualClock,
    connect: Connect,
    settings: dict[str, Any],
) -> None:
    server = await serve(stage)
    seldom = Backoff(initial=500.0, maximum=500.0)
    async with connect(server.url, clock=clock, backoff=seldom, **settings) as akool:
        job = await akool.submit(OpenShow()).created()
        polled = await akool.submit(OpenPolledShow()).created()
        for _ in range(25):
            await clock.advance(600.0)
            await turns()
        assert not job.done()
        assert isinstance(polled.exception(), JobTimeout)
        stage.ended.add(job.id or "")
        await passed(clock, 40)
        assert (await job).status is Status.COMPLETED


async def test_a_time_limit_that_a_held_job_was_given_ends_it(
    stage: Stage, serve: Serve, clock: ManualClock, connect: Connect
) -> None:
    server = await serve(stage)
    async with connect(server.url, clock=clock) as akool:
        job = await akool.submit(OpenShow(), timeout=50.0).created()
        await passed(clock, 49)
        assert not job.done()
        await passed(clock, 1)
        assert isinstance(job.exception(), JobTimeout)


async def test_a_held_job_that_is_woken_is_asked_about_at_once_and_then_as_before(
    stage: Stage, serve: Serve, clock: ManualClock, connect: Connect
) -> None:
    server = await serve(stage)
    async with connect(server.url, clock=clock) as akool:
        engine = akool._runtime("a test").engine  # noqa: SLF001 - webhooks are not received yet
        job = await akool.submit(OpenShow()).created()
        await passed(clock, 10)
        assert engine.wake(job.id or "")
        await clock.advance(0)
        await turns()
        assert stage.times[job.id or ""] == [10.0]
        await passed(clock, 23)
        assert len(stage.times[job.id or ""]) == 1
        await passed(clock, 14)
        assert len(stage.times[job.id or ""]) == 2
        stage.ended.add(job.id or "")
        engine.wake(job.id or "")
        await clock.advance(0)
        assert (await job).status is Status.COMPLETED
