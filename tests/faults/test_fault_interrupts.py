"""Interrupted, and the loop goes on: no job is forgotten, and the client stays open.

The server runs in a thread of its own, so that tests can cancel every task of the client's loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from akool_async import Akool, CreateOutcomeUnknown, Face, Job, JobCancelled, Status
from akool_async.endpoints import TTS, ImageReage
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.clocks import turns
from tests.faults.threaded import simulated_elsewhere

FACE = Face("https://photos.example/face.png")
Work = Callable[[Akool, Simulator], Coroutine[Any, Any, None]]


def speech(text: str = "Hello.") -> TTS:
    return TTS(input_text=text, voice_id="v")


def reage() -> ImageReage:
    photo = "https://photos.example/photo.png"
    return ImageReage(target_image=[FACE], face_reage=10, modify_image=photo)


def some(akool: Akool, number: int = 6) -> list[Job[Any]]:
    jobs: list[Job[Any]] = [akool.submit(speech()) for _ in range(number)]
    return jobs + [akool.submit(reage()) for _ in range(number)]


def cancel_the_others() -> None:
    """Cancel every task of this loop but the running one."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def outcomes(jobs: list[Job[Any]]) -> Counter[str]:
    """Wait for all jobs; return the names of their results' and errors' classes, counted."""
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*jobs, return_exceptions=True)
    return Counter(type(each).__name__ for each in ended)


async def seen(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another thread makes it come true
            await asyncio.sleep(0.001)


def run(connect: Connect, work: Work, *, pace: float = 0.02, **settings: Any) -> None:
    """Run work with a client, in a loop of its own."""

    async def main() -> None:
        async with connect(simulator, **settings) as akool:
            await work(akool, simulator)

    with simulated_elsewhere(pace) as simulator:
        asyncio.run(main())


async def afterwards(akool: Akool) -> None:
    """Check that the client is as before."""
    async with asyncio.timeout(20):
        assert (await akool.submit(speech("one more"))).status is Status.COMPLETED
    assert akool.stats.in_flight == akool.stats.queued == 0


# All tasks are cancelled, once


def test_interrupted_while_jobs_are_watched_no_job_is_forgotten(connect: Connect) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        jobs = some(akool)
        await asyncio.gather(*(job.created() for job in jobs))
        for _ in range(20):
            cancel_the_others()
            await asyncio.sleep(0.002)
        assert await outcomes(jobs) == {"Audio": 6, "Faceswap": 6}
        assert simulator.world.creates.total() == 12
        await afterwards(akool)

    run(connect, work, pace=0.1)


def test_interrupted_before_a_lookup_has_begun_no_job_is_forgotten(connect: Connect) -> None:
    async def work(akool: Akool, _simulator: Simulator) -> None:
        jobs = some(akool, 3)
        await asyncio.gather(*(job.created() for job in jobs))
        for _ in range(200):  # some of these meet a task that has made no step
            cancel_the_others()
            await asyncio.sleep(0)
        assert await outcomes(jobs) == {"Audio": 3, "Faceswap": 3}
        await afterwards(akool)

    run(connect, work, pace=0.1)


def test_interrupted_creates_that_were_sent_are_in_doubt_and_all_others_go_on(
    connect: Connect,
) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        arrived, answer = threading.Event(), threading.Event()

        async def hold(name: str, _request: web.Request) -> None:
            if name == "audio.tts" and not answer.is_set():
                arrived.set()
                while not answer.is_set():  # noqa: ASYNC110 - of another thread
                    await asyncio.sleep(0.001)

        simulator.fault = hold
        jobs = some(akool, 4)
        await seen(lambda: simulator.requests["audio.tts"] == 2)
        cancel_the_others()
        await turns()
        answer.set()
        ended = await outcomes(jobs)
        assert ended["CreateOutcomeUnknown"] == 2
        assert ended["Audio"] + ended["Faceswap"] == 6
        assert all(
            "cancelled from outside" in str(job.exception())
            for job in jobs
            if isinstance(job.exception(), CreateOutcomeUnknown)
        )
        await afterwards(akool)

    run(connect, work, max_concurrency=2)


def test_interrupted_creates_that_were_not_sent_end_alone(connect: Connect) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        jobs = some(akool, 4)
        cancel_the_others()  # the tasks of the first two have made no step
        ended = await outcomes(jobs)
        assert ended["JobCancelled"] == 2
        assert ended["Audio"] + ended["Faceswap"] == 6
        assert all(
            "was not sent" in str(job.exception())
            for job in jobs
            if isinstance(job.exception(), JobCancelled)
        )
        assert simulator.world.creates.total() == 6
        await afterwards(akool)

    run(connect, work, max_concurrency=2)


def test_interrupted_with_the_program_itself_which_goes_on(connect: Connect) -> None:
    async def work(akool: Akool, _simulator: Simulator) -> None:
        jobs = some(akool)
        await asyncio.gather(*(job.created() for job in jobs[:2]))
        for task in asyncio.all_tasks():
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1)
        ended = await outcomes(jobs)
        assert ended["Audio"] + ended["Faceswap"] >= 8
        await afterwards(akool)

    run(connect, work, max_concurrency=4)


