"""Errors of jobs: raised again as they were, and held no longer than anybody looks."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from akool_async import Akool, Backoff, Face, InsufficientCredit, Job, JobFailed, JobTimeout
from akool_async.endpoints import ImageReage
from akool_async.endpoints.faceswap_family import FACESWAPS, Faceswap
from akool_async.engine import JobRecord, OperationState
from akool_async.engine.follow import follow
from akool_async.simulator import Simulator

Connect: TypeAlias = Callable[..., Akool]
Until: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[Face(photo)], face_reage=10, modify_image=photo)


@pytest.fixture
def failing(quick: Simulator) -> Simulator:
    """Return a simulated Akool where all jobs fail."""
    world = quick.world
    world.behaviour = msgspec.structs.replace(world.behaviour, fail_rate=1.0)
    return quick


def references_to(request: object) -> int:
    gc.collect()  # an error and its job hold each other
    return sys.getrefcount(request)


async def by_awaiting(job: Job[Any]) -> None:
    with suppress(JobFailed):
        await job


async def by_asking(job: Job[Any]) -> None:
    await asyncio.gather(job, return_exceptions=True)
    assert isinstance(job.exception(), JobFailed)
    with suppress(JobFailed):
        job.result()


async def by_gathering(job: Job[Any]) -> None:
    await asyncio.gather(job, job.wait(), return_exceptions=True)


async def by_iterating(job: Job[Any]) -> None:
    assert [snapshot async for snapshot in job]


async def by_callback(job: Job[Any]) -> None:
    called = asyncio.Event()
    job.add_done_callback(lambda _job: called.set())
    await called.wait()
    job.exception()


async def by_giving_up(job: Job[Any]) -> None:
    with suppress(TimeoutError):
        await job.wait(timeout=0)
    await by_awaiting(job)


@pytest.mark.parametrize(
    "look", [by_awaiting, by_asking, by_gathering, by_iterating, by_callback, by_giving_up]
)
@pytest.mark.parametrize("hooks", [(), (lambda _event: None,)], ids=["unobserved", "observed"])
async def test_nothing_holds_a_failed_job_that_nobody_holds(
    failing: Simulator,
    connect: Connect,
    look: Callable[[Job[Any]], Awaitable[None]],
    hooks: tuple[Callable[[Any], object], ...],
) -> None:
    request = reage()
    async with connect(failing, on_event=hooks) as akool:
        held = references_to(request)
        job = akool.submit(request)
        await look(job)
        assert references_to(request) > held
        del job
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert references_to(request) == held


async def test_nothing_holds_a_job_that_ran_out_of_time_or_was_cancelled(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    request = reage()
    async with connect(simulator, max_concurrency=1) as akool:
        held = references_to(request)
        late = akool.submit(request, timeout=0.05)
        queued = akool.submit(request)
        assert await queued.cancel()
        with pytest.raises(JobTimeout) as caught:
            await late
        del late, queued, caught
        await until(lambda: references_to(request) == held)  # once its next poll is due


async def test_nothing_holds_a_job_that_was_refused(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    simulator.world.credit = 0.0
    request = reage()
    async with connect(simulator) as akool:
        held = references_to(request)
        job = akool.submit(request)
        with pytest.raises(InsufficientCredit):
            await job
        del job
        await until(lambda: references_to(request) == held)  # once its worker is over


async def test_an_error_is_the_same_each_time_and_does_not_grow(
    failing: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(failing) as akool:
        job = akool.submit(reage())
        await until(job.done)
        error = job.exception()
        assert isinstance(error, JobFailed)
        for _ in range(3):
            with pytest.raises(JobFailed) as caught:
                await job
            assert caught.value is error is job.exception()
            assert error.__traceback__ is None
        assert (error.job, error.token) == (job, job.token)


class Broken:
    """A semaphore of the user's that has a problem of its own."""

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    async def acquire(self) -> None:
        raise self._problem

    def release(self) -> None:
        """Give nothing back."""


class Particular(Exception):
    """An error that `copy` cannot make again."""

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


class NoPlace(Exception):
    """An error that makes its message of what it is given."""

    def __init__(self, whose: str) -> None:
        super().__init__(f"no place for {whose}")
        self.whose = whose


