"""The two small machines of the engine: when something is due, and who may go now."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from akool_async.clock import ManualClock, Timer
from akool_async.engine.agenda import Agenda
from akool_async.engine.lane import Lane


class Item:
    def __init__(self, name: object) -> None:
        self.name = name
        self.ended = False


class CountingClock(ManualClock):
    """A manual clock that counts the timers that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        self.timers += 1
        return super().call_at(when, callback)


class Diary:
    """An agenda, and what came due when."""

    def __init__(self) -> None:
        self.clock = CountingClock()
        self.agenda: Agenda[Item] = Agenda(self.clock, self.go)
        self.came: list[tuple[float, object]] = []

    def go(self) -> None:
        while self.agenda.due():
            for item in self.agenda.soonest(1):
                self.came.append((self.clock.time(), item.name))
        self.agenda.arm()


async def test_entries_come_when_they_are_due_in_order_and_ties_as_they_were_added() -> None:
    diary = Diary()
    for when, name in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (1.0, "a too")):
        diary.agenda.add(when, Item(name))
    await diary.clock.advance(10)
    assert diary.came == [(1.0, "a"), (1.0, "a too"), (2.0, "b"), (3.0, "c")]


async def test_an_entry_before_the_first_one_is_not_late() -> None:
    diary = Diary()
    diary.agenda.add(9.0, Item("late"))
    await diary.clock.advance(1)
    diary.agenda.add(2.0, Item("early"))
    await diary.clock.advance(10)
    assert diary.came == [(2.0, "early"), (9.0, "late")]


async def test_many_entries_need_one_timer() -> None:
    diary = Diary()
    for n in range(1000):
        diary.agenda.add(5.0 + n, Item(n))
    assert diary.clock.timers == 1


async def test_an_entry_that_ended_does_not_come() -> None:
    diary = Diary()
    items = [Item(n) for n in range(4)]
    for item in items:
        diary.agenda.add(1.0, item)
    items[0].ended = items[2].ended = True
    await diary.clock.advance(2)
    assert [name for _, name in diary.came] == [1, 3]


async def test_the_soonest_are_taken_out_whether_due_or_not() -> None:
    diary = Diary()
    for n in range(5):
        diary.agenda.add(10.0 + n, Item(n))
    assert [item.name for item in diary.agenda.soonest(3)] == [0, 1, 2]
    assert [item.name for item in diary.agenda.soonest(3)] == [3, 4]
    assert diary.agenda.soonest(3) == []


async def test_what_ended_is_not_among_the_soonest() -> None:
    diary = Diary()
    items = [Item(n) for n in range(5)]
    for item in items:
        diary.agenda.add(10.0, item)
    items[0].ended = items[2].ended = True
    assert [item.name for item in diary.agenda.soonest(2)] == [1, 3]


async def test_entries_that_ended_are_swept_once_they_are_the_majority() -> None:
    diary = Diary()
    items = [Item(n) for n in range(1000)]
    for item in items:
        diary.agenda.add(1e6, item)
    for item in items[:990]:
        item.ended = True
        diary.agenda.note_ended()
    assert len(diary.agenda) < 100
    await diary.clock.advance(1e6)
    assert [name for _, name in diary.came] == list(range(990, 1000))


async def test_a_disarmed_agenda_is_silent_until_it_is_armed() -> None:
    diary = Diary()
    diary.agenda.add(1.0, Item("a"))
    diary.agenda.disarm()
    await diary.clock.advance(5)
    assert diary.came == []
    diary.agenda.arm()
    await diary.clock.advance(0)
    assert diary.came == [(5.0, "a")]


class User:
    """Who uses a lane, with so much work to do."""

    def __init__(self, lane: Lane, name: str, work: int) -> None:
        self.lane = lane
        self.name = name
        self.work = work
        self.under_way = 0
        self.entered: list[User] = []
        lane.join(name)

    def go(self) -> None:
        while self.work and self.lane.enter(self.name, self.go):
            self.work -= 1
            self.under_way += 1
            self.entered.append(self)

    def finish_one(self) -> None:
        self.under_way -= 1
        self.lane.leave(self.name)
        self.go()


def test_a_lane_holds_as_many_as_it_is_wide() -> None:
    user = User(Lane(3), "a", work=10)
    user.go()
    assert (user.under_way, user.work) == (3, 7)
    user.finish_one()
    assert (user.under_way, user.work) == (3, 6)


def test_whoever_waits_is_called_when_there_is_a_place() -> None:
    lane = Lane(1)
    first, second = User(lane, "first", work=1), User(lane, "second", work=1)
    first.go()
    second.go()
    assert (first.under_way, second.under_way) == (1, 0)
    first.finish_one()
    assert (first.under_way, second.under_way) == (0, 1)


def test_one_place_is_kept_for_each_user_with_nothing_under_way() -> None:
    lane = Lane(4)
    hanging, other, third = (User(lane, name, work=9) for name in ("hanging", "other", "third"))
    hanging.go()
    assert hanging.under_way == 2
    other.go()
    third.go()
    assert (other.under_way, third.under_way) == (1, 1)


def test_a_user_that_hangs_leaves_the_others_their_way() -> None:
    lane = Lane(4)
    hanging, other = User(lane, "hanging", work=100), User(lane, "other", work=100)
    hanging.go()
    other.go()
    while other.work or other.under_way:
        other.finish_one()
    assert hanging.under_way == 3


def test_a_user_that_hangs_leaves_a_way_for_those_who_come_later() -> None:
    lane = Lane(16)
    hanging = User(lane, "hanging", work=100)
    hanging.go()
    late, later = (User(lane, name, work=5) for name in ("late", "later"))
    for user in (late, later):
        user.go()
    while late.work + late.under_way + later.work + later.under_way:
        for user in (late, later):
            if user.under_way:
                user.finish_one()
    assert hanging.under_way == 14


def test_places_go_round() -> None:
    lane = Lane(2)
    users = [User(lane, name, work=20) for name in "abcd"]
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
    lane = Lane(1)
    first, idle, last = (User(lane, name, work=1) for name in ("first", "idle", "last"))
    for user in (first, idle, last):
        user.go()
    idle.work = 0  # its jobs have ended in the meantime, by a timeout or a webhook
    first.finish_one()
    assert last.under_way == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_lane_is_overfull_and_nobody_waits_for_ever(seed: int) -> None:
    chance = random.Random(seed)
    width = chance.randint(1, 5)
    lane = Lane(width)
    users = [User(lane, str(n), chance.randint(0, 30)) for n in range(chance.randint(1, 6))]
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
