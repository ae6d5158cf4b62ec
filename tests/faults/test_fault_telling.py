"""What went wrong is said: by an error, by one warning, or at once."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool, ClientClosed, Face, Job, JobTimeout, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import Elapse

FACE = Face("https://photos.example/face.png")
Fault = Callable[[str, web.Request], Awaitable[web.Response | None]]


def speech(text: str = "Hello.") -> TTS:
    return TTS(input_text=text, voice_id="v")


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=10, modify_image=photo)


def failing(*names: str, status: int = 503, code: int = 0) -> Fault:
    """Return a fault: lookups of these names fail."""

    async def fail(name: str, _request: web.Request) -> web.Response | None:
        if name not in names:
            return None
        if code:
            return web.json_response({"code": code, "msg": "no"}, status=status)
        return web.Response(status=status, text="<html>Sorry</html>")

    return fail


LOOKUPS = ("audio.get", "faceswap.results")


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.message
        for record in caplog.records
        if record.name == "akool_async" and record.levelno >= logging.WARNING
    ]


@pytest.mark.parametrize("request_", [speech(), reage()], ids=["single", "batch"])
async def test_what_is_told_of_a_timeout_is_the_last_problem_and_how_often(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    request_: TTS | ImageReage,
) -> None:
    simulator.fault = failing(*LOOKUPS)
    async with connect(simulator, clock=clock, job_timeout=60) as akool:
        job: Job[Any] = akool.submit(request_)
        await job.created()
        await elapse(clock, job.done)
        error = job.exception()
        assert isinstance(error, JobTimeout)
        asked = sum(simulator.requests[name] for name in LOOKUPS)
        assert f"lookups that failed in a row: {asked}" in str(error)
        assert "HTTP 503" in str(error)


async def test_what_is_told_of_a_timeout_without_a_problem_names_none(
    simulator: Simulator, clock: ManualClock, connect: Connect, elapse: Elapse
) -> None:
    async with connect(simulator, clock=clock, job_timeout=0.5) as akool:
        job = akool.submit(speech())
        await job.created()
        await elapse(clock, job.done, step=0.1)
        error = job.exception()
        assert isinstance(error, JobTimeout)
        assert error.message == "audio.tts: not ended after 0.5 seconds; it goes on"


async def test_what_is_told_of_a_sick_family_is_one_warning_and_one_when_it_is_back(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.fault = failing(*LOOKUPS)
    async with connect(simulator, clock=clock) as akool:
        jobs = [akool.submit(speech()) for _ in range(3)]
        for job in jobs:
            await job.created()
        await elapse(clock, lambda: simulator.requests["audio.get"] >= 12)
        (sick,) = warned(caplog)
        assert sick.startswith("audio: 3 lookups in a row failed, the last one with ReplyError")
        assert "jobs that wait, 3" in sick
        simulator.fault = None
        await elapse(clock, lambda: all(job.done() for job in jobs))
        _, well = warned(caplog)
        assert well.startswith("audio: lookups are answered again, after ")
        assert all(job.result().status is Status.COMPLETED for job in jobs)


async def test_what_is_told_of_a_few_failures_is_nothing(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    elapse: Elapse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.fault = failing("audio.get")
    async with connect(simulator, clock=clock) as akool:
        job = akool.submit(speech())
        await job.created()
        await elapse(clock, lambda: simulator.requests["audio.get"] == 2, step=0.01)
        simulator.fault = None
        await elapse(clock, job.done)
    assert warned(caplog) == []


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_what_is_told_of_a_copied_job_is_what_to_do_instead(
    quick: Simulator, connect: Connect, way: Callable[[object], object]
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(speech())
        with pytest.raises(TypeError, match=r"job\.token"):
            way(job)
        await job
        with pytest.raises(TypeError, match=r"job\.token"):
            way(job)


async def test_what_is_told_by_a_copied_error_is_the_token(
    quick: Simulator, connect: Connect
) -> None:
    akool: Akool = connect(quick)
    job = akool.submit(speech())
    await job.created()
    await akool.close()
    error = job.exception()
    assert isinstance(error, ClientClosed)
    for copied in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert copied.token == job.token
