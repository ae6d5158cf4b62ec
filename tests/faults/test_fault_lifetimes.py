"""One client, many users: threads with a loop each, several handlers in one loop, dropped loops."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from akool_async import ClientClosed, Job, Status
from akool_async.endpoints import TTS
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.faults.threaded import simulated_elsewhere


def speech(text: str = "Hello.") -> TTS:
    return TTS(input_text=text, voice_id="v")


@pytest.fixture(autouse=True)
def _loops_that_were_dropped() -> Iterator[None]:
    """Free the loops that a test has dropped, without the warnings that the next one would hear."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def elsewhere() -> Iterator[Simulator]:
    with simulated_elsewhere() as simulator:
        yield simulator


@pytest.mark.parametrize("journal", [False, True])
def test_a_lifetime_in_one_thread_ends_no_job_of_another_thread(
    elsewhere: Simulator, connect: Connect, path: Path, *, journal: bool
) -> None:
    akool = connect(elsewhere, **({"journal": path} if journal else {}))
    both, left = threading.Barrier(2, timeout=20), threading.Event()

    async def leave_first() -> None:
        async with akool:
            await asyncio.to_thread(both.wait)
            await akool.submit(speech("first"))
        left.set()
        with pytest.raises(RuntimeError, match="closed"):
            akool.submit(speech())

    async def stay() -> list[Status]:
        async with akool:
            job = akool.submit(speech("watched"))
            await job.created()
            await asyncio.to_thread(both.wait)
            await asyncio.to_thread(left.wait, 20)
            more = akool.submit(speech("more"), key="K" if journal else None)
            return [(await each.wait(timeout=20)).status for each in (job, more)]

    with ThreadPoolExecutor(2) as threads:
        staying = threads.submit(asyncio.run, stay())
        threads.submit(asyncio.run, leave_first()).result(60)
        assert staying.result(60) == [Status.COMPLETED] * 2

    async def again() -> None:
        with pytest.raises(RuntimeError, match="closed"):
            akool.submit(speech())
        async with akool:
            assert (await akool.submit(speech())).status is Status.COMPLETED

    asyncio.run(again())


async def test_a_lifetime_of_one_handler_ends_no_job_of_another_in_the_same_loop(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick)
    first_left = asyncio.Event()

    async def leave_first() -> None:
        async with akool:
            await akool.submit(speech())
        first_left.set()

    async def stay() -> Status:
        async with akool:
            job = akool.submit(speech())
            await first_left.wait()
            result = await akool.submit(speech())
            assert result.status is (await job).status
            return result.status

    staying = asyncio.create_task(stay())
    await asyncio.sleep(0)
    await leave_first()
    assert await staying is Status.COMPLETED
    with pytest.raises(RuntimeError, match="closed"):
        akool.submit(speech())


async def test_a_lifetime_that_is_closed_by_name_ends_at_once(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick)
    async with akool, akool:
        job = akool.submit(speech())
        await akool.close()
        with pytest.raises(ClientClosed):
            await job
    async with akool:
        assert (await akool.submit(speech())).status is Status.COMPLETED


def test_a_lifetime_of_24_threads_that_begin_at_once(
    elsewhere: Simulator, connect: Connect
) -> None:
    akool = connect(elsewhere)
    begin = threading.Barrier(24, timeout=30)

    async def work() -> Status:
        begin.wait()
        async with akool:
            jobs = [akool.submit(speech()) for _ in range(3)]
            return min(result.status for result in await asyncio.gather(*jobs))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(24) as threads:
            ran = [threads.submit(lambda: asyncio.run(work())) for _ in range(24)]
            assert {each.result(60) for each in ran} == {Status.COMPLETED}
    finally:
        sys.setswitchinterval(before)
    assert akool.stats.jobs["audio.tts"].completed == 72
    assert akool.stats.in_flight == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("threaded", [False, True])
def test_a_lifetime_of_a_loop_that_is_over_keeps_no_files_open(
    elsewhere: Simulator, connect: Connect, *, closed: bool, threaded: bool
) -> None:
    akool = connect(elsewhere)

    async def work() -> None:
        await akool.submit(speech())

    def in_a_new_loop() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(work())
        if closed:
            loop.close()

    def run() -> None:
        if threaded:
            thread = threading.Thread(target=in_a_new_loop)
            thread.start()
            thread.join(30)
        else:
            in_a_new_loop()

    # Files of this process; the simulator's ends of the connections are among them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
        gc.collect()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(12):
            run()
        gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 8
    assert akool.stats.jobs["audio.tts"].completed == 13
    asyncio.run(akool.close())


def test_a_lifetime_goes_on_in_a_loop_that_runs_again(
    elsewhere: Simulator, connect: Connect
) -> None:
    akool = connect(elsewhere)

    async def submit() -> Job[Any]:
        return akool.submit(speech())

    async def result(job: Job[Any]) -> Status:
        status: Status = (await job.wait(timeout=20)).status
        return status

    with asyncio.Runner() as one, asyncio.Runner() as other:
        for _ in range(3):
            jobs = [one.run(submit()), other.run(submit())]
            assert one.run(result(jobs[0])) is Status.COMPLETED
            assert other.run(result(jobs[1])) is Status.COMPLETED
        other.run(akool.close())


SCRIPT = """
import asyncio, sys
from akool_async import Akool
from akool_async.endpoints import TTS

akool = Akool(sys.argv[2], base_url=sys.argv[1], on_deprecated="ignore")

async def work():
    job = akool.submit(TTS(input_text="Hello.", voice_id="v"))
    await job.created()
    if sys.argv[3] != "busy":
        await job

loop = asyncio.new_event_loop()
loop.run_until_complete(work())
if sys.argv[3] == "closed loop":
    loop.close()
"""


@pytest.mark.parametrize("how", ["done", "busy", "closed loop"])
def test_a_lifetime_that_nobody_ended_is_one_line_at_exit(elsewhere: Simulator, how: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, elsewhere.url, elsewhere.api_key, how],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (line,) = ran.stderr.splitlines()
    assert line.startswith("Akool was not closed: use `async with`")
    assert ("jobs left" in line) == (how == "busy")
