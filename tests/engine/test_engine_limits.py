"""One limit on jobs in flight: who waits, who goes first, and when a place is free again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from akool_async import (
    Akool,
    AkoolError,
    Backoff,
    ClientClosed,
    ConnectFailed,
    CreateOutcomeUnknown,
    Face,
    InvalidInput,
    InvalidRequest,
    Job,
    JobCancelled,
    JobFailed,
    JobTimeout,
    Limits,
    Retry,
    Status,
)
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage, VideoReage, VoiceClone
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Elapse = Callable[..., Awaitable[None]]
Fault = Callable[[str, web.Request], Awaitable[web.StreamResponse | None]]

FACE = Face("https://photos.example/face.png")
HOUR = 3600.0


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def speech(text: object = "hello") -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


def texts_in_order(simulator: Simulator) -> list[str]:
    """Return what the created speeches say, in the order of their creation."""
    return [getattr(job.request, "input_text", "") for job in simulator.world.jobs.values()]


def keep_running(simulator: Simulator, id: str | None) -> None:
    """Let a simulated job never end."""
    jobs = simulator.world.jobs
    jobs[id or ""] = msgspec.structs.replace(jobs[id or ""], duration=1e9)


async def test_no_more_jobs_are_in_flight_than_the_limit_allows_and_no_fewer(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, elapse: Elapse
) -> None:
    world = simulator.world
    async with connect(simulator, max_concurrency=7) as akool:
        requests = [reage() if n % 2 else speech(n) for n in range(80)]
        jobs = [akool.submit(request) for request in requests]
        assert akool.stats.queued == 73
        await until(lambda: world.creates.total() == 7)
        await elapse(clock, lambda: all(job.done() for job in jobs), step=0.1)
        results = await asyncio.gather(*jobs)
        assert world.creates.total() == 80
        assert all(result.status is Status.COMPLETED for result in results)
        assert world.peak_in_flight == 7
        assert akool.stats.peak_in_flight == 7
        assert akool.stats.in_flight == akool.stats.queued == 0


async def test_one_limit_holds_for_all_operations_together(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(simulator, max_concurrency=3) as akool:
        for _ in range(4):
            akool.submit(reage())
            akool.submit(speech())
        await until(lambda: simulator.world.creates.total() == 3)
        await until(lambda: simulator.requests["faceswap.results"] >= 3)
        assert simulator.world.creates.total() == 3
        assert akool.stats.queued == 5


async def test_jobs_are_created_in_the_order_in_which_they_were_submitted(
    quick: Simulator, connect: Connect
) -> None:
    settings: dict[str, Any] = {"max_concurrency": 7, "limits": Limits(creates=1)}
    async with connect(quick, **settings) as akool:
        await asyncio.gather(*[akool.submit(speech(n)) for n in range(40)])
        assert texts_in_order(quick) == [str(n) for n in range(40)]


async def test_a_higher_priority_goes_first_and_an_equal_one_in_order(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, max_concurrency=1) as akool:
        submitted = [("a", 0), ("b", 0), ("c", -1), ("d", 5), ("e", 5), ("f", 0)]
        jobs = [akool.submit(speech(text), priority=first) for text, first in submitted]
        await asyncio.gather(*jobs)
        # The first one found a free place, and had left the queue before the others came.
        assert "".join(texts_in_order(quick)) == "adebfc"


async def test_a_job_that_waits_for_a_place_costs_no_task() -> None:
    with Simulator(pace=1000.0, instant_audio_rate=0.0).in_thread() as elsewhere:
        akool = Akool(base_url=elsewhere.url, api_key=elsewhere.api_key, max_concurrency=5)
        async with akool:
            jobs = [akool.submit(speech(n)) for n in range(2000)]
            await asyncio.gather(*[job.created() for job in jobs[:5]])
            assert akool.stats.queued == 1995
            # This test, and at most a task for each of the five.
            assert len(asyncio.all_tasks()) <= 1 + 5
        assert all(isinstance(job.exception(), ClientClosed) for job in jobs)


async def test_creates_at_once_are_limited_apart_from_places(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    held = asyncio.Event()

    async def hold_creates(name: str, _request: web.Request) -> None:
        if name == "audio.tts":
            await held.wait()

    simulator.fault = hold_creates
    settings: dict[str, Any] = {"max_concurrency": 20, "limits": Limits(creates=3)}
    async with connect(simulator, **settings) as akool:
        jobs = [akool.submit(speech(n)) for n in range(10)]
        await until(lambda: simulator.requests["audio.tts"] == 3)
        assert akool.stats.in_flight == 3
        held.set()
        await asyncio.gather(*[job.created() for job in jobs])
        assert akool.stats.in_flight == 10


async def answer_with(request: web.Request, body: str, status: int = 200) -> web.Response:
    await request.read()
    return web.Response(text=body, status=status, content_type="application/json")


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ('{"code": 1003, "msg": "Parameter error: rate"}', 200, InvalidRequest),
        ('{"code": 1003, "msg": "Parameter error: rate"}', 500, InvalidRequest),
        ('{"code": 4711, "msg": "something new"}', 200, CreateOutcomeUnknown),
        ('{"code": 1000, "msg": "OK", "data": null}', 200, CreateOutcomeUnknown),
        ('{"code": 1000, "msg": "OK", "data": {"_id": ""}}', 200, CreateOutcomeUnknown),
        ("<html>Bad Gateway</html>", 502, CreateOutcomeUnknown),
        ("", 200, CreateOutcomeUnknown),
    ],
)
async def test_a_create_that_ends_otherwise_frees_its_place(
    quick: Simulator,
    connect: Connect,
    body: str,
    status: int,
    expected: type[AkoolError],
) -> None:
    async def answer_the_first(name: str, request: web.Request) -> web.Response | None:
        if name == "audio.tts" and quick.requests[name] == 1:
            return await answer_with(request, body, status)
        return None

    quick.fault = answer_the_first
    async with connect(quick, max_concurrency=1) as akool:
        first, second = akool.submit(speech()), akool.submit(speech())
        with pytest.raises(expected):
            await first
        assert (await second).status is Status.COMPLETED
        assert akool.stats.in_flight == 0
        assert quick.requests["audio.tts"] == 2


async def test_a_dropped_create_frees_its_place(quick: Simulator, connect: Connect) -> None:
    async def drop_the_first(name: str, request: web.Request) -> None:
        if name == "audio.tts" and quick.requests[name] == 1:
            await request.read()
            raise ConnectionResetError

    quick.fault = drop_the_first
    async with connect(quick, max_concurrency=1) as akool:
        first, second = akool.submit(speech()), akool.submit(speech())
        with pytest.raises(CreateOutcomeUnknown):
            await first
        assert (await second).status is Status.COMPLETED


async def test_a_create_that_found_no_server_frees_its_place(
    refused_url: str,
) -> None:
    once = Retry(attempts=1)
    async with Akool(base_url=refused_url, api_key="k", max_concurrency=1, retry=once) as akool:
        jobs = [akool.submit(speech()), akool.submit(speech())]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectFailed, ConnectFailed]
        assert akool.stats.in_flight == 0


async def test_a_failed_job_frees_its_place(quick: Simulator, connect: Connect) -> None:
    world = quick.world
    world.behaviour = msgspec.structs.replace(world.behaviour, fail_rate=1.0)
    async with connect(quick, max_concurrency=1) as akool:
        jobs = [akool.submit(reage()) for _ in range(5)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(outcome, JobFailed) for outcome in outcomes)
        assert world.peak_in_flight == 1


async def test_a_job_that_runs_out_of_time_frees_its_place(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator, max_concurrency=1, job_timeout=0.02) as akool:
        jobs = [akool.submit(reage()) for _ in range(3)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(outcome, JobTimeout) for outcome in outcomes)
        assert akool.stats.peak_in_flight == 1
        assert akool.stats.in_flight == 0


async def test_a_cancelled_job_frees_its_place(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator, max_concurrency=1) as akool:
        first, second = akool.submit(reage()), akool.submit(reage())
        await first.created()
        assert await first.cancel()
        with pytest.raises(JobCancelled):
            await first
        await second.created()
        await clock.advance(60)
        await second


async def test_a_job_cancelled_in_the_queue_never_takes_a_place(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator, max_concurrency=1) as akool:
        jobs = [akool.submit(reage()) for _ in range(3)]
        assert await jobs[1].cancel()
        assert akool.stats.queued == 1
        await jobs[0].created()
        await clock.advance(60)
        await jobs[2].created()
        await clock.advance(60)
        await jobs[2]
        assert simulator.world.creates.total() == 2


async def test_a_resumed_job_waits_for_no_place_but_counts(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as elsewhere:
        token = (await elsewhere.submit(reage()).created()).token

    async with connect(simulator, max_concurrency=1) as akool:
        first, queued = akool.submit(reage()), akool.submit(reage())
        await first.created()
        resumed = akool.job(token)
        assert akool.stats.in_flight == 2
        await until(lambda: resumed.snapshot is not None)

        keep_running(simulator, resumed.id)
        await clock.advance(60)
        await first
        assert akool.stats.in_flight == 1
        looks = simulator.requests["faceswap.results"]
        await until(lambda: simulator.requests["faceswap.results"] > looks + 3)
        assert queued.id is None

        await clock.advance(1e9)
        await resumed
        await queued.created()
        await clock.advance(60)
        await queued


async def test_a_job_runs_out_of_time_that_many_seconds_after_its_acceptance(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    schedule = Backoff(initial=50.0, maximum=50.0)
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own, backoff=schedule,
        max_concurrency=1, job_timeout=1000.0,
    )  # fmt: skip
    async with akool:
        first, second = akool.submit(reage(1)), akool.submit(reage(2))
        await first.created()
        await elapse(own, first.done, step=10.0)
        assert own.time() == pytest.approx(1000.0, abs=10.0)
        # The second waited for its place all that time, and has its thousand seconds still.
        await second.created()
        await elapse(own, second.done, step=10.0)
        assert own.time() == pytest.approx(2000.0, abs=20.0)
        for job in (first, second):
            error = job.exception()
            assert isinstance(error, JobTimeout)
            assert isinstance(error, TimeoutError)
            assert error.job == job
            assert (error.name, error.token, error.request) == (job.name, job.token, job.request)
            assert error.snapshot is job.snapshot
            assert "1000 seconds" in str(error)


async def test_a_job_has_four_hours_unless_told_otherwise(
    simulator: Simulator, elapse: Elapse
) -> None:
    own = ManualClock()
    schedule = Backoff(initial=600.0, maximum=600.0, jitter=0.0)
    akool = Akool(base_url=simulator.url, api_key=simulator.api_key, clock=own, backoff=schedule)
    async with akool:
        job = await akool.submit(reage()).created()
        await elapse(own, job.done, step=60.0)
        assert own.time() == pytest.approx(4 * HOUR, abs=60.0)
        assert isinstance(job.exception(), JobTimeout)


async def test_the_time_of_a_job_can_depend_on_its_operation(
    simulator: Simulator, elapse: Elapse, clock: ManualClock
) -> None:
    own = ManualClock()
    akool = Akool(
        base_url=simulator.url, api_key=simulator.api_key, clock=own,
        backoff=Backoff(initial=300.0, maximum=300.0),
        job_timeout={"reage.image": 100.0, "audio.tts": None},
    )  # fmt: skip
    video = VideoReage(
        target_image=[FACE], face_reage=1, modify_video="https://photos.example/film.mp4"
    )
    clone = VoiceClone(input_text="hello", voice_id="voice")
    async with akool:
        short, endless, usual = akool.submit(reage()), akool.submit(speech()), akool.submit(video)
        own_choice = akool.submit(clone, timeout=200.0)
        without_end = akool.submit(reage(), timeout=None)
        jobs: list[Job[Any]] = [short, endless, usual, own_choice, without_end]
        await asyncio.gather(*[job.created() for job in jobs])

        await elapse(own, lambda: own.time() > 150, step=25.0)
        assert [job.done() for job in jobs] == [True, False, False, False, False]
        await elapse(own, lambda: own.time() > 250, step=25.0)
        assert [job.done() for job in jobs] == [True, False, False, True, False]
        await elapse(own, lambda: own.time() > 5 * HOUR, step=300.0)
        assert [job.done() for job in jobs] == [True, False, True, True, False]
        assert all(isinstance(job.exception(), JobTimeout) for job in (short, usual, own_choice))

        await clock.advance(60)
        await elapse(own, lambda: endless.done() and without_end.done(), step=300.0)
        assert endless.exception() is without_end.exception() is None


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), True, "10"])
async def test_a_time_that_is_none_is_refused(
    simulator: Simulator, connect: Connect, seconds: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        connect(simulator, job_timeout=seconds)
    assert caught.value.field == "job_timeout"
    with pytest.raises(InvalidInput, match=r"job_timeout\['audio.tts'\]"):
        connect(simulator, job_timeout={"audio.tts": seconds})
    async with connect(simulator) as akool:
        with pytest.raises(InvalidInput) as caught:
            akool.submit(reage(), timeout=seconds)
        assert caught.value.field == "timeout"
        assert akool.stats.queued == akool.stats.in_flight == 0


def test_a_time_for_what_is_no_operation_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no operation"):
        Akool(api_key="key", job_timeout={"reage.images": 10.0})


@pytest.mark.parametrize("places", [0, -1, 1.5, True, "7", None])
def test_a_limit_that_is_no_count_is_refused(places: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Akool(api_key="key", max_concurrency=places)
    assert caught.value.field == "max_concurrency"


@pytest.mark.parametrize("field", ["creates", "polls", "batch_polls", "batch", "downloads"])
def test_limits_under_which_nothing_would_happen_are_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match="at least 1") as caught:
        Limits(**dict[str, Any]({field: 0}))
    assert caught.value.field == field
