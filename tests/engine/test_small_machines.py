"""The parts of the engine alone: timer wheel, deadlines, queue, places, batch size, limiter."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akool_async import Backoff, Face
from akool_async.clock import ManualClock, Moment, Timer, steady
from akool_async.endpoints import ImageReage
from akool_async.endpoints.faceswap_family import FACESWAPS, Faceswap
from akool_async.engine import JobRecord, OperationState
from akool_async.engine.arrivals import Arrivals
from akool_async.engine.deadlines import Deadlines
from akool_async.engine.fair_limiter import FairLimiter
from akool_async.engine.net import Net
from akool_async.engine.places import JobPlaces
from akool_async.engine.poll_times import PollTimes
from akool_async.engine.queue import PendingQueue
from akool_async.engine.room import Room
from akool_async.engine.state import Trigger
from akool_async.engine.timer_wheel import TimerWheel
from akool_async.schedule.batch_size import BatchSize
from tests.clocks import turns
from tests.interrupts import Interrupts

PHOTO = "https://photos.example/photo.png"
FACE = Face(PHOTO)


def operation(name: str = "reage.image", timeout: float | None = None) -> OperationState[Faceswap]:
    return OperationState(name, FACESWAPS, schedule=Backoff(), timeout=timeout)


def queued(of: OperationState[Faceswap]) -> JobRecord[Faceswap]:
    """Return a job that waits for a place."""
    record = JobRecord(of)
    record.change(Trigger.QUEUE)
    return record


def watched(
    id: object, of: OperationState[Faceswap] | None = None, accepted_at: float = 0.0
) -> JobRecord[Faceswap]:
    """Return a job that was accepted."""
    record = queued(of or operation())
    record.change(Trigger.CREATE)
    record.accept(Faceswap(id=str(id)), Moment(accepted_at, accepted_at))
    return record


def ids(records: list[JobRecord[Faceswap]]) -> list[str | None]:
    return [record.id for record in records]


class CountingClock(ManualClock):
    """A manual clock that counts the timers that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        self.timers += 1
        return super().call_at(when, callback)


class Diary:
    """A wheel, and what came due when."""

    def __init__(self) -> None:
        self.clock = CountingClock()
        self.wheel: TimerWheel[Faceswap] = TimerWheel(self.clock, self.go)
        self.came: list[tuple[float, str | None]] = []

    def add(self, delay: float, id: object) -> JobRecord[Faceswap]:
        record = watched(id)
        self.wheel.put(record, self.clock.time(), delay)
        return record

    def go(self) -> None:
        while self.wheel.due():
            self.came += [(self.clock.time(), each) for each in ids(self.wheel.soonest(1))]
        self.wheel.arm()


async def test_jobs_come_when_they_are_due_in_order_and_ties_as_they_were_added() -> None:
    diary = Diary()
    for delay, name in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (1.0, "a too")):
        diary.add(delay, name)
    await diary.clock.advance(10)
    assert diary.came == [(1.0, "a"), (1.0, "a too"), (2.0, "b"), (3.0, "c")]


async def test_a_job_that_is_due_before_the_first_one_is_not_late() -> None:
    diary = Diary()
    diary.add(9.0, "late")
    await diary.clock.advance(1)
    diary.add(1.0, "early")
    await diary.clock.advance(10)
    assert diary.came == [(2.0, "early"), (9.0, "late")]


async def test_jobs_that_are_due_at_about_the_same_time_share_a_slot() -> None:
    diary = Diary()
    for name in range(100):
        diary.add(1.001 + name * 0.0004, name)
    await diary.clock.advance(2)
    assert {when for when, _ in diary.came} == {1.05}
    assert diary.clock.timers == 1


@pytest.mark.parametrize(
    ("delay", "latest"), [(5.0, 0.05), (0.21, 0.05), (0.1, 0.0125), (0.01, 0.001)]
)
async def test_no_look_is_early_or_later_than_its_slot_is_wide(delay: float, latest: float) -> None:
    diary = Diary()
    for name in range(50):
        await diary.clock.advance(0.0037)
        diary.add(delay, name)
        wanted = diary.clock.time() + delay
        diary.came.clear()
        await diary.clock.advance(delay + 0.06)
        assert [wanted <= when + 1e-6 <= wanted + latest + 1e-5 for when, _ in diary.came] == [True]


