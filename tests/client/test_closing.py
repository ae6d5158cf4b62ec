"""Closing: each job ends as it must, and nothing is left behind.

What a client leaves behind, a task, a session or an error that nobody looked at, fails
these tests through the fixture that watches the loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from akool_async import (
    Akool,
    ClientClosed,
    CreateOutcomeUnknown,
    Face,
    InsufficientCredit,
    Job,
    JobError,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")
HELD = 30
"""Years that mark the reages whose creates are held back."""


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def hold_marked_creates(simulator: Simulator, gate: asyncio.Event) -> None:
    """Let the creates of `HELD` years wait for a gate before they are answered."""

    async def wait(name: str, request: web.Request) -> None:
        if name == "reage.image" and json.loads(await request.read())["face_reage"] == HELD:
            await gate.wait()

    simulator.fault = wait


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "akool_async" and record.levelno >= logging.WARNING
    ]


class InEveryState:
    """A client with two jobs in each state: watched, being created, queued."""

    def __init__(self, akool: Akool, simulator: Simulator) -> None:
        self.watched = [akool.submit(reage()) for _ in range(2)]
        self.being_created = [akool.submit(reage(HELD)) for _ in range(2)]
        self.queued = [akool.submit(reage()) for _ in range(2)]
        self._simulator = simulator

    @property
    def jobs(self) -> list[Job[Any]]:
        """All of them."""
        return [*self.watched, *self.being_created, *self.queued]

    def reached(self) -> bool:
        """Say whether each has come to its state."""
        return self._simulator.requests["reage.image"] == 4 and all(job.id for job in self.watched)


async def test_each_job_ends_as_its_state_demands(
    simulator: Simulator,
    connect: Connect,
    until: Until,
    gate: asyncio.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold_marked_creates(simulator, gate)
    async with connect(simulator, max_concurrency=4) as akool:
        states = InEveryState(akool, simulator)
        awaiters = [asyncio.create_task(job.wait()) for job in states.jobs]
        await until(states.reached)
        await akool.close(grace=0.02)
        assert all(job.done() for job in states.jobs)
        await asyncio.wait(awaiters)

    for job in states.watched:
        error = job.exception()
        assert isinstance(error, ClientClosed)
        assert isinstance(error, JobError)
        assert (error.job, error.token, error.snapshot) == (job, job.token, job.snapshot)
    for job in states.being_created:
        error = job.exception()
        assert isinstance(error, CreateOutcomeUnknown)
        assert error.request is job.request
        assert error.token is None
    for job in states.queued:
        error = job.exception()
        assert isinstance(error, ClientClosed)
        assert error.request is job.request
        assert error.token is None
    assert [awaiter.exception() for awaiter in awaiters] == [job.exception() for job in states.jobs]
    assert simulator.requests["reage.image"] == 4
    assert warnings_in(caplog) == []


async def test_jobs_that_nobody_awaited_are_counted_in_one_warning(
    simulator: Simulator,
    connect: Connect,
    until: Until,
    gate: asyncio.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold_marked_creates(simulator, gate)
    async with connect(simulator, max_concurrency=4) as akool:
        states = InEveryState(akool, simulator)
        await until(states.reached)
        await akool.close(grace=0)
    (warning,) = warnings_in(caplog)
    assert warning.startswith("6 jobs that nobody awaited")


async def test_creates_that_are_answered_in_the_grace_end_with_their_token(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold_marked_creates(simulator, gate)
    async with connect(simulator) as akool:
        job = akool.submit(reage(HELD))
        await until(lambda: simulator.requests["reage.image"])
        closing = asyncio.create_task(akool.close(grace=60))
        await asyncio.sleep(0)
        gate.set()
        await closing
    error = job.exception()
    assert isinstance(error, ClientClosed)
    assert error.token == job.token
    assert simulator.requests["faceswap.results"] == 0

    async with connect(simulator) as akool:
        await clock.advance(60)
        assert (await akool.job(error.token)).id == job.id


async def test_a_create_that_the_grace_shows_refused_ends_so(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold_marked_creates(simulator, gate)
    simulator.world.credit = 0.0
    async with connect(simulator) as akool:
        job = akool.submit(reage(HELD))
        await until(lambda: simulator.requests["reage.image"])
        closing = asyncio.create_task(akool.close(grace=60))
        await asyncio.sleep(0)
        gate.set()
        await closing
        assert isinstance(job.exception(), InsufficientCredit)


async def test_a_create_that_the_grace_shows_finished_has_its_result(
    connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    async def wait(_name: str, _request: web.Request) -> None:
        await gate.wait()

    async with Simulator(instant_audio_rate=1.0) as simulator:
        simulator.fault = wait
        async with connect(simulator) as akool:
            job = akool.submit(TTS(input_text="hello", voice_id="voice"))
            await until(lambda: simulator.requests["audio.tts"])
            closing = asyncio.create_task(akool.close(grace=60))
            await asyncio.sleep(0)
            gate.set()
            await closing
            assert job.result().status is Status.COMPLETED


async def test_a_refused_create_that_waits_for_its_next_try_is_not_tried_again(
    simulator: Simulator, connect: Connect, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "akool_async")

    async def refuse(_name: str, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": 1005, "msg": "Frequent operation"})

    simulator.fault = refuse
    # On a clock that stands still the time of the next try never comes.
    async with connect(simulator, clock=ManualClock()) as akool:
        jobs = [akool.submit(reage()) for _ in range(5)]
        await until(lambda: caplog.text.count("again in") == 5)
        await akool.close(grace=600)
        assert simulator.requests["reage.image"] == 5
    for job in jobs:
        error = job.exception()
        assert isinstance(error, ClientClosed)
        assert error.request is job.request


async def test_a_job_that_is_closed_in_the_moment_of_its_submission_is_not_sent(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
    error = job.exception()
    assert isinstance(error, ClientClosed)
    assert "not sent" in str(error)
    assert simulator.requests.total() == 0


async def test_an_exception_in_the_block_ends_the_jobs_and_comes_out(
    simulator: Simulator, connect: Connect
) -> None:
    jobs: list[Job[Any]] = []

    async def break_off() -> None:
        async with connect(simulator) as akool:
            jobs.append(await akool.submit(reage()).created())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    assert isinstance(jobs[0].exception(), ClientClosed)


async def test_jobs_whose_awaiters_gave_up_end_without_a_word(
    simulator: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(simulator, max_concurrency=5) as akool:
        jobs = [akool.submit(reage()) for _ in range(20)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*jobs), 0.05)
    assert warnings_in(caplog) == []


async def test_jobs_that_were_only_created_and_not_awaited_end_without_a_word(
    simulator: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(simulator) as akool:
        token = (await akool.submit(reage()).created()).token
    assert token
    assert warnings_in(caplog) == []


async def test_waits_of_every_kind_end_with_the_client(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(simulator, max_concurrency=1) as akool:
        watched, queued = akool.submit(reage()), akool.submit(reage())
        await watched.created()

        async def follow() -> list[Status]:
            return [snapshot.status async for snapshot in watched]

        following = asyncio.create_task(follow())
        creation = asyncio.create_task(queued.created())
        await asyncio.sleep(0)
    assert await following == [Status.QUEUED]
    with pytest.raises(ClientClosed):
        await creation
    assert not await watched.cancel()


async def test_a_closed_client_refuses_work_and_can_be_entered_again(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    akool = connect(simulator, max_concurrency=1)
    async with akool:
        token = (await akool.submit(reage()).created()).token
    for work in (
        lambda: akool.submit(reage()),
        lambda: akool.job(token),
        lambda: akool.faceswap.image(
            source_image=[FACE], target_image=[FACE], modify_image="https://photos.example/a.png"
        ),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            work()
    with pytest.raises(RuntimeError, match="closed"):
        await akool.account.credit()

    async with akool:
        # The place that the first job held is free.
        job = await akool.submit(reage()).created()
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED
        assert (await akool.account.credit()).credit > 0


async def test_a_client_that_is_closing_refuses_work(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold_marked_creates(simulator, gate)
    akool = connect(simulator)
    akool.submit(reage(HELD))
    await until(lambda: simulator.requests["reage.image"])
    closing = asyncio.create_task(akool.close(grace=60))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        akool.submit(reage())
    gate.set()
    await closing


async def test_a_client_can_be_closed_early_twice_or_unused(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        await akool.account.credit()
        await akool.close()
        await akool.close()
    await akool.close()
    await connect(simulator).close()


async def test_a_client_works_without_a_block_and_is_closed_by_hand(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick)
    assert (await akool.submit(reage())).status is Status.COMPLETED
    await akool.close()


async def test_giving_up_on_a_close_leaves_nothing_behind_either(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold_marked_creates(simulator, gate)
    akool = connect(simulator, max_concurrency=4)
    states = InEveryState(akool, simulator)
    await until(states.reached)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(akool.close(grace=600), 0.01)
    await until(lambda: all(job.done() for job in states.jobs))
    assert all(isinstance(job.exception(), CreateOutcomeUnknown) for job in states.being_created)


async def test_a_session_from_outside_is_used_and_left_open(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    marks: set[str] = set()

    async def note(_name: str, request: web.Request) -> None:
        marks.add(request.headers.get("X-Mark", ""))

    simulator.fault = note
    async with aiohttp.ClientSession(headers={"X-Mark": "mine"}) as session:
        for _ in range(2):
            async with connect(simulator, session=session) as akool:
                job = await akool.submit(reage()).created()
                await clock.advance(60)
                await job
                await akool.account.credit()
            assert not session.closed
        assert marks == {"mine"}
        async with session.get(simulator.url) as response:
            assert response.status == 404


async def test_a_create_through_a_session_from_outside_is_in_doubt_when_it_is_cut_off(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    hold_marked_creates(simulator, gate)
    async with aiohttp.ClientSession() as session:
        async with connect(simulator, session=session) as akool:
            job = akool.submit(reage(HELD))
            await until(lambda: simulator.requests["reage.image"])
            await akool.close(grace=0)
        assert isinstance(job.exception(), CreateOutcomeUnknown)
