"""Errors of jobs: raised again as they were, and held no longer than anybody looks."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from akool_async import Akool, Backoff, Face, InsufficientCredit, Job, JobFailed, JobTimeout
from akool_async.endpoints import ImageReage
from akool_async.endpoints.faceswap import FACESWAPS, Faceswap
from akool_async.engine.flight import Flight, Kind
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


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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


@pytest.mark.usefixtures("_no_collector")
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
        held = sys.getrefcount(request)
        job = akool.submit(request)
        await look(job)
        assert sys.getrefcount(request) > held
        del job
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # The collector would not find it: only the last reference that goes lets go of a job.
        assert sys.getrefcount(request) == held


@pytest.mark.usefixtures("_no_collector")
async def test_nothing_holds_a_job_that_ran_out_of_time_or_was_cancelled(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    request = reage()
    async with connect(simulator, max_concurrency=1) as akool:
        held = sys.getrefcount(request)
        late = akool.submit(request, timeout=0.05)
        queued = akool.submit(request)
        assert await queued.cancel()
        with pytest.raises(JobTimeout) as caught:
            await late
        del late, queued, caught
        await until(lambda: sys.getrefcount(request) == held)  # once its next look is due


@pytest.mark.usefixtures("_no_collector")
async def test_nothing_holds_a_job_that_was_refused(
    simulator: Simulator, connect: Connect, until: Until
) -> None:
    simulator.world.credit = 0.0
    request = reage()
    async with connect(simulator) as akool:
        held = sys.getrefcount(request)
        job = akool.submit(request)
        with pytest.raises(InsufficientCredit):
            await job
        del job
        await until(lambda: sys.getrefcount(request) == held)  # once its worker is over


async def test_an_error_is_the_same_as_long_as_anybody_holds_it(
    failing: Simulator, connect: Connect, until: Until
) -> None:
    async with connect(failing) as akool:
        job = akool.submit(reage())
        await until(job.done)
        error = job.exception()
        assert error is not None
        error.add_note("seen")
        with pytest.raises(JobFailed) as caught:
            await job
        assert caught.value is error is job.exception()
        said = str(error)
        del error, caught
        gc.collect()
        again = job.exception()
        assert isinstance(again, JobFailed)
        assert (str(again), again.job, again.token) == (said, job, job.token)
        assert again.__traceback__ is None
        assert not hasattr(again, "__notes__")


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
            error = caught.value
            assert error is not problem
            assert (str(error), error.args) == (str(problem), problem.args)
            assert (vars(error), error.__cause__) == (vars(problem), problem.__cause__)
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


async def test_a_job_that_goes_as_another_one_tells_of_an_error_of_its_own() -> None:
    told: list[object] = []
    kind: Kind[Faceswap] = Kind("a", FACESWAPS, schedule=Backoff(), timeout=None, epoch=0.0)
    leader, follower = Flight(kind, None), Flight(kind, None)
    follower.follow(leader, lambda _step, _flight, about: told.append(about))
    leader.fail(JobFailed("it failed"))
    assert told == [follower.exception()]
    assert told != [leader.exception()]


@pytest.mark.parametrize("problem", [Particular(why="no places"), NoPlace("me")])
async def test_a_job_that_goes_as_another_one_ends_with_the_same_error(problem: Exception) -> None:
    kind: Kind[Faceswap] = Kind("a", FACESWAPS, schedule=Backoff(), timeout=None, epoch=0.0)
    leader, follower = Flight(kind, None), Flight(kind, None)
    follower.follow(leader, lambda _step, _flight, _about: None)
    leader.fail(problem)
    error = follower.exception()
    assert type(error) is type(problem)
    assert (str(error), vars(error)) == (str(problem), vars(problem))
    leader.forgive()


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
        (runtime,) = akool._runtimes.values()
        return weakref.ref(runtime.engine)

    def run() -> weakref.ref[Any]:
        loop = asyncio.new_event_loop()
        engine = loop.run_until_complete(begin())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        return engine

    engine = await asyncio.to_thread(run)
    gc.collect()
    assert engine() is None
    assert sys.getrefcount(request) == before