async def test_many_jobs_need_one_timer() -> None:
    diary = Diary()
    for number in range(1000):
        diary.add(5.0 + number, number)
    assert diary.clock.timers == 1


async def test_a_job_that_ended_does_not_come() -> None:
    diary = Diary()
    records = [diary.add(1.0, number) for number in range(4)]
    for record in (records[0], records[2]):
        record.finish(Faceswap(id=record.id or ""))
    await diary.clock.advance(2)
    assert [each for _, each in diary.came] == ["1", "3"]


async def test_the_soonest_are_taken_out_whether_due_or_not() -> None:
    diary = Diary()
    for number in range(5):
        diary.add(10.0 + number, number)
    assert ids(diary.wheel.soonest(3)) == ["0", "1", "2"]
    assert ids(diary.wheel.soonest(3)) == ["3", "4"]
    assert diary.wheel.soonest(3) == []
    assert len(diary.wheel) == 0


async def test_a_disarmed_wheel_is_silent_until_it_is_armed() -> None:
    diary = Diary()
    diary.add(1.0, "a")
    diary.wheel.disarm()
    await diary.clock.advance(5)
    assert diary.came == []
    diary.wheel.arm()
    await diary.clock.advance(0)
    assert diary.came == [(5.0, "a")]


async def test_a_job_stays_where_it_is_due_first() -> None:
    diary = Diary()
    record = diary.add(1.0, "a")
    for delay in (0.0, 0.5, 1.0, 2.0):
        diary.wheel.put(record, 0.0, delay)
    assert len(diary.wheel) == 1
    await diary.clock.advance(10)
    assert diary.came == [(1.0, "a")]


async def test_a_job_that_is_woken_comes_now_and_not_when_it_was_due() -> None:
    diary = Diary()
    record = diary.add(3.0, "a")
    await diary.clock.advance(1)
    for _ in range(3):
        diary.wheel.wake(record, diary.clock.time())
    assert len(diary.wheel) == 1
    await diary.clock.advance(10)
    assert diary.came == [(1.0, "a")]
    assert len(diary.wheel) == 0


async def test_a_job_that_is_woken_again_and_again_before_it_can_be_polled_comes_once() -> None:
    diary = Diary()
    record = diary.add(3.0, "a")
    diary.wheel.disarm()  # as if no lookup could be sent
    for _ in range(5):
        diary.wheel.wake(record, diary.clock.time())
        diary.wheel.disarm()
        await diary.clock.advance(0.1)
    assert len(diary.wheel) == 1
    assert ids(diary.wheel.soonest(9)) == ["a"]
    assert not diary.wheel.due()


async def test_a_job_that_is_woken_while_it_is_polled_comes_once_more() -> None:
    diary = Diary()
    record = diary.add(3.0, "a")
    assert ids(diary.wheel.soonest(1)) == ["a"]
    diary.wheel.wake(record, 0.0)
    diary.wheel.put(record, 0.0, 2.0)  # the lookup has returned
    await diary.clock.advance(10)
    assert diary.came == [(0.0, "a")]


async def test_a_job_that_returns_to_a_slot_that_it_left_comes_once() -> None:
    diary = Diary()
    record, other = diary.add(5.0, "a"), diary.add(5.0, "b")
    diary.wheel.wake(record, 0.0)
    assert ids(diary.wheel.soonest(1)) == ["a"]
    diary.wheel.put(record, 0.0, 5.0)
    assert record.slot is other.slot
    assert len(diary.wheel) == 2
    await diary.clock.advance(10)
    assert sorted(diary.came) == [(5.0, "a"), (5.0, "b")]


