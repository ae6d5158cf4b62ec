"""Event loops: where a client can be made, used, used again, and not be used."""

from __future__ import annotations

import asyncio
import subprocess
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from akool_async import Akool, ClientClosed, CreateOutcomeUnknown, Face, Job, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import Faceswap, ImageReage
from akool_async.protocol import token as tokens
from akool_async.simulator import Simulator
from tests.strict import STRICT

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FACE = Face("https://photos.example/face.png")
PHOTO = "https://photos.example/photo.png"


def reage(years: int = 10) -> ImageReage:
    return ImageReage(target_image=[FACE], face_reage=years, modify_image=PHOTO)


def test_a_job_without_a_loop_is_an_error_that_names_the_request_to_build() -> None:
    akool = Akool(api_key="key")
    with pytest.raises(RuntimeError, match=r"endpoints\.ImageReage"):
        akool.submit(reage())
    with pytest.raises(RuntimeError, match=r"endpoints\.ImageReage"):
        akool.reage.image(target_image=[FACE], face_reage=10, modify_image=PHOTO)


def test_resuming_without_a_loop_is_an_error() -> None:
    reference = tokens.JobReference(name="reage.image", id="a" * 24, job_id=None, created=1)
    with pytest.raises(RuntimeError, match="no event loop is running"):
        Akool(api_key="key").job(tokens.write(reference))


async def in_a_loop_of_its_own(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run work by `asyncio.run` in another thread; fail if that loop complains of anything."""
    said: list[dict[str, Any]] = []

    async def run() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        return await work()

    outcome = await asyncio.to_thread(lambda: asyncio.run(run()))
    assert not said
    return outcome


async def test_a_client_works_in_one_loop_after_another_without_being_closed(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick, max_concurrency=2)

    async def some() -> list[Faceswap]:
        return await asyncio.gather(*[akool.submit(reage()) for _ in range(5)])

    for _ in range(3):
        results = await in_a_loop_of_its_own(some)
        assert all(result.status is Status.COMPLETED for result in results)
    assert quick.world.creates.total() == 15


async def test_a_client_works_in_one_loop_after_another_and_is_closed_in_each(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick)

    async def one() -> Faceswap:
        async with akool:
            return await akool.submit(reage())

    for _ in range(3):
        assert (await in_a_loop_of_its_own(one)).status is Status.COMPLETED


async def test_a_client_works_in_two_loops_at_once_each_with_a_limit_of_its_own(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until
) -> None:
    akool = connect(simulator, max_concurrency=2)

    async def some() -> list[Faceswap]:
        return await asyncio.gather(*[akool.submit(reage()) for _ in range(2)])

    elsewhere = asyncio.create_task(in_a_loop_of_its_own(some))
    here = asyncio.create_task(some())
    await until(lambda: simulator.world.in_flight == 4)
    assert akool.stats.in_flight == 2
    await clock.advance(60)
    assert len({result.id for result in [*await here, *await elsewhere]}) == 4
    await akool.close()


async def test_a_loop_that_ends_ends_the_jobs_of_a_client_that_was_not_closed(
    simulator: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    akool = connect(simulator, max_concurrency=1)

    async def leave() -> list[Job[Faceswap]]:
        watched, queued = akool.submit(reage()), akool.submit(reage())
        await watched.created()
        return [watched, queued]

    watched, queued = await in_a_loop_of_its_own(leave)
    for job, token in ((watched, watched.token), (queued, None)):
        error = job.exception()
        assert isinstance(error, ClientClosed)
        assert error.token == token
    assert "1 job that nobody awaited" in caplog.text
    assert simulator.world.creates.total() == 1


async def test_a_loop_that_ends_sends_no_create_that_was_still_queued(
    simulator: Simulator, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    async def hold(_name: str, _request: web.Request) -> None:
        await gate.wait()

    simulator.fault = hold
    akool = connect(simulator, max_concurrency=1)

    async def leave() -> list[Job[Faceswap]]:
        jobs = [akool.submit(reage()) for _ in range(5)]
        await until(lambda: simulator.requests["reage.image"])
        return jobs

    first, *others = await in_a_loop_of_its_own(leave)
    assert isinstance(first.exception(), CreateOutcomeUnknown)
    assert all(isinstance(job.exception(), ClientClosed) for job in others)
    assert simulator.requests["reage.image"] == 1


async def test_a_job_of_another_loop_is_refused_with_the_way_to_go_on(
    simulator: Simulator, clock: ManualClock, connect: Connect
) -> None:
    akool = connect(simulator)

    async def created() -> Job[Faceswap]:
        return await akool.submit(reage()).created()

    job: Job[Faceswap] = await in_a_loop_of_its_own(created)

    async def follow() -> None:
        async for _ in job:
            pass

    async def plainly() -> None:
        await job

    for wait in (plainly, job.wait, job.created, job.cancel, follow):
        with pytest.raises(RuntimeError, match=r"akool\.job\(token\)"):
            await wait()

    async with akool:
        await clock.advance(60)
        assert (await akool.job(job.token)).id == job.id


async def test_whoever_cancels_every_task_of_the_loop_stops_no_watch(
    simulator: Simulator, clock: ManualClock, connect: Connect, until: Until, gate: asyncio.Event
) -> None:
    async def hold(name: str, _request: web.Request) -> None:
        if name == "faceswap.results":
            await gate.wait()

    simulator.fault = hold
    before = asyncio.all_tasks()
    async with connect(simulator) as akool:
        job = await akool.submit(reage()).created()
        await until(lambda: simulator.requests["faceswap.results"])
        for task in asyncio.all_tasks() - before:
            if "Watch" in repr(task.get_coro()):
                task.cancel()
        gate.set()
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED


SCRIPT = """
    import asyncio, sys
    from akool_async import Akool, Backoff, Face

    FACE = Face("https://photos.example/face.png")
    PHOTO = "https://photos.example/photo.png"
    akool = Akool(sys.argv[1], base_url=sys.argv[2], backoff=Backoff(initial=0.01, maximum=0.05))

    async def main():
        swap = akool.faceswap.image(source_image=[FACE], target_image=[FACE], modify_image=PHOTO)
        speech = akool.audio.tts(input_text="hello", voice_id="voice")
        results = await asyncio.gather(swap, speech)
        return sum(result.status for result in results)

    print(asyncio.run(main()), asyncio.run(main()))
"""


def test_a_script_that_never_closes_its_client_runs_twice_without_a_warning(
    tmp_path: Path,
) -> None:
    with Simulator(pace=0.02).in_thread() as simulator:
        script = [*STRICT, "-X", "dev", "-c", textwrap.dedent(SCRIPT)]
        run = subprocess.run(
            [*script, simulator.api_key, simulator.url],
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip
    # On a busy machine asyncio's debug mode tells of slow steps.
    told = [line for line in run.stderr.splitlines() if not line.startswith("Executing <")]
    assert (run.returncode, run.stdout, told) == (0, "6 6\n", [])
