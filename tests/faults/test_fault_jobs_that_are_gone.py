"""Kind: a job that is gone for good is not waited for until its time is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import Backoff, Face, ResultExpired
from akool_async.clock import ManualClock
from akool_async.endpoints import ImageReage
from akool_async.protocol import token as tokens
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse
    from tests.servers import Serve, Visit

PHOTO = "https://photos.example/photo.png"
DAY = 86400
SLOWLY = Backoff(initial=1.0, multiplier=2.0, maximum=10.0)


def reage() -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=5, modify_image=PHOTO)


def token_of(name: str, number: int, clock: ManualClock, *, days: float) -> str:
    """Return the token of a job that began some days ago."""
    created = int(clock.now().timestamp() - days * DAY)
    return tokens.write(
        tokens.JobReference(name=name, id=f"{number:024x}", job_id=None, created=created)
    )


@pytest.mark.parametrize("name", ["faceswap.image", "faceswap.video", "reage.image", "reage.video"])
async def test_jobs_older_than_their_lifetime_that_three_lists_leave_out_have_expired(
    name: str, simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, backoff=SLOWLY) as akool:
        running = await akool.submit(reage()).created()
        jobs = [akool.job(token_of(name, n, clock, days=8)) for n in range(5)]
        await elapse(clock, lambda: all(job.done() for job in jobs), step=0.5)
        for outcome, job in zip(
            await asyncio.gather(*jobs, return_exceptions=True), jobs, strict=True
        ):
            assert isinstance(outcome, ResultExpired)
            assert outcome.token == job.token
        assert clock.time() < 60
        assert simulator.requests["faceswap.results"] >= 3
        assert akool.stats.in_flight == (0 if running.done() else 1)


async def test_a_younger_job_that_lists_leave_out_is_warned_of_once_and_watched_on(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connect(simulator, clock=clock, backoff=SLOWLY) as akool:
        jobs = [akool.job(token_of("reage.image", n, clock, days=6.5)) for n in range(3)]
        await elapse(clock, lambda: clock.time() > 600)
        assert not any(job.done() for job in jobs)
        warnings = [each.message for each in caplog.records if "leave out" in each.message]
        assert len(warnings) == 1
        assert "3 jobs" in warnings[0]
        assert jobs[0].token in warnings[0]


async def test_a_job_that_a_list_leaves_out_now_and_then_is_not_given_up(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    lists = 0
    ids = [f"{n:024x}" for n in range(2)]

    async def leaving_out(name: str, _request: web.Request) -> web.Response | None:
        nonlocal lists
        if name != "faceswap.results":
            return None
        lists += 1
        shown = ids if lists % 3 == 0 else ids[1:]
        rows = [{"_id": each, "faceswap_status": 2} for each in shown]
        return web.json_response({"code": 1000, "msg": "OK", "data": {"result": rows}})

    simulator.fault = leaving_out
    async with connect(simulator, clock=clock, backoff=SLOWLY) as akool:
        jobs = [akool.job(token_of("reage.image", n, clock, days=8)) for n in range(2)]
        await elapse(clock, lambda: lists > 30)
        assert not any(job.done() for job in jobs)


ONE_BY_ONE = [
    "audio.tts",
    "image.generate",
    "video.lip_sync",
    "avatar.upload",
    "moderation.analyze",
]


@pytest.mark.parametrize("data", [{}, {"_id": "other"}], ids=["nothing", "another job"])
@pytest.mark.parametrize("name", ONE_BY_ONE)
async def test_an_old_job_whose_own_look_shows_no_job_has_expired(
    name: str, data: dict[str, Any], *, serve: Serve, clock: ManualClock, connect: Connect,
    elapse: Elapse,
) -> None:  # fmt: skip
    async def answer(visit: Visit) -> None:
        await visit.say({"code": 1000, "msg": "OK", "data": data})

    server = await serve(answer)
    async with connect(server.url, clock=clock, backoff=SLOWLY) as akool:
        job = akool.job(token_of(name, 1, clock, days=8))
        await elapse(clock, job.done, step=0.5)
        assert isinstance(job.exception(), ResultExpired)
        assert len(server.visits) == 3
