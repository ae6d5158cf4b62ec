"""The manual clock and the event loop's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from akool_async.clock import Clock, LoopClock, ManualClock, sleep, steady


async def test_time_stands_still_until_it_is_advanced(clock: ManualClock) -> None:
    start = clock.now()
    await asyncio.sleep(0.01)
    assert (clock.time(), clock.now()) == (0.0, start)
    await clock.advance(90.0)
    assert (clock.time(), clock.now()) == (90.0, start + timedelta(seconds=90))


async def test_timers_run_in_order_each_at_its_own_time(clock: ManualClock) -> None:
    rung: list[tuple[str, float]] = []

    def ring(name: str) -> None:
        rung.append((name, clock.time()))

    for name, when in (("late", 3.0), ("early", 1.0), ("early too", 1.0), ("never", 9.0)):
        clock.call_at(when, partial(ring, name))
    await clock.advance(5.0)
    assert rung == [("early", 1.0), ("early too", 1.0), ("late", 3.0)]
    assert clock.time() == 5.0


async def test_a_timer_set_by_a_timer_runs_in_the_same_advance(clock: ManualClock) -> None:
    rung: list[float] = []

    def again() -> None:
        rung.append(clock.time())
        if len(rung) < 4:
            clock.call_at(clock.time() + 1.0, again)

    clock.call_at(1.0, again)
    await clock.advance(10.0)
    assert rung == [1.0, 2.0, 3.0, 4.0]


async def test_a_cancelled_timer_never_runs(clock: ManualClock) -> None:
    rung: list[str] = []
    timer = clock.call_at(1.0, lambda: rung.append("cancelled"))
    timer.cancel()
    timer.cancel()
    await clock.advance(2.0)
    assert rung == []


async def test_sleepers_wake_when_their_seconds_are_over(clock: ManualClock) -> None:
    short = asyncio.create_task(sleep(clock, 1.0))
    long = asyncio.create_task(sleep(clock, 2.0))
    await clock.advance(1.5)
    assert (short.done(), long.done()) == (True, False)
    await clock.advance(0.5)
    assert long.done()


async def test_a_cancelled_sleeper_removes_its_timer(clock: ManualClock) -> None:
    sleeper = asyncio.create_task(sleep(clock, 1.0))
    await clock.settle()
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    await clock.advance(2.0)


async def test_the_loop_clock_returns_the_loop_s_time() -> None:
    clock: Clock = LoopClock()
    rung = asyncio.Event()
    assert abs(clock.time() - asyncio.get_running_loop().time()) < 1.0
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    clock.call_at(clock.time(), rung.set)
    await rung.wait()
    await sleep(clock, 0.0)


def test_a_step_is_taken_again_as_often_as_an_interrupt_falls_into_it() -> None:
    interrupts = [KeyboardInterrupt, SystemExit, KeyboardInterrupt]
    taken: list[str] = []

    def step(name: str) -> None:
        if interrupts:
            raise interrupts.pop()
        taken.append(name)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.call_soon(steady, step, "a step")
        for _ in range(3):
            with pytest.raises((KeyboardInterrupt, SystemExit)):
                loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
    assert taken == ["a step"]
