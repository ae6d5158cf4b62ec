"""Kind: one hiccup of the server ends no job that is paid for, let alone many."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from akool_async import (
    Akool,
    AkoolError,
    APIError,
    AuthenticationError,
    Backoff,
    Face,
    Job,
    JobTimeout,
    NotFound,
    Operation,
    Retry,
)
from akool_async.clock import ManualClock
from akool_async.crun import Crun, FaceTarget, SwapFaces
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.clocks import Elapse, Until
    from tests.servers import Serve, Visit

PHOTO = "https://photos.example/photo.png"
DEFINITE = [1003, 1006, 1008, 1009, 1014, 1015, 1101, 1102, 1103, 1104, 1109, 1200, 1216, 1219]
ONE_OF_EACH_KIND = [1003, 1006, 1009, 1014, 1015, 1101, 1103]
"""One for each class of error that those are: a family's jobs are told apart by no more."""


def speech(number: int) -> TTS:
    return TTS(input_text=f"text {number}", voice_id="voice")


def reage(number: int) -> ImageReage:
    return ImageReage(target_image=[Face(PHOTO)], face_reage=number % 30, modify_image=PHOTO)


class Looks:
    """Answers looks with a code while it has one."""

    def __init__(self) -> None:
        self.code = 0
        self.sick = ""
        """The id to refuse; empty for all."""
        self.left = 0
        self.asked: list[list[str]] = []

    async def __call__(self, name: str, request: web.Request) -> web.Response | None:
        """Refuse a look, or leave it to the simulator."""
        if name not in {"audio.get", "faceswap.results"}:
            return None
        query = request.query
        ids = (query.get("_ids") or query["audio_model_id"]).split(",")
        self.asked.append(ids)
        if self.left and (not self.sick or self.sick in ids):
            self.left -= 1
            return web.json_response({"code": self.code, "msg": "no"})
        return None


def client(simulator: Simulator, own: ManualClock, connect: Connect) -> Akool:
    backoff = Backoff(initial=1.0, multiplier=1.2, maximum=10.0)
    return connect(simulator, clock=own, backoff=backoff, retry=Retry())


async def old(
    akool: Akool, make: Callable[[int], Operation[Any]], number: int, own: ManualClock,
    elapse: Elapse,
) -> list[Job[Any]]:  # fmt: skip
    """Start jobs, and watch them until they are old enough to be refused at all."""
    jobs = [akool.submit(make(n)) for n in range(number)]
    await asyncio.gather(*(job.created() for job in jobs))
    await elapse(own, lambda: own.time() > 60, step=0.5)
    return jobs


@pytest.mark.parametrize("make", [speech, reage])
@pytest.mark.parametrize("code", ONE_OF_EACH_KIND)
async def test_one_refused_look_ends_no_job_of_the_family(
    make: Callable[[int], Operation[Any]],
    code: int,
    *,
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        jobs = await old(akool, make, 30, own, elapse)
        looks.code, looks.left = code, 1
        await elapse(own, lambda: not looks.left, step=0.1)
        await elapse(own, lambda: own.time() > 120, step=0.5)
        assert not any(job.done() for job in jobs)
        await clock.advance(600)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.5)
        await asyncio.gather(*jobs)


async def test_a_refusal_of_all_looks_under_way_is_one_hiccup_and_ends_no_job(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        jobs = [akool.submit(speech(n)) for n in range(30)]
        await asyncio.gather(*(job.created() for job in jobs))
        looks.code, looks.left = 1101, 16  # as many looks as are under way at once
        await elapse(own, lambda: looks.left < 16, step=0.1)
        looks.left = 0
        await clock.advance(600)
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.5)
        await asyncio.gather(*jobs)


