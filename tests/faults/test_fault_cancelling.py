"""Cancelled at every step: no place, task, connection, open file or accepted job is lost.

A step is one run of one task between two waits. Each test counts the steps of all tasks of a
program, and does it over and over, cancelled at the first step, at the second, and so on.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akool_async import Akool, Backoff, Retry
from akool_async.endpoints import TTS
from akool_async.journal import Entry, Journal, State
from akool_async.simulator import Simulator

if TYPE_CHECKING:
    from tests.clocks import Until

REQUEST = TTS(input_text="Hello", voice_id="voice")
KEYS = ("a", "b", "c")
MOST = 1000


class Steps:
    """Counts the steps of all tasks of a loop, and does something at one of them."""

    def __init__(self, at: int, action: Callable[[], object]) -> None:
        self.taken = 0
        self._at = at
        self._action = action

    def take(self) -> None:
        """Count one."""
        self.taken += 1
        if self.taken == self._at:
            self._action()

    def factory(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any
    ) -> asyncio.Task[Any]:
        """Make a task whose steps are counted."""
        return asyncio.Task(Counted(coroutine, self), loop=loop, **settings)


class Counted(collections.abc.Coroutine[Any, Any, Any]):
    """A coroutine whose steps are counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value: Any) -> Any:
        """Take a step."""
        self._steps.take()
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Take a step with an error."""
        self._steps.take()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


class Try:
    """One run of a program that is cancelled at a step, and what it left."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        self.path = folder / "jobs.sqlite"
        self.known_before = set(simulator.world.jobs)
        self.akool = Akool(
            client_id=simulator.client_id,
            client_secret=simulator.api_key,
            base_url=simulator.url,
            journal=self.path,
            backoff=Backoff(initial=0.001, maximum=0.005),
            retry=Retry(initial=0.001, maximum=0.002),
            allow_private_downloads=True,
        )

    async def program(self) -> None:
        """Get a token, create some jobs, wait for them, and save the results."""
        async with self.akool:
            await self.without_closing()

    async def without_closing(self) -> None:
        """Do the same with a client that nobody closes."""
        for job in [self.akool.submit(REQUEST, key=key) for key in KEYS]:
            await (await job).save(f"{self.folder}/")

    def run(self, at: int, program: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run a program, cancelled at a step; say whether it came to its own end before."""
        complaints: list[dict[str, Any]] = []
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(lambda _loop, about: complaints.append(about))

            async def main() -> bool:
                tasks: list[asyncio.Task[None]] = []
                steps = Steps(at, lambda: [task.cancel() for task in tasks])
                loop.set_task_factory(steps.factory)
                task = loop.create_task(program())
                tasks.append(task)
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                loop.set_task_factory(None)
                if program == self.program:
                    assert asyncio.all_tasks() == {asyncio.current_task()}
                return not task.cancelled()

            finished = runner.run(main())
        assert not complaints, complaints
        asyncio.run(self.akool.close())
        return finished

    @property
    def created(self) -> list[str]:
        """The jobs that the server made meanwhile."""
        return [job for job in self.simulator.world.jobs if job not in self.known_before]

    def rows(self) -> list[Entry]:
        """Read what the journal says."""
        journal = Journal(self.path)
        try:
            return list(journal.entries())
        finally:
            journal.close_now()

    def open_files(self) -> list[str]:
        """Return the files in the folder that this process still has open."""
        found = []
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(each.readlink()))
        return [name for name in found if name.startswith(str(self.folder))]


def tried(simulator: Simulator, folder: Path, at: int, *, closing: bool) -> tuple[Try, bool]:
    """Run a program in a folder of its own, cancelled at a step."""
    place = folder / str(at)
    place.mkdir()
    attempt = Try(simulator, place)
    return attempt, attempt.run(at, attempt.program if closing else attempt.without_closing)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Run a simulated Akool in a thread of its own, where jobs take milliseconds."""
    with Simulator(pace=0.002, omit_rate=0.0, instant_audio_rate=0.0).in_thread() as running:
        yield running


def check_that_nothing_is_open(attempt: Try) -> None:
    """Wait for the server to see the connections end."""
    if Path("/proc/self/fd").is_dir():
        assert attempt.open_files() == []
    runner: Any = attempt.simulator._runner  # noqa: SLF001 - it alone knows its connections
    deadline = time.monotonic() + 5.0
    while runner.server.connections:
        assert time.monotonic() < deadline, "a connection stayed open"
        time.sleep(0.001)


def test_a_client_that_is_closed_knows_every_job_that_was_sent(
    simulator: Simulator, tmp_path: Path
) -> None:
    seen: set[State] = set()
    for at in range(1, MOST):
        attempt, finished = tried(simulator, tmp_path, at, closing=True)
        check_that_nothing_is_open(attempt)
        created, rows = attempt.created, attempt.rows()
        assert len(created) <= len(rows) <= len(KEYS)
        assert sorted(created) == sorted(row.id for row in rows if row.id)
        for row in rows:
            accepted = row.state in {State.CREATED, State.COMPLETED}
            assert accepted if row.id else row.state in {State.QUEUED, State.REFUSED}
        seen |= {row.state for row in rows}
        if finished:
            break
    assert finished
    assert at > 50  # at so many places was it cancelled
    assert seen == {State.QUEUED, State.CREATED, State.COMPLETED}


def test_a_client_that_nobody_closes_tells_what_it_cannot_know(
    simulator: Simulator, tmp_path: Path
) -> None:
    for at in range(1, MOST):
        attempt, finished = tried(simulator, tmp_path, at, closing=False)
        check_that_nothing_is_open(attempt)
        created, rows = attempt.created, attempt.rows()
        known = {row.id for row in rows if row.id}
        in_doubt = [row for row in rows if row.state in {State.UNKNOWN, State.INTENT}]
        assert len(created) <= len(rows) <= len(KEYS)
        assert known <= set(created)
        assert len(set(created) - known) <= len(in_doubt)
        if finished:
            break
    assert finished
    assert at > 40


async def test_places_come_back_whenever_a_waiter_gives_up(
    simulator: Simulator, until: Until
) -> None:
    akool = Akool(
        simulator.api_key,
        base_url=simulator.url,
        max_concurrency=3,
        backoff=Backoff(initial=0.001, maximum=0.005),
    )
    async with akool:
        for turns in range(120):
            waiter = asyncio.create_task(akool.submit(REQUEST).wait())
            for _ in range(turns % 40):
                await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait([waiter])
        results = await asyncio.gather(*[akool.submit(REQUEST) for _ in range(10)])
        assert len({result.id for result in results}) == 10
        await until(lambda: not akool.stats.in_flight)
        assert akool.stats.peak_in_flight <= 3