async def test_a_slot_that_all_jobs_have_left_is_not_due() -> None:
    diary = Diary()
    record = diary.add(1.0, "a")
    diary.wheel.wake(record, 0.0)
    assert ids(diary.wheel.soonest(1)) == ["a"]
    await diary.clock.advance(2)
    assert not diary.wheel.due()
    assert diary.came == []


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 4), st.sampled_from([0.0, 0.1, 1.0, 5.0])),
            st.tuples(st.just("wake"), st.integers(0, 4), st.just(0.0)),
            st.tuples(st.just("take"), st.integers(1, 4), st.just(0.0)),
            st.tuples(st.just("pass"), st.just(0), st.sampled_from([0.0, 0.03, 0.5, 5.0])),
        ),
        max_size=40,
    )
)
def test_a_job_stands_in_at_most_one_slot_that_counts(steps: list[tuple[str, int, float]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        wheel: TimerWheel[Faceswap] = TimerWheel(clock, lambda: None)
        records = [watched(number) for number in range(5)]
        due: dict[str | None, float] = {}
        for step, number, seconds in steps:
            if step == "pass":
                await clock.advance(seconds)
            elif step == "take":
                taken = ids(wheel.soonest(number))
                assert len(taken) == len(set(taken)) == min(number, len(due))
                times = [due.pop(each) for each in taken]
                assert max(times, default=0.0) <= min(due.values(), default=1e9) + 0.05
            elif step == "wake":
                wheel.wake(records[number], clock.time())
                due[records[number].id] = clock.time()
            else:
                wheel.put(records[number], clock.time(), seconds)
                due.setdefault(records[number].id, clock.time() + seconds)
            assert len(wheel) == len(due)
        assert sorted(map(str, ids(wheel.soonest(9)))) == sorted(map(str, due))
        assert len(wheel) == 0
        wheel.disarm()

    asyncio.run(run())


async def test_a_wake_that_is_interrupted_leaves_the_job_in_a_slot() -> None:
    interrupts, seen = Interrupts("TimerWheel", spared=0), -1
    while seen != interrupts.number:  # until a wake passes all lines without an interrupt
        seen = interrupts.number
        wheel: TimerWheel[Faceswap] = TimerWheel(ManualClock(), lambda: None)
        record = watched("woken")
        wheel.put(record, 0.0, 5.0)
        with interrupts.fall():
            wheel.wake(record, 0.0)
        assert ids(wheel.soonest(9)) == ["woken"]
    assert seen > 5


@pytest.mark.parametrize("part", ["PollTimes", "TimerWheel", "WokenJobs"])
async def test_a_webhook_whose_handling_is_interrupted_leaves_the_job_to_be_polled(
    part: str,
) -> None:
    interrupts, seen = Interrupts(part, spared=0), -1
    while seen != interrupts.number:
        seen = interrupts.number
        clock, record = ManualClock(), watched("told")
        times: PollTimes[Faceswap] = PollTimes(
            clock, {"told": record}, BatchSize(300), lambda: None, lambda _late: None
        )
        times.first(record, 0.0, at_once=False)
        with interrupts.fall():
            times.told(record)
        taken: list[JobRecord[Faceswap]] = []
        times.woken.take(taken)
        times.soonest(taken)
        assert set(ids(taken)) == {"told"}  # twice, at worst
        times.clear()
    assert part == "TimerWheel" or seen > 3


class SteadyClock(ManualClock):
    """A manual clock whose timers ring once more if an interrupt falls into one, as a loop's do."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return super().call_at(when, partial(steady, callback))


@pytest.mark.parametrize("part", ["Net", "TimerWheel"])
async def test_an_interrupt_as_the_net_is_due_loses_no_job(part: str) -> None:
    arrivals = Arrivals()
    arrivals.trusted = True
    armed = OperationState(
        "reage.image", FACESWAPS, schedule=Backoff(), timeout=None, arrivals=arrivals
    )
    interrupts, seen = Interrupts(part, spared=0), -1
    while seen != interrupts.number:
        seen = interrupts.number
        clock, records = SteadyClock(), {each: watched(each, armed) for each in ("one", "two")}
        wheel: TimerWheel[Faceswap] = TimerWheel(clock, lambda: None)

        def wake(due: Sequence[JobRecord[Faceswap]], wheel: TimerWheel[Faceswap] = wheel) -> None:
            for record in due:
                wheel.wake(record, 60.0)

        net: Net[Faceswap] = Net(clock, records, wake, wake)
        for record in records.values():
            record.request = ImageReage(target_image=[FACE], face_reage=10, modify_image=PHOTO)
            assert net.takes(record)
        with interrupts.fall():
            await clock.advance(60.0)
        await turns()
        assert set(ids(wheel.soonest(9))) == {"one", "two"}
    assert seen > 3


class Overdue:
    """Deadlines, and who ran out of time when."""

    def __init__(self) -> None:
        self.clock = CountingClock()
        self.records: dict[str, JobRecord[Faceswap]] = {}
        self.deadlines: Deadlines[Faceswap] = Deadlines(self.clock, self.records, self.end)
        self.came: list[tuple[float, str | None]] = []

    def add(self, id: object, timeout: float | None) -> JobRecord[Faceswap]:
        record = watched(id, operation(timeout=timeout), self.clock.time())
        self.records[str(id)] = record
        self.deadlines.add(record)
        return record

    def end(self, record: JobRecord[Faceswap]) -> None:
        self.came.append((self.clock.time(), record.id))
        self.forget(record)

    def forget(self, record: JobRecord[Faceswap]) -> None:
        del self.records[record.id or ""]


async def test_each_job_runs_out_of_its_own_time() -> None:
    overdue = Overdue()
    overdue.add("long", 100.0)
    overdue.add("never", None)
    await overdue.clock.advance(3)
    overdue.add("short", 2.0)
    overdue.add("as long", 100.0)
    await overdue.clock.advance(1000)
    assert overdue.came == [(5.0, "short"), (100.0, "long"), (103.0, "as long")]
    assert list(overdue.records) == ["never"]


async def test_who_ended_does_not_run_out_of_time() -> None:
    overdue = Overdue()
    records = [overdue.add(number, 10.0) for number in range(1000)]
    for record in records[:990]:
        overdue.forget(record)
    await overdue.clock.advance(20)
    assert [each for _, each in overdue.came] == [str(number) for number in range(990, 1000)]


async def test_time_runs_on_for_those_who_come_after_all_others_have_ended() -> None:
    overdue = Overdue()
    overdue.forget(overdue.add("ended", 10.0))
    overdue.forget(overdue.add("ended too", 3.0))
    await overdue.clock.advance(4)
    overdue.add("late", 3.0)
    await overdue.clock.advance(1)
    overdue.add("later", 3.0)
    overdue.add("latest", 10.0)
    await overdue.clock.advance(20)
    assert overdue.came == [(7.0, "late"), (8.0, "later"), (15.0, "latest")]


async def test_who_came_out_of_order_has_no_more_time_than_others() -> None:
    overdue = Overdue()
    overdue.add("first", 100.0)
    early = watched("early", operation(timeout=5.0), overdue.clock.time())
    ended = watched("ended", operation(timeout=1.0), overdue.clock.time())
    for record in (early, ended):
        overdue.deadlines.add(record, in_order=False)
    ended.change(Trigger.FINISH)
    await overdue.clock.advance(3)
    overdue.add("third", 5.0)
    overdue.records["early"] = early
    overdue.deadlines.add(early)
    await overdue.clock.advance(200)
    assert overdue.came == [(5.0, "early"), (8.0, "third"), (100.0, "first")]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1.0, 3.0, 8.0]), st.booleans())))
def test_nobody_has_more_time_than_is_theirs(jobs: list[tuple[int, float, bool]]) -> None:
    async def run() -> None:
        overdue = Overdue()
        expected: set[tuple[float, str]] = set()
        for number, (pause, timeout, ends) in enumerate(jobs):
            await overdue.clock.advance(pause)
            record = overdue.add(number, timeout)
            if ends:
                overdue.forget(record)
            else:
                expected.add((overdue.clock.time() + timeout, str(number)))
        await overdue.clock.advance(20)
        assert set(overdue.came) == expected

    asyncio.run(run())


async def test_a_thousand_deadlines_need_few_timers() -> None:
    overdue = Overdue()
    for number in range(1000):
        overdue.add(number, 10.0)
    await overdue.clock.advance(20)
    assert len(overdue.came) == 1000
    assert overdue.clock.timers <= 2


class Queue:
    """A pending queue, its places, and the jobs in it by name and number."""

    def __init__(self, **quotas: int) -> None:
        self.places = JobPlaces(Room(1000, quotas))
        self.queue = PendingQueue()
        self.operations: dict[str, OperationState[Faceswap]] = {}

    def add(self, name: str, number: int, priority: int = 0) -> JobRecord[Faceswap]:
        record = queued(self.operations.setdefault(name, operation(name)))
        record.id = f"{name}{number}"
        self.queue.add(record, priority)
        return record

    def take(self) -> JobRecord[Any] | None:
        record = self.queue.take(self.places.try_take)
        if record is not None:
            record.change(Trigger.CREATE)
            self.places.hold(record)
        return record

    def taken(self) -> list[str | None]:
        taken: list[str | None] = []
        while (record := self.take()) is not None:
            taken.append(record.id)
        return taken


async def test_one_operation_s_jobs_go_as_they_came() -> None:
    queue = Queue()
    for number in range(5):
        queue.add("a", number)
    assert queue.taken() == ["a0", "a1", "a2", "a3", "a4"]
    assert not queue.queue


async def test_operations_take_turns_however_many_of_one_wait() -> None:
    queue = Queue()
    for number in range(5):
        queue.add("a", number)
    for number in range(2):
        queue.add("b", number)
    assert queue.taken() == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]


async def test_a_higher_priority_goes_before_all_others() -> None:
    queue = Queue()
    queue.add("a", 0)
    queue.add("b", 1, priority=-1)
    queue.add("a", 2, priority=7)
    queue.add("b", 3, priority=7)
    assert queue.taken() == ["a2", "b3", "a0", "b1"]


async def test_who_ended_while_it_waited_is_passed_over() -> None:
    queue = Queue()
    records = [queue.add("a", number) for number in range(3)]
    records[1].change(Trigger.FINISH)
    assert ids(list(queue.queue)) == ["a0", "a2"]
    assert queue.taken() == ["a0", "a2"]


async def test_an_operation_without_a_place_lets_others_pass() -> None:
    queue = Queue(a=1)
    for number in range(3):
        queue.add("a", number)
        queue.add("b", number)
    first = queue.take()
    assert first is not None
    assert queue.taken() == ["b0", "b1", "b2"]
    queue.places.free(first)
    again = queue.take()
    assert again is not None
    assert again.id == "a1"


@pytest.mark.parametrize(
    ("name", "is_open"),
    [("video.lip_sync", False), ("video.translate", False), ("audio.tts", True)],
)
async def test_a_pattern_limits_all_operations_that_it_fits_together(
    name: str,
    is_open: bool,  # noqa: FBT001
) -> None:
    places = JobPlaces(Room(1000, {"video.*": 2}))
    places.add(watched("a", operation("video.lip_sync")))
    assert places.open_to(name)
    places.add(watched("b", operation("video.talking_photo")))
    assert places.open_to(name) is is_open


def test_a_batch_size_grows_while_full_lookups_are_answered() -> None:
    batch = BatchSize(300)
    assert batch.size == 100
    batch.note_answered(60)
    assert batch.size == 100
    for _ in range(3):
        batch.note_answered(batch.size)
    assert batch.size == 300


@pytest.mark.parametrize("limit", [1, 2, 9, 10, 25, 64, 99, 100, 101, 250, 299])
def test_a_batch_size_finds_the_largest_number_that_fits_and_stays_there(limit: int) -> None:
    batch = BatchSize(300)
    refused = 0
    for _ in range(40):
        if batch.size <= limit:
            batch.note_answered(batch.size)
        else:
            refused += 1
            batch.note_refused(batch.size)
    assert batch.size == limit
    assert refused <= 16


def test_a_batch_size_that_was_refused_by_accident_grows_again_in_the_end() -> None:
    batch = BatchSize(300)
    for number in (100, 50, 25, 12, 6):
        batch.note_refused(number)
    for _ in range(1500):
        batch.note_answered(batch.size)
    assert batch.size == 300


def test_a_batch_size_halved_for_one_bad_id_returns_to_the_first_size() -> None:
    batch = BatchSize(300)
    for number in (100, 50, 25, 13):
        batch.note_refused(number)
    assert batch.size < 13
    batch.note_refused_alone()
    assert batch.size == 100


def test_a_batch_size_of_one_stays_one() -> None:
    batch = BatchSize(1)
    batch.note_answered(1)
    batch.note_refused(1)
    batch.note_refused_alone()
    assert batch.size == 1


def test_a_learned_batch_size_can_be_stored_and_restored() -> None:
    assert not BatchSize(300).learned
    batch, other = BatchSize(300), BatchSize(300)
    batch.note_refused(100)
    batch.note_answered(50)
    assert batch.learned
    other.load(batch.dump())
    assert other.size == batch.size
    other.note_answered(other.size)
    assert other.size < 100


@pytest.mark.parametrize(
    "junk", [b"", b"1 2", b"a b c", b"-1 5 3", b"3 2 1", b"1 500 400", b"\xff"]
)
def test_junk_leaves_a_batch_size_unchanged(junk: bytes) -> None:
    batch = BatchSize(300)
    batch.load(junk)
    assert batch.size == 100


class User:
    """Who uses a limiter, with so much work to do."""

    def __init__(self, limiter: FairLimiter, name: str, work: int) -> None:
        self.limiter = limiter
        self.name = name
        self.work = work
        self.under_way = 0
        self.entered: list[User] = []
        limiter.join(name)

    def go(self) -> None:
        while self.work and self.limiter.enter(self.name, self.go):
            self.work -= 1
            self.under_way += 1
            self.entered.append(self)

    def finish_one(self) -> None:
        self.under_way -= 1
        self.limiter.leave(self.name)
        self.go()


def test_a_lane_holds_as_many_as_it_is_wide() -> None:
    user = User(FairLimiter(3), "a", work=10)
    user.go()
    assert (user.under_way, user.work) == (3, 7)
    user.finish_one()
    assert (user.under_way, user.work) == (3, 6)


def test_whoever_waits_is_called_when_there_is_a_place() -> None:
    limiter = FairLimiter(1)
    first, second = User(limiter, "first", work=1), User(limiter, "second", work=1)
    first.go()
    second.go()
    assert (first.under_way, second.under_way) == (1, 0)
    first.finish_one()
    assert (first.under_way, second.under_way) == (0, 1)


def test_one_place_is_kept_for_each_user_with_nothing_under_way() -> None:
    limiter = FairLimiter(4)
    hanging, other, third = (User(limiter, name, work=9) for name in ("hanging", "other", "third"))
    hanging.go()
    assert hanging.under_way == 2
    other.go()
    third.go()
    assert (other.under_way, third.under_way) == (1, 1)


def test_a_user_that_hangs_leaves_the_others_their_way() -> None:
    limiter = FairLimiter(4)
    hanging, other = User(limiter, "hanging", work=100), User(limiter, "other", work=100)
    hanging.go()
    other.go()
    while other.work or other.under_way:
        other.finish_one()
    assert hanging.under_way == 3


def test_a_user_that_hangs_leaves_a_way_for_those_who_come_later() -> None:
    limiter = FairLimiter(16)
    hanging = User(limiter, "hanging", work=100)
    hanging.go()
    late, later = (User(limiter, name, work=5) for name in ("late", "later"))
    for user in (late, later):
        user.go()
    while late.work + late.under_way + later.work + later.under_way:
        for user in (late, later):
            if user.under_way:
                user.finish_one()
    assert hanging.under_way == 14


def test_places_go_round() -> None:
    limiter = FairLimiter(2)
    users = [User(limiter, name, work=20) for name in "abcd"]
    entered: list[User] = []
    for user in users:
        user.entered = entered
        user.go()
    for n in range(40):
        entered[n].finish_one()
    served = Counter(user.name for user in entered[:40]).values()
    assert len(served) == 4
    assert max(served) - min(served) <= 2


def test_a_place_that_who_was_called_needs_no_longer_goes_to_the_next() -> None:
    limiter = FairLimiter(1)
    first, idle, last = (User(limiter, name, work=1) for name in ("first", "idle", "last"))
    for user in (first, idle, last):
        user.go()
    idle.work = 0  # its jobs have ended in the meantime, by a timeout or a webhook
    first.finish_one()
    assert last.under_way == 1


def test_an_interrupt_amid_a_call_leaves_nobody_waiting() -> None:
    limiter = FairLimiter(1)
    first, last = (User(limiter, name, work=1) for name in ("first", "last"))

    def interrupted() -> None:
        raise KeyboardInterrupt

    async def run() -> None:
        first.go()
        assert not limiter.enter("interrupted", interrupted)
        last.go()
        first.finish_one()

    with asyncio.Runner() as runner:
        with pytest.raises(KeyboardInterrupt):
            runner.get_loop().run_until_complete(run())
        runner.get_loop().run_until_complete(asyncio.sleep(0))
    assert last.under_way == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_lane_is_overfull_and_nobody_waits_for_ever(seed: int) -> None:
    chance = random.Random(seed)
    width = chance.randint(1, 5)
    limiter = FairLimiter(width)
    users = [User(limiter, str(n), chance.randint(0, 30)) for n in range(chance.randint(1, 6))]
    for user in users:
        user.go()
    for _ in range(1000):
        assert sum(user.under_way for user in users) <= width
        busy = [user for user in users if user.under_way]
        if not busy:
            break
        chance.choice(busy).finish_one()
        idle = chance.choice(users)
        idle.work = max(0, idle.work - chance.randint(0, 1))
    assert all(user.work == user.under_way == 0 for user in users)
