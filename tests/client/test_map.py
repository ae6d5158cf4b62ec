"""`map`: many jobs from one stream, read lazily, handed out as they end or in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest

from akool_async import Akool, Backoff, ClientClosed, Face, Job, JobFailed, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, Faceswap, ImageReage
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def speech(text: object) -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


class Stream:
    """A stream of reages that counts how far it was read."""

    def __init__(self, length: int) -> None:
        self.read = 0
        self._length = length

    def __iter__(self) -> Iterator[ImageReage]:
        for n in range(self._length):
            self.read += 1
            yield reage(n % 30)

    async def later(self) -> AsyncIterator[ImageReage]:
        """Yield the same from an asynchronous stream."""
        for request in self:
            await asyncio.sleep(0)
            yield request


async def test_each_request_becomes_a_job_that_is_yielded_once_it_has_ended(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, max_concurrency=10) as akool:
        jobs = [job async for job in akool.map(Stream(50))]
        assert all(job.done() for job in jobs)
        assert {job.id for job in jobs} == set(quick.world.jobs)
        assert len(jobs) == 50
        assert quick.world.peak_in_flight <= 10


async def test_failed_jobs_are_yielded_like_all_others(quick: Simulator, connect: Connect) -> None:
    world = quick.world
    world.behaviour = msgspec.structs.replace(world.behaviour, fail_rate=0.5)
    async with connect(quick) as akool:
        jobs = [job async for job in akool.map(Stream(30))]
        failed = [job for job in jobs if job.exception() is not None]
        assert all(isinstance(job.exception(), JobFailed) for job in failed)
        assert 0 < len(failed) < 30
        assert len(jobs) == 30


async def test_refused_requests_are_yielded_as_failed_jobs(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.world.credit = 0.0
    async with connect(simulator) as akool:
        errors = [job.exception() async for job in akool.map(Stream(5))]
        assert all(error is not None for error in errors)
        assert len(errors) == 5


async def test_an_asynchronous_stream_is_read_too(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        results = [job.result() async for job in akool.map(Stream(20).later())]
        assert {result.id for result in results} == set(quick.world.jobs)


async def test_an_empty_stream_yields_nothing(simulator: Simulator, connect: Connect) -> None:
    async with connect(simulator) as akool:
        nothing: list[ImageReage] = []
        assert [job async for job in akool.map(nothing)] == []
        assert simulator.requests.total() == 0


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
async def test_the_stream_is_read_a_little_ahead_and_no_further(
    *,
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    until: Until,
    later: bool,
    ordered: bool,
) -> None:
    stream = Stream(100_000)
    async with connect(simulator, max_concurrency=5) as akool:
        requests = stream.later() if later else stream
        jobs = akool.map(requests, ordered=ordered)
        assert stream.read == 0
        first = asyncio.create_task(anext(jobs))
        await until(lambda: simulator.world.creates.total() == 5)
        looks = simulator.requests["faceswap.results"]
        await until(lambda: simulator.requests["faceswap.results"] > looks + 3)
        assert stream.read == 10
        assert simulator.world.creates.total() == 5

        await clock.advance(60)
        await first
        for _ in range(4):
            await anext(jobs)
        assert stream.read <= 15
        await jobs.aclose()


async def test_jobs_are_yielded_as_they_end_unless_asked_otherwise(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        jobs = akool.map([speech("slow"), speech("quick"), speech("quick too")])
        first = asyncio.create_task(anext(jobs))
        await until(lambda: simulator.world.creates.total() == 3)
        jobs_there = simulator.world.jobs
        slow = next(job for job in jobs_there.values() if job.request == speech("slow"))
        jobs_there[slow.id] = msgspec.structs.replace(slow, duration=1e6)
        await clock.advance(60)
        early = {(await first).result().input_text, (await anext(jobs)).result().input_text}
        assert early == {"quick", "quick too"}
        await clock.advance(1e6)
        assert [job.result().input_text async for job in jobs] == ["slow"]


async def test_in_order_means_in_the_order_of_the_stream(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick, max_concurrency=8) as akool:
        stream = (speech(n) for n in range(40))
        texts = [job.result().input_text async for job in akool.map(stream, ordered=True)]
        assert texts == [str(n) for n in range(40)]


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_job_that_was_handed_out_is_kept_no_longer(
    quick: Simulator, connect: Connect, *, ordered: bool
) -> None:
    seen: list[weakref.ref[Job[Faceswap]]] = []
    async with connect(quick, max_concurrency=4) as akool:
        async for job in akool.map(Stream(30), ordered=ordered):
            seen.append(weakref.ref(job))
            if len(seen) == 20:
                del job
                gc.collect()
                # The generator still holds what it yielded last.
                assert [each() for each in seen[:-1]] == [None] * 19


async def test_a_slow_stream_does_not_hold_up_jobs_that_have_ended(
    quick: Simulator, connect: Connect
) -> None:
    went_on = asyncio.Event()

    async def wait_for_the_first_result() -> AsyncIterator[ImageReage]:
        yield reage()
        await went_on.wait()
        yield reage()

    jobs = []
    async with connect(quick) as akool:
        async for job in akool.map(wait_for_the_first_result()):
            jobs.append(job)
            went_on.set()
    assert len(jobs) == 2


async def test_leaving_early_drops_what_is_queued_and_watches_what_was_sent(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator, max_concurrency=5) as akool:
        async with contextlib.aclosing(akool.map(Stream(100))) as jobs:
            first = asyncio.create_task(anext(jobs))
            while not first.done():
                await clock.advance(0.1)
                # Each job that has ended makes room for another, before the clock moves on.
                await until(lambda: akool.stats.in_flight == simulator.world.in_flight == 5)
            assert akool.stats.queued
        sent = akool.stats.in_flight
        assert (sent, akool.stats.queued) == (5, 0)
        created = simulator.world.creates.total()
        await clock.advance(60)
        await until(lambda: akool.stats.in_flight == 0)
        assert simulator.world.creates.total() == created


async def test_breaking_out_of_the_loop_leaves_early_too(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(quick, max_concurrency=3) as akool:
        async for _ in akool.map(Stream(1000)):
            break
        await until(lambda: akool.stats.queued == 0)
        await until(lambda: akool.stats.in_flight == 0)
        assert quick.world.creates.total() < 20


async def test_jobs_left_behind_are_counted_when_the_client_is_closed(
    simulator: Simulator, connect: Connect, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(simulator, max_concurrency=3) as akool:
        async with contextlib.aclosing(akool.map(Stream(100))) as jobs:
            waiting = asyncio.create_task(anext(jobs))
            await until(lambda: simulator.world.creates.total() == 3)
            waiting.cancel()
            await asyncio.wait([waiting])
        assert (akool.stats.in_flight, akool.stats.queued) == (3, 0)
    assert "3 jobs that nobody awaited" in caplog.text


@pytest.mark.parametrize("later", [False, True])
async def test_an_exception_of_the_stream_comes_out_after_the_jobs_before_it(
    quick: Simulator, connect: Connect, *, later: bool
) -> None:
    def breaking() -> Iterator[ImageReage]:
        yield from Stream(3)
        raise ZeroDivisionError

    async def breaking_later() -> AsyncIterator[ImageReage]:
        for request in breaking():
            yield request

    done: list[Job[Faceswap]] = []
    note = done.append

    async def consume(jobs: AsyncIterator[Job[Faceswap]]) -> None:
        async for job in jobs:
            note(job)

    async with connect(quick, max_concurrency=2) as akool:
        with pytest.raises(ZeroDivisionError):
            await consume(akool.map(breaking_later() if later else breaking()))
        assert akool.stats.queued == akool.stats.in_flight == 0
        assert {job.result().id for job in done} == set(quick.world.jobs)
        assert len(done) == 3


async def test_what_is_no_stream_is_a_type_error(simulator: Simulator, connect: Connect) -> None:
    nonsense: Any = 7
    async with connect(simulator) as akool:
        with pytest.raises(TypeError):
            async for _ in akool.map(nonsense):
                pass


async def test_pairs_of_key_and_request_need_a_journal(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        with pytest.raises(ValueError, match="journal"):
            async for _ in akool.map([("key", reage())]):
                pass
        assert akool.stats.queued == akool.stats.in_flight == 0


async def test_cancelling_who_waits_drops_what_is_queued(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator, max_concurrency=2) as akool:

        async def consume() -> None:
            async for _ in akool.map(Stream(1000).later()):
                pass

        consumer = asyncio.create_task(consume())
        await until(lambda: simulator.world.creates.total() == 2)
        consumer.cancel()
        await asyncio.wait([consumer])
        assert consumer.cancelled()
        await until(lambda: akool.stats.queued == 0)
        await clock.advance(60)
        await until(lambda: akool.stats.in_flight == 0)
        assert simulator.world.creates.total() == 2


async def test_a_client_that_is_closed_ends_the_jobs_and_then_the_stream(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    ended: list[Job[Faceswap]] = []
    note = ended.append
    async with connect(simulator, max_concurrency=2) as akool:

        async def consume() -> None:
            async for job in akool.map(Stream(1000)):
                note(job)

        consumer = asyncio.create_task(consume())
        await until(lambda: simulator.world.creates.total() == 2)
    with pytest.raises(RuntimeError, match="closed"):
        await consumer
    assert all(isinstance(job.exception(), ClientClosed) for job in ended)


async def test_thousands_of_jobs_do_not_make_thousands_of_tasks() -> None:
    most = done = 0
    fast: dict[str, Any] = {"pace": 0.01, "spread": 0.0, "omit_rate": 0.0}
    with Simulator(**fast).in_thread() as elsewhere:
        akool = Akool(
            base_url=elsewhere.url, api_key=elsewhere.api_key, max_concurrency=500,
            backoff=Backoff(initial=0.05, maximum=0.5),
        )  # fmt: skip
        async with akool:
            async for job in akool.map(Stream(2000)):
                assert job.status is Status.COMPLETED
                done += 1
                most = max(most, len(asyncio.all_tasks()))
    assert done == 2000
    # At most 48 creates and 8 looks, and what aiohttp starts for their connections.
    assert most < 200
