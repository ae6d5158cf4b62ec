"""Places that are shared with others: waited for before a worker is taken, and never lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import Akool, ClientClosed, Face, Job, JobCancelled, Limits, Status
from akool_async.clock import ManualClock
from akool_async.endpoints import TTS, ImageReage
from akool_async.engine import JobState
from akool_async.engine.places import Places, SharedPlaces
from akool_async.simulator import Simulator
from tests.clocks import turns

Connect = Callable[..., Akool]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def speech(text: object = "hello") -> TTS:
    return TTS(input_text=str(text), voice_id="voice")


def reage() -> ImageReage:
    face = Face("https://photos.example/face.png")
    return ImageReage(
        target_image=[face], face_reage=10, modify_image="https://photos.example/photo.png"
    )


class Counted(asyncio.Semaphore):
    """A semaphore that counts its permits in use."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.taken = self.most = self.asked = 0
        self.least = 0
        """Below 0 if a permit was given back that was not taken."""

    async def acquire(self) -> Literal[True]:
        self.asked += 1
        await super().acquire()
        self.taken += 1
        self.most = max(self.most, self.taken)
        return True

    def release(self) -> None:
        self.taken -= 1
        self.least = min(self.least, self.taken)
        super().release()


class Board:
    """Places by operation, as machines might share them: so many of each, and a count."""

    def __init__(self, **free: int) -> None:
        self.free = Counter({name.replace("_", "."): number for name, number in free.items()})
        self.taken: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        """How often somebody waited, by operation."""
        self._changed = asyncio.Event()

    def try_take(self, name: str) -> bool:
        if self.free[name] <= 0:
            return False
        self.free[name] -= 1
        self.taken[name] += 1
        return True

    async def take(self, name: str) -> None:
        self.waits[name] += 1
        while not self.try_take(name):
            self._changed.clear()
            await self._changed.wait()

    def release(self, name: str) -> None:
        self.taken[name] -= 1
        self.add(name)

    def add(self, name: str) -> None:
        """Free one more place, as another machine does."""
        self.free[name] += 1
        self._changed.set()


def share(akool: Akool, places: Places) -> None:
    """Let a client that has not begun share places; `semaphore=` is the one way to say so yet."""
    akool._shared.configuration.places = places  # noqa: SLF001


@pytest.fixture
async def full() -> Counted:
    """Return a semaphore whose one permit somebody else holds."""
    semaphore = Counted(1)
    await asyncio.Semaphore.acquire(semaphore)
    return semaphore


# Who waits


async def test_a_job_that_waits_for_a_shared_place_keeps_no_worker_from_others(
    quick: Simulator, connect: Connect
) -> None:
    akool = connect(quick, limits=Limits(creates=1))
    share(akool, board := Board(audio_tts=0, reage_image=2))
    async with akool:
        waiting = [akool.submit(speech(n)) for n in range(3)]
        results = await asyncio.gather(*[akool.submit(reage()) for _ in range(4)])
        assert {result.status for result in results} == {Status.COMPLETED}
        assert not any(job.done() for job in waiting)
        assert board.waits["audio.tts"] == 1  # for the three of them
        for _ in waiting:
            board.add("audio.tts")
        await asyncio.gather(*waiting)
        assert not board.taken.total()
        assert board.free["audio.tts"] == 3


async def test_a_job_that_waits_for_a_user_s_semaphore_keeps_no_worker_from_others(
    quick: Simulator, connect: Connect
) -> None:
    class FirstNever(Counted):
        async def acquire(self) -> Literal[True]:
            if self.asked == 0:
                self.asked += 1
                await asyncio.Event().wait()
            return await super().acquire()

    settings: dict[str, Any] = {"semaphore": FirstNever(9), "limits": Limits(creates=1)}
    async with connect(quick, **settings) as akool:
        stuck = akool.submit(speech())
        await asyncio.gather(*[akool.submit(reage()) for _ in range(3)])
        assert not stuck.done()
        assert akool.stats.queued == 1


async def test_a_semaphore_is_a_limit_on_jobs_in_flight_of_several_clients_together(
    quick: Simulator, connect: Connect
) -> None:
    shared = Counted(3)
    async with connect(quick, semaphore=shared) as one, connect(quick, semaphore=shared) as two:
        jobs = [akool.submit(speech(n)) for n in range(8) for akool in (one, two)]
        await asyncio.gather(*jobs)
    assert quick.world.peak_in_flight == shared.most == 3
    assert shared.taken == 0
    assert quick.world.creates.total() == 16


