"""An interrupt may fall between any two lines of the engine, and the loop goes on, as in a REPL.

Each line of some functions is interrupted once, the first time that it is reached. The server runs
in a thread of its own, which is not traced.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from akool_async import Akool, CreateOutcomeUnknown, Face, Job, JobCancelled, JobTimeout
from akool_async.endpoints import TTS, ImageReage
from tests.clients import Connect
from tests.faults.threaded import simulated_elsewhere
from tests.interrupts import Interrupts

JOBS = 40

PARTS = [
    "AiohttpTransport",
    "Creator",
    "Engine",
    "Exchange",
    "FairLimiter",
    "JobRecord",
    "KeyedJobs",
    "KnownJob",
    "Look",
    "LookupSender",
    "Net",
    "PendingQueue",
    "PollTimes",
    "Recorder",
    "Saver",
    "Setbacks",
    "SqliteStore",
    "TimeLimit",
    "TimerWheel",
    "Watch",
    "WokenJobs",
    "_Write",
]
"""Classes, each line of whose methods is interrupted."""


async def submitted(akool: Akool) -> tuple[list[Job[Any]], list[asyncio.Future[Any]]]:
    """Submit jobs, and wait for each; return both."""
    photo = "https://photos.example/photo.png"
    reage = ImageReage(target_image=[Face(photo)], face_reage=10, modify_image=photo)
    speech = TTS(input_text="Hello.", voice_id="v")
    jobs: list[Job[Any]] = [
        akool.submit(speech if number % 2 else reage, key=str(number)) for number in range(JOBS)
    ]
    waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(job) for job in jobs]
    await asyncio.sleep(0)
    return jobs, waiting


async def ended(waiting: list[asyncio.Future[Any]]) -> set[str]:
    """Wait for jobs; return the names of their results' and errors' classes."""
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    return {type(each).__name__ for each in outcomes}


def run_on(
    loop: asyncio.AbstractEventLoop, interrupts: Interrupts, waiting: list[asyncio.Future[Any]]
) -> None:
    """Run a loop until jobs have ended, however often it is interrupted."""
    ending = loop.create_task(ended(waiting))
    while not ending.done():
        with interrupts.fall():
            loop.run_until_complete(ending)


@pytest.mark.parametrize("part", PARTS)
def test_interrupted_at_any_line_no_job_is_forgotten_or_paid_for_twice(
    connect: Connect, tmp_path: Path, part: str
) -> None:
    with simulated_elsewhere(0.002) as simulator, asyncio.Runner() as runner:
        akool = connect(
            simulator,
            journal=tmp_path / "jobs.db",
            save_to=tmp_path / "saved",
            allow_private_downloads=True,
            max_concurrency=4,
        )
        jobs, waiting = runner.run(submitted(akool))
        interrupts = Interrupts(part)
        run_on(runner.get_loop(), interrupts, waiting)
        assert interrupts.number > (2 if part == "_Write" else 3)  # three lines run there
        assert simulator.world.creates.total() <= JOBS
        for job in jobs:
            error = job.exception()
            if isinstance(error, JobCancelled):
                assert "it was not sent" in str(error)
            else:
                assert error is None or isinstance(error, CreateOutcomeUnknown)
        assert akool.stats.in_flight == akool.stats.queued == 0
        _, again = runner.run(submitted(akool))
        assert runner.run(ended(again)) <= {"Audio", "Faceswap", "CreateOutcomeUnknown"}
        assert simulator.world.creates.total() <= JOBS
        runner.run(akool.close())


def test_interrupted_at_any_line_every_job_meets_its_deadline(connect: Connect) -> None:
    photo = "https://photos.example/photo.png"
    reage = ImageReage(target_image=[Face(photo)], face_reage=10, modify_image=photo)

    async def submit() -> tuple[list[Job[Any]], list[asyncio.Future[Any]]]:
        jobs: list[Job[Any]] = [
            akool.submit(reage, timeout=0.3 + 0.02 * number) for number in range(JOBS)
        ]
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(job) for job in jobs]
        await asyncio.gather(*(job.created() for job in jobs))
        return jobs, waiting

    with simulated_elsewhere(1000.0) as simulator, asyncio.Runner() as runner:
        akool = connect(simulator)
        jobs, waiting = runner.run(submit())
        interrupts = Interrupts("Deadlines", spared=15)
        run_on(runner.get_loop(), interrupts, waiting)
        assert interrupts.number > 3
        assert {type(job.exception()) for job in jobs} == {JobTimeout}
        runner.run(akool.close())
