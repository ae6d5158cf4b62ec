from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any

import pytest

from akool_async.errors import ClientClosed, CreateOutcomeUnknown
from akool_async.simulator import Simulator
from akool_async.sync import Akool, Job
from akool_async.sync.behind import GRACE
from tests.sync.conftest import Connected, hold, speech

THREADS = 16


def test_sixteen_threads_use_one_client(connected: Connected, simulator: Simulator) -> None:
    together = threading.Barrier(THREADS)
    before = simulator.requests["audio.tts"]

    def work(akool: Akool, number: int) -> list[str]:
        together.wait()  # the loop is started by all of them at once
        akool.account.credit()
        jobs = [akool.submit(speech(f"{number} {each}")) for each in range(4)]
        mapped = akool.map([speech(f"{number} mapped")])
        return [job.result(30).id for job in (*jobs, *mapped)]

    with connected() as akool, ThreadPoolExecutor(THREADS) as pool:
        working = [pool.submit(work, akool, number) for number in range(THREADS)]
        ids = [each for done in as_completed(working) for each in done.result()]
    assert len(set(ids)) == THREADS * 5
    assert simulator.requests["audio.tts"] - before == THREADS * 5


def test_one_thread_closes_the_client_while_others_use_it(connected: Connected) -> None:
    told: list[str] = []

    def work(akool: Akool) -> None:
        try:
            while True:
                akool.account.credit()
        except Exception as error:  # noqa: BLE001 - which one is looked at below
            told.append(str(error))

    akool = connected()
    threads = [threading.Thread(target=work, args=(akool,)) for _ in range(THREADS)]
    for each in threads:
        each.start()
    akool.account.credit()
    akool.close()
    for each in threads:
        each.join()
    assert len(told) == THREADS
    assert all("closed" in each for each in told)


def test_clients_come_and_go_in_many_threads(connected: Connected) -> None:
    def work(_number: int) -> float:
        with connected() as akool:
            return akool.account.credit().credit

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(4 * THREADS)))


def interrupt(call: Callable[[], object], *after: threading.Event) -> None:
    """Press Ctrl-C in a call, once something has begun."""
    here = threading.main_thread().ident
    assert here is not None

    def press() -> None:
        assert all(each.wait(30) for each in after)
        signal.pthread_kill(here, signal.SIGINT)

    pressing = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come at once
        pressing.start()
        call()
    pressing.join()


def test_ctrl_c_ends_the_wait_and_the_job_goes_on(
    connected: Connected, simulator: Simulator
) -> None:
    arrived, gate = threading.Event(), threading.Event()
    simulator.fault = hold("audio.tts", arrived, gate)
    with connected() as akool:
        job = akool.submit(speech())
        interrupt(job.result, arrived)
        assert not job.done()
        gate.set()
        assert job.result(30)


def test_ctrl_c_ends_a_call_and_an_iteration(connected: Connected, simulator: Simulator) -> None:
    arrived, created, gate = threading.Event(), threading.Event(), threading.Event()
    simulator.fault = hold("account.credit", arrived, gate)
    with connected(max_concurrency=2) as akool:
        interrupt(akool.account.credit, arrived)
        simulator.fault = hold("audio.tts", created, gate)
        jobs = akool.map(speech(str(number)) for number in range(50))
        interrupt(partial(list, jobs), created)
        assert akool.stats.queued == 0
        gate.set()


def test_ctrl_c_in_a_block_closes_the_client(connected: Connected, simulator: Simulator) -> None:
    arrived, waiting, gate = threading.Event(), threading.Event(), threading.Event()
    simulator.fault = hold("audio.tts", arrived, gate)
    jobs: list[Job[Any]] = []

    def program() -> None:
        with connected() as akool:
            jobs.append(akool.submit(speech()))
            try:
                waiting.set()
                jobs[0].result()
            finally:
                threading.Timer(0.05, gate.set).start()

    interrupt(program, arrived, waiting)
    assert jobs[0].done()
    assert jobs[0].token  # the answer to the create was waited for


def test_a_second_ctrl_c_waits_for_nothing(connected: Connected, simulator: Simulator) -> None:
    arrived, waiting, gate = threading.Event(), threading.Event(), threading.Event()
    simulator.fault = hold("audio.tts", arrived, gate)
    jobs: list[Job[Any]] = []
    closing: list[float] = []
    here = threading.main_thread().ident
    again = threading.Timer(0.5, signal.pthread_kill, (here, signal.SIGINT))

    def press_again(_queued: object) -> None:
        closing.append(time.monotonic())
        again.start()

    def program() -> None:
        with connected(max_concurrency=1) as akool:
            jobs.extend(akool.submit(speech(text)) for text in ("Hello.", "Good-bye."))
            jobs[1].add_done_callback(press_again)  # closing ends what is queued before it waits
            waiting.set()
            jobs[0].result()

    interrupt(program, arrived, waiting)
    assert time.monotonic() - closing[0] < GRACE
    assert isinstance(jobs[0].exception(), CreateOutcomeUnknown)
    assert isinstance(jobs[1].exception(), ClientClosed)
    gate.set()
    again.join()
