"""Cancelling a job: in the queue, while it is created, at Akool, and too late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    Backoff,
    CancelNotSupported,
    Conflict,
    Face,
    InsufficientCredit,
    JobCancelled,
    JobError,
    Operation,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator
from tests.clients import hold

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")
RARELY = Backoff(initial=600.0, maximum=600.0)
"""So rarely that no look comes between a cancel and its answer."""


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def speech() -> TTS:
    return TTS(input_text="hello", voice_id="voice")


@pytest.mark.parametrize("make", [reage, speech])
async def test_a_queued_job_is_removed_and_never_sent(
    simulator: Simulator, connect: Connect, make: Callable[[], Operation[Any]]
) -> None:
    async with connect(simulator, max_concurrency=1) as akool:
        first = akool.submit(reage())
        request = make()
        job: Any = akool.submit(request)
        await first.created()
        assert await job.cancel()
        assert job.done()
        assert job.cancelled()
        with pytest.raises(JobCancelled) as caught:
            await job
        error = caught.value
        assert (error.job, error.name, error.token) == (job, request.label, None)
        assert error.request is request
        assert await first.cancel()
        assert simulator.world.creates.total() == 1


async def test_a_job_that_is_being_created_is_cancelled_once_its_receipt_is_there(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold(simulator, "reage.image", gate)
    async with connect(simulator, backoff=RARELY) as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        cancelling = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        assert not cancelling.done()
        assert simulator.requests["faceswap.cancel"] == 0

        gate.set()
        assert await cancelling
        assert simulator.requests["faceswap.cancel"] == 1
        error = job.exception()
        assert isinstance(error, JobCancelled)
        assert error.token == job.token
        assert simulator.world.jobs[job.id or ""].reason == "cancelled"


async def test_a_create_that_is_refused_has_nothing_left_to_cancel(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold(simulator, "reage.image", gate)
    simulator.world.credit = 0.0
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        cancelling = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        gate.set()
        assert not await cancelling
        assert isinstance(job.exception(), InsufficientCredit)
        assert not job.cancelled()
        assert simulator.requests["faceswap.cancel"] == 0


async def test_who_gives_up_waiting_for_a_cancel_has_cancelled_all_the_same(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold(simulator, "reage.image", gate)
    simulator.world.credit = 0.0
    async with connect(simulator, on_credit="pause") as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await job.cancel()
        gate.set()
        with pytest.raises(JobCancelled):  # and not queued again, to be paid for later
            await job.wait(timeout=20)
        assert simulator.requests["reage.image"] == 1


async def test_a_job_at_akool_is_cancelled_there_by_its_job_id(
    simulator: Simulator, connect: Connect
) -> None:
    sent: list[Any] = []

    async def note(name: str, request: web.Request) -> None:
        if name == "faceswap.cancel":
            sent.append(json.loads(await request.read()))

    simulator.fault = note
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        awaiter = asyncio.create_task(job.wait())
        assert await job.cancel()
        assert sent == [{"job_ids": job.job_id}]
        with pytest.raises(JobCancelled) as caught:
            await awaiter
        assert caught.value.job == job
        assert caught.value.token == job.token
        assert not isinstance(caught.value, asyncio.CancelledError)
        assert isinstance(caught.value, JobError)


async def test_a_cancelled_job_is_looked_at_no_more(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        other = await akool.submit(reage()).created()
        job = await akool.submit(reage()).created()
        await job.cancel()
        asked: list[str] = []

        async def note(name: str, request: web.Request) -> None:
            if name == "faceswap.results":
                asked.append(request.query["_ids"])

        simulator.fault = note
        await until(lambda: len(asked) >= 4)
        assert all(ids == other.id for ids in asked[1:])


async def test_a_resumed_job_can_be_cancelled(simulator: Simulator, connect: Connect) -> None:
    async with connect(simulator) as akool:
        token = (await akool.submit(reage()).created()).token
    async with connect(simulator, backoff=RARELY) as akool:
        job = akool.job(token)
        assert await job.cancel()
        assert simulator.world.jobs[job.id or ""].reason == "cancelled"


async def test_what_akool_cannot_cancel_goes_on_and_the_caller_learns_of_it(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(speech()).created()
        with pytest.raises(CancelNotSupported) as caught:
            await job.cancel()
        assert caught.value.job == job
        assert caught.value.token == job.token
        assert not job.done()
        assert not job.cancelled()
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED


async def test_an_end_that_came_before_the_cancel_wins(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        job = akool.submit(reage())
        result = await job
        assert not await job.cancel()
        assert not job.cancelled()
        assert job.result() is result
        assert quick.requests["faceswap.cancel"] == 0


async def test_an_end_that_comes_during_the_cancel_wins(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold(simulator, "faceswap.cancel", gate)
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        cancelling = asyncio.create_task(job.cancel())
        await until(lambda: simulator.requests["faceswap.cancel"])
        await clock.advance(60)
        await until(job.done)
        gate.set()
        assert not await cancelling
        assert (await job).status is Status.COMPLETED


async def test_a_cancel_that_akool_refuses_leaves_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async def refuse(name: str, _request: web.Request) -> web.StreamResponse | None:
        if name != "faceswap.cancel":
            return None
        return web.json_response({"code": 1010, "msg": "This content cannot be operated"})

    simulator.fault = refuse
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        with pytest.raises(Conflict):
            await job.cancel()
        assert not job.done()
        await clock.advance(60)
        await job


async def test_a_job_can_be_cancelled_by_several_at_once(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        assert await asyncio.gather(*[job.cancel() for _ in range(5)]) == [True] * 5
        assert await job.cancel()


async def test_giving_up_on_a_cancel_leaves_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold(simulator, "reage.image", gate)
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.cancel(), 0.01)
        gate.set()
        await job.created()
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED
        assert simulator.requests["faceswap.cancel"] == 0


async def test_nobody_needs_to_look_at_a_job_that_was_cancelled(
    simulator: Simulator, connect: Connect
) -> None:
    # The loop would complain of an error that nobody looked at.
    async with connect(simulator, max_concurrency=1, backoff=RARELY) as akool:
        jobs = [akool.submit(reage()) for _ in range(3)]
        await jobs[0].created()
        for job in reversed(jobs):
            assert await job.cancel()
