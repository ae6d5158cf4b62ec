"""A paid result told as cancelled: the job had completed at Akool, and nobody had looked since."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import (
    Backoff,
    CancelNotSupported,
    Conflict,
    Face,
    JobCancelled,
    JobFailed,
    ReplyError,
    Retry,
    Status,
    TransportError,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Until

RARELY = Backoff(initial=600.0, maximum=600.0)
"""So rarely that a look in turn never comes."""


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    face = Face("https://photos.example/face.png")
    return ImageReage(target_image=[face], face_reage=10, modify_image=photo)


def listed(*rows: dict[str, Any]) -> web.Response:
    return web.json_response({"code": 1000, "msg": "OK", "data": {"result": rows}})


def row(id: str | None, status: int) -> dict[str, Any]:
    return {"_id": id, "faceswap_status": status, "url": "https://a.example/b.png"}


async def test_a_paid_result_is_not_told_as_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect, tmp_path: Path
) -> None:
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(600)  # it completes at Akool
        assert not await job.cancel()
        assert not job.cancelled()
        result = job.result()
        assert result.status is Status.COMPLETED
        assert result.url
        assert await job is result
        assert simulator.requests["faceswap.cancel"] == 0


async def test_a_paid_result_of_a_resumed_job_is_not_told_as_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator, backoff=RARELY) as akool:
        text = (await akool.submit(reage()).created()).token
    await clock.advance(600)
    async with connect(simulator, backoff=RARELY) as akool:
        job = akool.job(text)
        assert not await job.cancel()
        assert job.result().url


async def test_a_paid_result_that_comes_between_look_and_answer_is_not_told_as_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async def complete(name: str, _request: web.Request) -> None:
        if name == "faceswap.cancel":  # it answers yes all the same
            await clock.advance(600)

    simulator.fault = complete
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        assert not await job.cancel()
        assert job.result().url
        assert simulator.requests["faceswap.cancel"] == 1


async def test_a_paid_result_that_a_list_lacks_now_and_then_is_not_told_as_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async def lacking(name: str, _request: web.Request) -> web.Response | None:
        if name == "faceswap.results" and simulator.requests[name] in {1, 2}:
            return listed()
        return None

    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(600)
        simulator.fault = lacking
        assert not await job.cancel()
        assert job.result().url


async def test_a_failure_that_came_before_a_cancel_is_told_as_a_failure(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()

        async def failed(name: str, _request: web.Request) -> web.Response | None:
            return listed(row(job.id, 4)) if name == "faceswap.results" else None

        simulator.fault = failed
        assert not await job.cancel()
        assert isinstance(job.exception(), JobFailed)
        assert simulator.requests["faceswap.cancel"] == 0


async def test_what_a_cancel_ends_is_told_as_cancelled_whoever_sees_it_first(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:  # which looks every few milliseconds
        for _ in range(20):
            job = await akool.submit(reage()).created()
            assert await job.cancel()
            assert isinstance(job.exception(), JobCancelled)


async def test_a_job_that_a_cancel_leaves_nowhere_is_told_as_cancelled(
    simulator: Simulator, connect: Connect
) -> None:
    async def nowhere(name: str, _request: web.Request) -> web.Response | None:
        return listed() if name == "faceswap.results" else None

    simulator.fault = nowhere
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        assert await job.cancel()
        assert isinstance(job.exception(), JobCancelled)


async def test_a_paid_result_is_found_later_where_no_look_at_it_succeeds(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async def broken(name: str, _request: web.Request) -> web.Response | None:
        return web.Response(status=502) if name == "faceswap.results" else None

    async with connect(simulator, retry=Retry(attempts=1)) as akool:
        job = await akool.submit(reage()).created()
        simulator.fault = broken
        await clock.advance(600)
        with pytest.raises(Exception, match="envelope"):
            await job.cancel()
        assert not job.done()  # nobody knows, so it is watched on
        simulator.fault = None
        await until(job.done)
        assert job.result().url


async def test_a_failure_after_a_refused_cancel_is_told_as_a_failure(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()

        async def refuse(name: str, _request: web.Request) -> web.Response | None:
            if name != "faceswap.cancel":
                return None
            return web.json_response({"code": 1010, "msg": "This content cannot be operated"})

        simulator.fault = refuse
        with pytest.raises(Conflict):
            await job.cancel()

        async def failed(name: str, _request: web.Request) -> web.Response | None:
            return listed(row(job.id, 4)) if name == "faceswap.results" else None

        simulator.fault = failed
        await until(job.done)
        assert isinstance(job.exception(), JobFailed)


async def test_a_failure_is_the_cancel_where_the_look_after_the_vendors_yes_finds_nothing_out(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    cancelled = False

    async def broken(name: str, _request: web.Request) -> web.Response | None:
        nonlocal cancelled
        cancelled = cancelled or name == "faceswap.cancel"
        return web.Response(status=502) if cancelled and name == "faceswap.results" else None

    async with connect(simulator, retry=Retry(attempts=1)) as akool:
        job = await akool.submit(reage()).created()
        simulator.fault = broken
        with pytest.raises(ReplyError):
            await job.cancel()
        simulator.fault = None  # the simulator shows a cancelled job as failed
        await until(job.done)
        assert isinstance(job.exception(), JobCancelled)


@pytest.mark.parametrize("then", ["nothing", "a refusal"])
async def test_a_failure_is_the_cancel_where_the_vendors_yes_was_lost(
    then: str, simulator: Simulator, connect: Connect, until: Until
) -> None:
    requests = 0

    async def lost(name: str, request: web.Request) -> web.Response | None:
        nonlocal requests
        if name != "faceswap.cancel":
            return None
        requests += 1
        if then == "a refusal" and requests > 1:
            return web.json_response({"code": 1010, "msg": "This content cannot be operated"})
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        simulator.fault = lost
        with pytest.raises(Conflict if then == "a refusal" else TransportError):
            await job.cancel()

        async def failed(name: str, _request: web.Request) -> web.Response | None:
            return listed(row(job.id, 4)) if name == "faceswap.results" else None

        simulator.fault = failed
        await until(job.done)
        assert isinstance(job.exception(), JobCancelled)


async def test_a_failure_of_a_job_that_cannot_be_cancelled_is_told_as_a_failure(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    async def failed(name: str, _request: web.Request) -> web.Response | None:
        data = {"_id": job.id, "status": 4, "error_reason": "no such voice"}
        return web.json_response({"code": 1000, "data": data}) if name == "audio.get" else None

    async with connect(simulator) as akool:
        job = await akool.submit(TTS(input_text="Hello", voice_id="v")).created()
        with pytest.raises(CancelNotSupported):
            await job.cancel()
        simulator.fault = failed
        await until(job.done)
        assert isinstance(job.exception(), JobFailed)


async def test_a_failure_after_a_cancel_that_nobody_waited_for_is_told_as_a_failure(
    simulator: Simulator, gate: asyncio.Event, connect: Connect, until: Until
) -> None:
    async def held(name: str, _request: web.Request) -> web.Response | None:
        if name == "reage.image":
            await gate.wait()
        return listed(row(job.id, 4)) if name == "faceswap.results" else None

    simulator.fault = held
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.requests["reage.image"])
        wish = asyncio.create_task(job.cancel())
        await asyncio.sleep(0)
        wish.cancel()
        await asyncio.wait([wish])
        gate.set()
        await until(job.done)
        assert isinstance(job.exception(), JobFailed)
        assert simulator.requests["faceswap.cancel"] == 0


async def test_a_paid_result_of_a_mirrored_job_is_not_told_as_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect, tmp_path: Path
) -> None:
    async with connect(simulator, backoff=RARELY, journal=tmp_path / "jobs") as akool:
        first = await akool.submit(reage(), key="a").created()
        second = await akool.submit(reage(), key="a").created()
        assert first.id == second.id
        await clock.advance(600)
        assert not await second.cancel()
        assert first.result().url == second.result().url != ""


async def test_a_cancel_of_a_mirrored_job_ends_both(
    simulator: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(simulator, backoff=RARELY, journal=tmp_path / "jobs") as akool:
        first = await akool.submit(reage(), key="a").created()
        second = await akool.submit(reage(), key="a").created()
        assert await second.cancel()
        assert isinstance(first.exception(), JobCancelled)


async def test_a_paid_result_survives_several_cancels_at_once(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator, backoff=RARELY) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(600)
        assert await asyncio.gather(*[job.cancel() for _ in range(5)]) == [False] * 5
        assert job.result().url