async def test_a_client_waits_for_no_more_permits_than_it_has_places_of_its_own(
    simulator: Simulator, connect: Connect, clock: ManualClock
) -> None:
    semaphore = Counted(9)
    async with connect(simulator, max_concurrency=2, semaphore=semaphore) as akool:
        jobs = [akool.submit(speech(n)) for n in range(4)]
        await asyncio.gather(*[job.created() for job in jobs[:2]])
        await turns()
        assert (semaphore.taken, semaphore.asked) == (2, 2)
        await clock.advance(60)
        await asyncio.gather(*jobs[:2])


async def test_a_resumed_job_needs_no_permit_and_gives_none_back(
    simulator: Simulator, connect: Connect, clock: ManualClock, full: Counted
) -> None:
    async with connect(simulator) as akool:
        token = (await akool.submit(reage()).created()).token
    async with connect(simulator, semaphore=full) as akool:
        job = akool.job(token)
        await clock.advance(60)
        assert (await job).status is Status.COMPLETED
    assert (full.asked, full.taken, full.least) == (0, 0, 0)
    assert full.locked()


async def test_a_permit_that_comes_while_all_workers_are_busy_is_asked_for_again(
    quick: Simulator, connect: Connect
) -> None:
    semaphore = Counted(9)
    limits = Limits(creates=1)
    async with connect(quick, semaphore=semaphore, limits=limits) as akool:
        jobs = [akool.submit(each) for n in range(5) for each in (speech(n), reage())]
        results = await asyncio.gather(*jobs)
        assert len({result.id for result in results}) == 10
        await turns()
    assert semaphore.taken == 0


# Permits that nobody needs


async def test_a_permit_that_nobody_needs_any_more_is_given_back(
    simulator: Simulator, connect: Connect, full: Counted
) -> None:
    async with connect(simulator, semaphore=full) as akool:
        job = akool.submit(speech())
        await turns()
        assert full.asked == 1
        assert await job.cancel()
        asyncio.Semaphore.release(full)  # the other one gives it back
        await turns()
        assert (full.most, full.taken) == (1, 0)
        assert not full.locked()
        assert not simulator.requests


async def test_a_permit_for_a_cancelled_job_goes_to_the_next_one(
    quick: Simulator, connect: Connect, full: Counted
) -> None:
    async with connect(quick, semaphore=full) as akool:
        first, second = akool.submit(speech("first")), akool.submit(speech("second"))
        await turns()
        assert await first.cancel()
        asyncio.Semaphore.release(full)
        assert (await second).status is Status.COMPLETED
        await turns()
        assert full.taken == 0
        assert full.asked == 1


async def test_closing_waits_for_no_permit(
    simulator: Simulator, connect: Connect, full: Counted
) -> None:
    async with connect(simulator, semaphore=full) as akool:
        jobs: list[Job[Any]] = [akool.submit(speech()), akool.submit(reage())]
        await turns()
        assert full.asked == 2
    assert all(isinstance(job.exception(), ClientClosed) for job in jobs)
    asyncio.Semaphore.release(full)
    await turns()
    assert (full.most, full.taken) == (0, 0)
    assert not full.locked()


# Errors of the user's own


class Sick(Counted):
    """A semaphore with an error at the second call."""

    async def acquire(self) -> Literal[True]:
        if self.asked == 1:
            self.asked += 1
            raise OSError("the lock server is away")
        return await super().acquire()


async def test_an_error_of_a_semaphore_ends_one_job_and_no_other(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    semaphore = Sick(2)
    async with connect(quick, semaphore=semaphore) as akool:
        jobs = [akool.submit(speech(n)) for n in range(5)]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes].count("OSError") == 1
    assert [type(outcome).__name__ for outcome in outcomes].count("Audio") == 4
    assert quick.world.creates.total() == 4
    assert semaphore.taken == 0
    assert "audio.tts: waiting for a place failed" in caplog.text