@pytest.mark.parametrize(
    "problem",
    [
        RuntimeError("no places"),
        KeyError("places"),
        FileNotFoundError(2, "no such place", "places"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no place"),
        Particular(why="no places"),
        NoPlace("me"),
    ],
)
async def test_an_error_of_the_users_own_ends_the_job_and_is_told_where_it_came_from(
    simulator: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture, problem: Exception
) -> None:
    problem.__cause__ = OSError("the cause")
    async with connect(simulator, semaphore=Broken(problem)) as akool:
        job = akool.submit(reage())
        for _ in range(2):
            with pytest.raises(type(problem)) as caught:
                await job
            assert caught.value is problem
            assert "acquire" in [entry.name for entry in caught.traceback]
    assert "in acquire" in caplog.text
    assert not simulator.world.creates


async def test_a_client_whose_hook_knows_of_its_jobs_is_let_go(
    quick: Simulator, connect: Connect
) -> None:
    class Application:
        def __init__(self) -> None:
            self.akool = connect(quick, on_event=self.note)
            self.jobs: list[Job[Any]] = []

        def note(self, event: object) -> None:
            """Do nothing."""

    async def run() -> weakref.ref[Any]:
        application = Application()
        async with application.akool as akool:
            application.jobs.append(akool.submit(reage()))
            assert await application.jobs[0]
        return weakref.ref(application)

    held = await run()
    await asyncio.sleep(0)
    gc.collect()
    assert held() is None


def mirrored(events: list[object]) -> tuple[JobRecord[Faceswap], JobRecord[Faceswap]]:
    """Return two jobs, of which the second mirrors the first."""
    operation: OperationState[Faceswap] = OperationState(
        "a", FACESWAPS, schedule=Backoff(), timeout=None
    )
    leader, follower = JobRecord(operation), JobRecord(operation)
    follow(follower, leader, lambda _event, _record, about: events.append(about))
    return leader, follower


async def test_a_job_that_mirrors_another_one_ends_with_an_error_of_its_own() -> None:
    events: list[object] = []
    leader, follower = mirrored(events)
    leader.finish(JobFailed("it failed"))
    assert events == [follower.exception()]
    assert follower.exception() is not leader.exception()
    assert str(follower.exception()) == str(leader.exception())


async def test_a_job_that_mirrors_another_one_ends_with_the_same_error_of_the_users_own() -> None:
    problem = NoPlace("me")
    leader, follower = mirrored([])
    leader.finish(problem)
    assert follower.exception() is leader.exception() is problem


async def test_a_journal_finds_a_failed_job_as_long_as_somebody_holds_it(
    failing: Simulator, connect: Connect, tmp_path: Path
) -> None:
    async with connect(failing, journal=tmp_path / "jobs.sqlite") as akool:
        job = akool.submit(reage(), key="one")
        await by_awaiting(job)
        assert akool.submit(reage(), key="one") == job


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_loop_that_was_left_without_closing_anything_leaves_nothing(
    simulator: Simulator, connect: Connect
) -> None:
    request = reage()
    before = sys.getrefcount(request)

    async def begin() -> weakref.ref[Any]:
        akool = connect(simulator)
        job = await akool.submit(request).created()
        awaiter = asyncio.create_task(job.wait())
        await asyncio.sleep(0.01)
        assert not awaiter.done()
        runtime = akool._runtime("held")  # noqa: SLF001 - it is held weakly, to see it go
        return weakref.ref(runtime.engine)

    def run() -> weakref.ref[Any]:
        loop = asyncio.new_event_loop()
        engine = loop.run_until_complete(begin())
        while tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks))
        del task, tasks
        loop.close()
        return engine

    engine = await asyncio.to_thread(run)
    gc.collect()
    assert engine() is None
    assert sys.getrefcount(request) == before


async def test_one_job_that_is_held_after_the_end_of_its_client_holds_no_other(
    simulator: Simulator,
) -> None:
    class Tag:
        """A thing that can be pointed at weakly."""

    rarely = Backoff(initial=30.0, maximum=30.0)
    async with Akool(simulator.api_key, base_url=simulator.url, backoff=rarely) as akool:
        held, *others = [akool.submit(reage(), tag=Tag()) for _ in range(5)]
        await asyncio.gather(*(job.created() for job in (held, *others)))
        gone = [weakref.ref(job.tag) for job in others]
        del others
    gc.collect()
    assert held.done()
    assert [each for each in gone if each() is not None] == []