def test_interrupted_with_a_journal_no_job_is_forgotten(connect: Connect, path: Path) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        jobs = [akool.submit(speech(), key=str(number)) for number in range(8)]
        await asyncio.sleep(0)
        for _ in range(10):
            cancel_the_others()
            await asyncio.sleep(0.002)
        ended = await outcomes(jobs)
        assert set(ended) <= {"Audio", "CreateOutcomeUnknown", "JobCancelled"}
        again = [
            akool.submit(speech(), key=job.key)
            for job in jobs
            if isinstance(job.exception(), JobCancelled)
        ]
        assert set(await outcomes(again)) <= {"Audio"}
        assert simulator.world.creates.total() <= 8
        await afterwards(akool)

    run(connect, work, journal=path, max_concurrency=4)


def test_interrupted_saves_are_made_all_the_same(connect: Connect, tmp_path: Path) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        jobs = [akool.submit(speech()) for _ in range(3)]
        await outcomes(jobs)
        await seen(lambda: simulator.requests["media"])
        cancel_the_others()
        await asyncio.sleep(0)

    run(connect, work, save_to=tmp_path)
    # What was not on disk yet is saved again five seconds later, and closing waits for that.
    saved = [file for file in tmp_path.iterdir() if file.stat().st_size]
    assert len(saved) == 3


def test_interrupted_in_a_map_the_rows_that_follow_are_sent(connect: Connect) -> None:
    async def rows() -> AsyncIterator[TTS]:
        for _ in range(20):
            yield speech()

    async def work(akool: Akool, _simulator: Simulator) -> None:
        streams: list[Any] = [rows(), (speech() for _ in range(20))]
        for stream in streams:
            ended: list[Status] = []
            async for job in akool.map(stream):
                cancel_the_others()
                ended.append(job.status)
            assert len(ended) == 20

    run(connect, work, max_concurrency=2)


def test_interrupted_while_a_shared_place_is_waited_for(connect: Connect) -> None:
    async def work(akool: Akool, simulator: Simulator) -> None:
        jobs = some(akool, 3)
        for _ in range(10):
            cancel_the_others()
            await asyncio.sleep(0.002)
        ended = await outcomes(jobs)
        assert ended["Audio"] + ended["Faceswap"] + ended["JobCancelled"] + ended[
            "CreateOutcomeUnknown"
        ] == len(jobs)
        await afterwards(akool)

    async def main() -> None:
        async with connect(simulator, semaphore=asyncio.Semaphore(1)) as akool:
            await work(akool, simulator)

    with simulated_elsewhere() as simulator:
        asyncio.run(main())


# The loop itself ends


def test_interrupted_for_good_no_create_leaves_while_the_loop_ends(connect: Connect) -> None:
    kept: list[Job[Any]] = []
    ending = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.3)  # a program may take its time

    async def slow(name: str, _request: web.Request) -> None:
        if name == "reage.image":
            await asyncio.to_thread(ending.wait)

    async def main(simulator: Simulator) -> None:
        akool = connect(simulator, max_concurrency=2)
        tasks.append(asyncio.create_task(linger()))
        kept.extend([akool.submit(reage()) for _ in range(12)])
        await seen(lambda: simulator.requests["reage.image"] == 2)

    tasks: list[asyncio.Task[None]] = []
    with simulated_elsewhere() as simulator:
        simulator.fault = slow
        asyncio.run(main(simulator))
        assert simulator.requests["reage.image"] == 2
    errors = Counter(type(job.exception()).__name__ for job in kept)
    assert errors == {"CreateOutcomeUnknown": 2, "ClientClosed": 10}


# An interrupt, and the loop goes on


@pytest.mark.parametrize("turn", range(0, 60, 3))
def test_interrupted_at_any_turn_of_the_loop_no_job_is_forgotten(
    connect: Connect, turn: int
) -> None:
    """As in a REPL: an interrupt leaves `run_forever`, and the loop is run again."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def submit() -> list[Job[Any]]:
        return some(akool, 3)

    with simulated_elsewhere() as simulator, asyncio.Runner() as runner:
        loop = runner.get_loop()
        akool = connect(simulator)
        jobs = runner.run(submit())
        loop.call_later(turn / 1000, interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert runner.run(outcomes(jobs)) == {"Audio": 3, "Faceswap": 3}
        runner.run(afterwards(akool))
        assert simulator.world.creates.total() == 7
        runner.run(akool.close())


class _Interrupting(asyncio.Semaphore):
    """A semaphore of the user's own in which an interrupt comes, now and then."""

    async def acquire(self) -> Literal[True]:
        self._interrupt("acquire")
        return await super().acquire()

    def release(self) -> None:
        super().release()
        self._interrupt("release")

    def _interrupt(self, name: str) -> None:
        calls[name] += 1
        if calls[name] in {2, 5}:
            raise KeyboardInterrupt


calls: Counter[str] = Counter()


def test_interrupted_in_the_middle_of_the_end_of_a_job(connect: Connect) -> None:
    async def work() -> None:
        ended.update(await outcomes(some(akool, 4)))
        await afterwards(akool)

    calls.clear()
    ended: Counter[str] = Counter()
    interrupts = 0
    with simulated_elsewhere() as simulator, asyncio.Runner() as runner:
        loop = runner.get_loop()
        akool = connect(simulator, semaphore=_Interrupting(2))
        working = loop.create_task(work())
        while not working.done():
            try:
                loop.run_until_complete(working)
            except KeyboardInterrupt:
                interrupts += 1
        assert interrupts == 4
        assert ended == {"Audio": 4, "Faceswap": 4}
        assert simulator.world.creates.total() == 9
        runner.run(akool.close())