@pytest.mark.parametrize("make", [speech, reage])
async def test_an_account_that_is_refused_for_good_ends_all_jobs_after_few_looks(
    make: Callable[[int], Operation[Any]],
    *,
    simulator: Simulator,
    connect: Connect,
    elapse: Elapse,
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        jobs = await old(akool, make, 30, own, elapse)
        looks.code, looks.left = 1101, 10**6
        looks.asked.clear()
        begun = own.time()
        await elapse(own, lambda: all(job.done() for job in jobs), step=0.1)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert {type(each) for each in outcomes} == {AuthenticationError}
        assert len({getattr(each, "token", None) for each in outcomes}) == 30
        assert own.time() < begun + 20
        assert len(looks.asked) <= 16 + 3


@pytest.mark.parametrize("make", [speech, reage])
@pytest.mark.parametrize("code", DEFINITE)
async def test_one_refused_look_does_not_end_the_only_job_once_it_was_seen(
    make: Callable[[int], Operation[Any]],
    code: int,
    *,
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        [job] = await old(akool, make, 1, own, elapse)
        looks.code, looks.left = code, 1
        await elapse(own, lambda: not looks.left, step=0.1)
        await elapse(own, lambda: own.time() > 120, step=0.5)
        assert not job.done()
        await clock.advance(600)
        await elapse(own, job.done, step=0.5)
        assert job.result().url


@pytest.mark.parametrize("make", [speech, reage])
@pytest.mark.parametrize("code", [1003, 1008, 1009, 1014])
async def test_a_job_that_was_seen_ends_only_after_three_refusals_in_a_row(
    make: Callable[[int], Operation[Any]],
    code: int,
    *,
    simulator: Simulator,
    connect: Connect,
    elapse: Elapse,
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        jobs = await old(akool, make, 5, own, elapse)
        sick = jobs[2]
        looks.code, looks.sick = code, sick.id or ""

        def alone() -> int:
            return looks.asked.count([looks.sick])

        for _ in range(3):  # twice, then seen again
            looks.asked.clear()
            looks.left = 10**6
            await elapse(own, lambda: alone() >= 2, step=0.05)
            assert not sick.done()
            looks.left = 0
            await elapse(own, lambda: alone() >= 3, step=0.05)
            assert not sick.done()
        looks.asked.clear()
        looks.left = 10**6
        begun = own.time()
        await elapse(own, sick.done, step=0.05)
        assert alone() == 3
        assert own.time() < begun + 15  # the next look, then two more soon after
        assert isinstance(sick.exception(), NotFound if code in {1008, 1014} else APIError)
        assert not any(job.done() for job in jobs if job is not sick)


@pytest.mark.parametrize("code", [401, 402, 404, 422, 501])
async def test_one_refused_look_at_crun_ends_no_job(
    code: int, serve: Serve, clock: ManualClock, elapse: Elapse
) -> None:
    created = looks = 0

    async def answer(visit: Visit) -> None:
        nonlocal created, looks
        row: dict[str, Any] = {}
        if visit.is_create:
            created += 1
            row = {"task_id": f"{created:024x}"}
        else:
            row = {"task_id": visit.target.rpartition("=")[2]}
            looks += 1
            if looks == 20:
                await visit.say({"code": code, "message": "no", "data": None})
                return
            done = looks > 30
            row |= {"status": "success" if done else "running"}
            row |= {"result": {"media_urls": ["https://cdn.example/a.png"] if done else []}}
        await visit.say({"code": 200, "message": "ok", "data": row})

    server = await serve(answer)
    faces = [FaceTarget(0, "https://photos.example/b.png")]
    swap = SwapFaces(detect_id="1", image_url=PHOTO, faces=faces)
    often = Backoff(initial=2.0, multiplier=1.0, maximum=2.0)
    async with Crun("key", base_url=server.url, clock=clock, backoff=often) as crun:
        jobs = [crun.submit(swap) for _ in range(2)]
        await elapse(clock, lambda: all(job.done() for job in jobs), step=0.5)
        assert all(job.result().url for job in jobs)


async def test_a_refused_account_holds_back_the_looks_of_the_others_meanwhile(
    simulator: Simulator, connect: Connect, elapse: Elapse
) -> None:
    own = ManualClock()
    looks = simulator.fault = Looks()
    async with client(simulator, own, connect) as akool:
        jobs = await old(akool, speech, 30, own, elapse)
        looks.code, looks.left = 1101, 2
        # One that is under way meanwhile may be refused in the same step.
        await elapse(own, lambda: looks.left < 2, step=0.01)
        refused_at = own.time()
        await elapse(own, lambda: own.time() > refused_at + 0.1, step=0.01)
        looks.asked.clear()
        await elapse(own, lambda: own.time() > refused_at + 0.9, step=0.1)
        assert looks.asked == []
        await elapse(own, lambda: own.time() > refused_at + 20, step=0.1)
        assert not any(isinstance(job.done() and job.exception(), AkoolError) for job in jobs)
        assert len(looks.asked) > 30


@pytest.mark.parametrize("code", [1003, 1005, 1008])
async def test_a_job_that_ends_while_its_look_is_refused_is_let_go(
    code: int, simulator: Simulator, connect: Connect, until: Until
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def refuse(name: str, _request: web.Request) -> web.Response | None:
        if name != "audio.get":
            return None
        asked.set()
        await answer.wait()
        return web.json_response({"code": code, "msg": "no"})

    simulator.fault = refuse
    request = speech(1)
    async with connect(simulator) as akool:
        held = sys.getrefcount(request)
        job = akool.submit(request, timeout=0.05)
        await asked.wait()
        await until(job.done)
        assert isinstance(job.exception(), JobTimeout)
        del job
        answer.set()

        def let_go() -> bool:
            gc.collect()
            return sys.getrefcount(request) == held

        await until(let_go)