async def test_an_error_while_a_permit_is_given_back_ends_no_job_and_no_watch(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    class Sticky(Counted):
        def release(self) -> None:
            super().release()
            raise ValueError("released too many times")

    async with connect(quick, semaphore=Sticky(9)) as akool:
        results = await asyncio.gather(*[akool.submit(reage()) for _ in range(5)])
        assert {result.status for result in results} == {Status.COMPLETED}
    assert "giving a place back failed" in caplog.text


async def test_an_error_of_try_take_that_does_not_last_ends_no_job(
    quick: Simulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(Board):
        errors = 1

        def try_take(self, name: str) -> bool:
            if self.errors:
                self.errors -= 1
                raise OSError("the lock server is away")
            return super().try_take(name)

    akool = connect(quick)
    share(akool, board := Away(audio_tts=9))
    async with akool:
        outcomes = await asyncio.gather(
            *[akool.submit(speech(n)) for n in range(4)], return_exceptions=True
        )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Audio"] * 4
    assert not board.taken.total()
    assert "audio.tts: taking a place failed" in caplog.text


# At each step


@pytest.mark.parametrize("end", ["cancel", "close", "cancel and close"])
async def test_no_permit_is_lost_or_doubled_whenever_jobs_are_cancelled_or_closed(
    simulator: Simulator, connect: Connect, end: str
) -> None:
    met: set[str] = set()
    for number in [*range(30), *range(30, 150, 6)]:
        semaphore = Counted(2)
        async with connect(simulator, semaphore=semaphore) as akool:
            jobs = [akool.submit(each) for each in (reage(), reage(), speech(), reage())]
            await turns(number)
            met |= {job.one_line for job in jobs}
            if "cancel" in end:
                cancels = [job.cancel() for job in jobs]
                await asyncio.gather(*cancels, return_exceptions=True)
            if end == "cancel":
                assert semaphore.taken <= 1  # a speech cannot be cancelled once it is accepted
        assert all(
            isinstance(job.exception(), JobCancelled | ClientClosed)
            or job.status is Status.COMPLETED
            for job in jobs
        )
        await turns(5)
        assert semaphore.taken == 0
        assert semaphore.most <= 2
        assert semaphore.least == 0
        for _ in range(2):
            await asyncio.wait_for(semaphore.acquire(), 5)
    assert met - {"PROCESSING"} == {
        JobState.QUEUED.meaning,
        JobState.CREATING.meaning,
        "QUEUED",  # at Akool
    }


class Failing(Board):
    """A board with an error now and then, after which the place is free again."""

    sick = False

    async def take(self, name: str) -> None:
        await super().take(name)
        if self.sick:
            self.sick = False
            self.release(name)
            raise OSError


class Demand:
    """Jobs that want places, and what becomes of both."""

    def __init__(self, free: int) -> None:
        self.board = Failing(a=free, b=free)
        self.places = SharedPlaces(self.board, self.pump, self.fail)
        self.wanted: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.total = 2 * free

    def pump(self) -> None:
        for name in "ab":
            while self.wanted[name] > 0 and self.places.try_take(name):
                self.wanted[name] -= 1
                self.used[name] += 1

    def fail(self, name: str, _error: Exception) -> None:
        self.give_up(name)
        self.pump()

    def want(self, name: str) -> None:
        self.wanted[name] += 1
        self.pump()

    def give_up(self, name: str) -> None:
        self.wanted[name] = max(0, self.wanted[name] - 1)

    def end(self, name: str) -> None:
        if self.used[name]:
            self.used[name] -= 1
            self.places.release(name)
            self.pump()

    def add(self, name: str) -> None:
        self.total += 1
        self.board.add(name)

    def fall_sick(self, _name: str) -> None:
        self.board.sick = True

    async def check(self, number: int) -> None:
        """Let the loop turn; no place is lost, doubled, or in hand without a job."""
        await turns(number)
        assert self.board.taken.total() + self.board.free.total() == self.total
        assert min(self.board.taken.values(), default=0) >= 0
        if number:
            assert +self.board.taken == +self.used

    async def close(self) -> None:
        await asyncio.gather(*self.places.close(), return_exceptions=True)
        await self.check(5)


STEPS: list[Callable[[Demand, str], None]] = [
    Demand.want,
    Demand.give_up,
    Demand.end,
    Demand.add,
    Demand.fall_sick,
]


@given(
    st.integers(0, 2),
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from("ab"), st.sampled_from([0, 0, 1, 9])),
        max_size=30,
    ),
)
def test_places_in_hand_or_waited_for_add_up(
    free: int, steps: list[tuple[Callable[[Demand, str], None], str, int]]
) -> None:
    async def run() -> None:
        demand = Demand(free)
        for step, name, pause in steps:
            step(demand, name)
            await demand.check(pause)
        await demand.close()

    asyncio.run(run())
