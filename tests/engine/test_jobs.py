"""A job as a future: made at once, awaited by many, observed, and looked at or not."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec
import pytest

from akool_async import Akool, ClientClosed, Face, Job, JobFailed, JobTimeout, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Faceswap, ImageReage
from akool_async.simulator import Simulator

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")


def reage(years: int = 10) -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=photo)


def failing(simulator: Simulator) -> None:
    """Let all jobs fail that are created from now on."""
    world = simulator.world
    world.behaviour = msgspec.structs.replace(world.behaviour, fail_rate=1.0)


async def test_a_method_returns_its_job_before_anything_is_sent(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.reage.image(
            target_image=[FACE], face_reage=10, modify_image="https://photos.example/photo.png"
        )
        assert isinstance(job, Job)
        assert not job.done()
        assert simulator.requests.total() == 0

        await until(lambda: job.id)
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED


async def test_a_job_runs_though_nobody_awaits_it(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: simulator.world.jobs)
        await clock.advance(60)
        await until(job.done)
        assert job.result().url


async def test_a_job_that_nobody_holds_runs_to_its_end(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        akool.submit(reage())
        gc.collect()
        await until(lambda: akool.stats.requests.get("faceswap.results"))
        await clock.advance(60)
        await until(lambda: akool.stats.in_flight == 0)


async def test_many_awaiters_share_one_create_one_watch_and_one_result(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        awaiters = [asyncio.create_task(job.wait()) for _ in range(50)]
        await until(lambda: simulator.requests["faceswap.results"] >= 2)
        seen = simulator.requests["faceswap.results"]
        await clock.advance(60)
        first, *others = await asyncio.gather(*awaiters)
        assert all(other is first for other in others)
        assert simulator.requests["reage.image"] == 1
        # What 50 watches would send at once; one of them sends a look or two.
        assert simulator.requests["faceswap.results"] < seen + 10


async def test_a_job_can_be_awaited_again_after_its_end(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        job = akool.submit(reage())
        assert await job is await job
        requests = quick.requests.total()
        assert await job.wait(timeout=0) is job.result()
        assert quick.requests.total() == requests


async def test_cancelling_an_awaiter_leaves_the_job_and_its_other_awaiters(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        impatient = asyncio.create_task(job.wait())
        patient = asyncio.create_task(job.wait())
        await until(lambda: job.id)
        impatient.cancel()
        await asyncio.wait([impatient])
        assert impatient.cancelled()
        assert not job.done()
        assert not job.cancelled()

        await clock.advance(60)
        assert (await patient).status is Status.COMPLETED
        assert await job is await patient


async def test_a_cancelled_awaiter_learns_what_was_said(
    simulator: Simulator, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        awaiter = asyncio.create_task(job.wait())
        await asyncio.sleep(0)
        awaiter.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match=r"^enough$"):
            await awaiter
        assert not job.done()


async def test_an_awaiter_that_is_cancelled_as_the_job_ends_is_cancelled(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        early, late = (asyncio.create_task(job.wait()) for _ in range(2))
        await asyncio.sleep(0)
        job.add_done_callback(lambda _job: late.cancel())
        early.cancel()
        await clock.advance(60)
        await asyncio.wait([early, late])
        assert early.cancelled()
        assert job.done()
        assert late.result() is job.result()  # it had its answer first


@pytest.mark.parametrize("task", [asyncio.Task, getattr(asyncio.tasks, "_PyTask")])  # noqa: B009
async def test_tasks_of_either_make_wait_in_their_own_context(
    quick: Simulator, connect: Connect, task: Any
) -> None:
    who: contextvars.ContextVar[int] = contextvars.ContextVar("who")

    async def awaiter(number: int, job: Job[Faceswap]) -> tuple[int, Faceswap]:
        who.set(number)
        result = await job
        return who.get(), result

    async with connect(quick) as akool:
        loop = asyncio.get_running_loop()
        job = akool.submit(reage())
        waits = [task(awaiter(number, job), loop=loop) for number in range(3)]
        found = [await wait for wait in waits]
        assert found == [(number, job.result()) for number in range(3)]


async def test_a_timeout_of_wait_ends_only_that_wait(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        with pytest.raises(TimeoutError) as caught:
            await job.wait(timeout=0.01)
        assert not isinstance(caught.value, JobTimeout)
        assert not job.done()

        await until(lambda: job.id)
        await clock.advance(60)
        assert (await job.wait(timeout=30)).status is Status.COMPLETED


async def test_a_job_says_what_it_knows_before_and_after_creation(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    request = reage()
    async with connect(simulator) as akool:
        job = akool.submit(request)
        assert job.name == "reage.image"
        assert job.request is request
        assert (job.id, job.job_id, job.receipt, job.snapshot) == (None, None, None, None)
        before = job.status
        assert before is Status.QUEUED
        with pytest.raises(asyncio.InvalidStateError, match="token"):
            _ = job.token

        assert await job.created() is job
        (simulated,) = simulator.world.jobs.values()
        assert (job.id, job.job_id) == (simulated.id, simulated.job_id)
        assert job.receipt is not None
        assert job.receipt.predicted_url.endswith(".png")
        assert job.token.isascii()
        assert not job.done()

        await clock.advance(60)
        result = await job
        assert job.status is Status.COMPLETED
        assert isinstance(job.snapshot, Faceswap)
        assert job.snapshot.url == result.url
        assert result.job_id == job.job_id


async def test_an_outcome_that_is_not_there_yet_is_an_invalid_state(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        for look in (job.result, job.exception):
            with pytest.raises(asyncio.InvalidStateError):
                look()
        await until(lambda: job.id)
        await clock.advance(60)
        await job
        assert job.exception() is None
        assert job.result() is await job


async def test_created_raises_what_kept_the_job_from_being_created(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.world.credit = 0.0
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        with pytest.raises(Exception, match="quota") as caught:
            await job.created()
        assert job.exception() is caught.value


async def test_created_returns_a_job_that_failed_after_its_creation(
    quick: Simulator, connect: Connect
) -> None:
    failing(quick)
    async with connect(quick) as akool:
        job = akool.submit(reage())
        with pytest.raises(JobFailed):
            await job
        assert await job.created() is job


async def test_a_failed_job_raises_an_error_that_knows_all_about_it(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    failing(simulator)
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        await until(lambda: job.id)
        await clock.advance(60)
        with pytest.raises(JobFailed) as caught:
            await job
        error = caught.value
        (simulated,) = simulator.world.jobs.values()
        assert simulated.reason in str(error)
        assert error.job == job
        assert (error.name, error.token, error.request) == (job.name, job.token, job.request)
        assert error.snapshot is job.snapshot
        assert job.status is Status.FAILED
        assert job.exception() is error
        with pytest.raises(JobFailed):
            job.result()


async def test_raising_one_error_again_and_again_does_not_make_it_grow(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    failing(quick)

    def frames_of(job: Job[Any]) -> int:
        with pytest.raises(JobFailed) as caught:
            job.result()
        return len(caught.traceback)

    async with connect(quick) as akool:
        job = akool.submit(reage())
        await until(job.done)
        assert frames_of(job) == frames_of(job) == frames_of(job)


async def test_iterating_shows_each_change_of_status_and_stops_after_the_last(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        shown: list[Status] = []

        async def follow() -> None:
            async for snapshot in job:
                assert snapshot.id == job.id
                shown.append(snapshot.status)

        following = asyncio.create_task(follow())
        await until(lambda: simulator.requests["faceswap.results"] >= 3)
        duration = simulator.world.jobs[job.id or ""].duration
        await clock.advance(duration / 2)
        await until(lambda: len(shown) == 2)
        looks = simulator.requests["faceswap.results"]
        await until(lambda: simulator.requests["faceswap.results"] >= looks + 3)
        await clock.advance(duration)
        await following
        assert shown == [Status.QUEUED, Status.PROCESSING, Status.COMPLETED]


async def test_iterating_begins_with_the_current_snapshot(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        await clock.advance(simulator.world.jobs[job.id or ""].duration / 2)
        await until(lambda: job.status is Status.PROCESSING)
        iteration = aiter(job)
        assert (await anext(iteration)).status is Status.PROCESSING
        await clock.advance(60)
        assert [snapshot.status async for snapshot in iteration] == [Status.COMPLETED]


async def test_iterating_over_an_ended_job_shows_its_end_once(
    quick: Simulator, connect: Connect
) -> None:
    async with connect(quick) as akool:
        job = akool.submit(reage())
        await job
        assert [snapshot.status async for snapshot in job] == [Status.COMPLETED]


async def test_iterating_over_a_failing_job_does_not_raise(
    quick: Simulator, connect: Connect
) -> None:
    failing(quick)
    async with connect(quick) as akool:
        statuses = [snapshot.status async for snapshot in akool.submit(reage())]
        assert statuses[-1] is Status.FAILED
        assert statuses.count(Status.FAILED) == 1


async def test_iterating_over_a_refused_job_shows_nothing_and_does_not_raise(
    simulator: Simulator, connect: Connect
) -> None:
    simulator.world.credit = 0.0
    async with connect(simulator) as akool:
        assert [snapshot async for snapshot in akool.submit(reage())] == []


async def test_leaving_an_iteration_leaves_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        async for _ in job:
            break
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED


async def test_a_done_callback_gets_the_job_once_it_has_ended(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    called: list[Job[Faceswap]] = []
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        job.add_done_callback(called.append)
        await until(lambda: job.id)
        assert not called
        await clock.advance(60)
        await job
        await until(lambda: called)
        assert called == [job]


async def test_a_done_callback_added_after_the_end_is_called_soon_and_not_at_once(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    called: list[Job[Faceswap]] = []
    async with connect(quick) as akool:
        job = akool.submit(reage())
        await job
        job.add_done_callback(called.append)
        assert not called
        await until(lambda: called == [job])


async def test_a_done_callback_runs_in_the_context_it_came_with(
    quick: Simulator, connect: Connect, until: Until
) -> None:
    asked = contextvars.ContextVar("asked", default="nobody")
    context = contextvars.copy_context()
    context.run(asked.set, "somebody")
    heard: list[str] = []
    async with connect(quick) as akool:
        job = akool.submit(reage())
        job.add_done_callback(lambda _: heard.append(asked.get()), context=context)
        await job
        await until(lambda: heard == ["somebody"])


async def test_removed_done_callbacks_are_counted_and_not_called(
    quick: Simulator, connect: Connect
) -> None:
    called: list[Job[Faceswap]] = []
    async with connect(quick) as akool:
        job = akool.submit(reage())
        append = called.append
        job.add_done_callback(append)
        job.add_done_callback(append)
        assert job.remove_done_callback(append) == 2
        assert job.remove_done_callback(append) == 0
        await job
        await asyncio.sleep(0)
        assert not called


async def test_an_error_that_nobody_looked_at_is_told_to_the_loop(
    simulator: Simulator,
    clock: ManualClock,
    connect: Connect,
    until: Until,
    complaints: list[dict[str, Any]],
) -> None:
    failing(simulator)

    async def fail_unseen() -> None:
        job = akool.submit(reage())
        await until(lambda: job.id)
        await clock.advance(60)
        await until(job.done)
        gc.collect()
        assert not complaints

    async with connect(simulator) as akool:
        await fail_unseen()
        gc.collect()
        (complaint,) = complaints
        assert isinstance(complaint["exception"], JobFailed)
        assert "never retrieved" in complaint["message"]
    complaints.clear()


@pytest.mark.parametrize("look", ["await", "give up", "exception", "iterate", "cancel"])
async def test_an_error_that_somebody_looked_at_is_not_told_to_the_loop(
    quick: Simulator,
    connect: Connect,
    until: Until,
    complaints: list[dict[str, Any]],
    look: str,
) -> None:
    failing(quick)
    async with connect(quick) as akool:
        job = akool.submit(reage())
        if look == "await":
            with pytest.raises(JobFailed):
                await job
        elif look == "give up":
            with pytest.raises(TimeoutError):
                await job.wait(timeout=0)
        elif look == "iterate":
            async for _ in job:
                pass
        await until(job.done)
        if look == "exception":
            assert isinstance(job.exception(), JobFailed)
        elif look == "cancel":
            assert not await job.cancel()
        del job
        gc.collect()
        await asyncio.sleep(0)
        assert not complaints


async def test_who_gave_up_waiting_is_let_go(simulator: Simulator, connect: Connect) -> None:
    class Local:
        """What a waiting coroutine holds."""

    held: list[weakref.ref[Any]] = []

    async def awaiter(job: Job[Faceswap]) -> None:
        local = Local()
        held.append(weakref.ref(local))
        await job

    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        task = asyncio.create_task(awaiter(job))
        held.append(weakref.ref(task))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0)
        gc.collect()
        assert [ref() for ref in held] == [None, None]
        assert not job.done()


async def test_asking_whether_a_job_was_cancelled_is_no_look_at_its_error(
    quick: Simulator, connect: Connect, until: Until, complaints: list[dict[str, Any]]
) -> None:
    failing(quick)
    async with connect(quick) as akool:
        job = akool.submit(reage())
        await until(job.done)
        assert not job.cancelled()
        del job
        gc.collect()
        assert len(complaints) == 1
    complaints.clear()


async def test_gather_takes_jobs_as_they_are(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        jobs = [akool.submit(reage(years)) for years in range(5)]
        results = await asyncio.gather(*jobs)
        assert [result.id for result in results] == [job.id for job in jobs]


async def test_gather_returns_the_errors_of_failed_jobs(quick: Simulator, connect: Connect) -> None:
    failing(quick)
    async with connect(quick) as akool:
        jobs = [akool.submit(reage(years)) for years in range(5)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [outcome.job for outcome in outcomes if isinstance(outcome, JobFailed)] == jobs


async def test_as_completed_takes_jobs_as_they_are(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool:
        jobs = [akool.submit(reage(years)) for years in range(5)]
        ids = {(await ended).id for ended in asyncio.as_completed(jobs)}
        assert ids == {job.id for job in jobs}


async def test_wait_for_gives_up_its_wait_and_not_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, 0.01)
        assert not job.done()
        await clock.advance(60)
        assert await asyncio.wait_for(job, 30) is job.result()


async def test_a_task_group_runs_waits_for_jobs(quick: Simulator, connect: Connect) -> None:
    async with connect(quick) as akool, asyncio.TaskGroup() as group:
        waits = [group.create_task(akool.submit(reage(years)).wait()) for years in range(5)]
    assert all(wait.result().status is Status.COMPLETED for wait in waits)


async def test_a_task_group_that_breaks_leaves_the_jobs_of_its_waits(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()

        async def wait_together() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(job.wait())
                group.create_task(job.wait(timeout=0.01))

        with pytest.raises(ExceptionGroup) as caught:
            await wait_together()
        assert caught.group_contains(TimeoutError)
        assert not job.done()
        await clock.advance(60)
        await job


async def test_move_on_after_leaves_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        with anyio.move_on_after(0.01) as scope:
            await job
        assert scope.cancelled_caught
        assert not job.done()
        await clock.advance(60)
        await job


async def test_fail_after_raises_and_leaves_the_job(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        with pytest.raises(TimeoutError), anyio.fail_after(0.01):
            await job
        assert not job.done()
        await clock.advance(60)
        with anyio.fail_after(30):
            await job


async def test_jobs_submitted_inside_a_cancelled_scope_live_outside_of_it(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    async with connect(simulator) as akool:
        with anyio.move_on_after(0.01) as scope:
            job = akool.submit(reage())
            await job
        assert scope.cancelled_caught
        await job.created()
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED


async def test_a_job_shows_its_name_id_and_phase(
    simulator: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(simulator) as akool:
        job = akool.submit(reage())
        assert "reage.image" in repr(job)
        await job.created()
        assert str(job.id) in repr(job)
    assert isinstance(job.exception(), ClientClosed)
    assert "closed: the client was closed" in repr(job)
