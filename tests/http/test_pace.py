"""Turns cost nothing until the server asks for less, and are then given out in line."""

from __future__ import annotations

import asyncio
import math

import pytest

from akool_async.clock import ManualClock
from akool_async.http.pace import Pace


async def limit_after_refusal_at(clock: ManualClock, rate: int) -> float:
    """Send at a rate for long, until the server asks for less."""
    pace = Pace("requests", clock)
    for _ in range(30):
        assert all(pace.try_turn(clock.time()) for _ in range(rate))
        await clock.advance(1.0)
    pace.refused(clock.time())
    return pace.limit


async def limited(clock: ManualClock) -> Pace:
    """Return a pace that is limited, because a burst of requests was refused."""
    pace = Pace("requests", clock)
    sent = [await pace.turn() for _ in range(20)]
    pace.refused(sent[-1])
    return pace


def test_a_turn_is_to_be_had_at_once_while_nothing_was_refused(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    assert all(pace.try_turn(0.0) for _ in range(1000))
    assert pace.limit == math.inf


async def test_waiting_for_a_turn_that_is_free_does_not_even_yield(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    waiting = pace.turn()
    with pytest.raises(StopIteration) as ended:
        waiting.send(None)
    assert ended.value.value == clock.time()


async def test_a_turn_is_not_to_be_had_at_once_where_the_rate_is_limited(
    clock: ManualClock,
) -> None:
    pace = await limited(clock)
    assert not pace.try_turn(clock.time())
    await clock.advance(1000.0)
    assert await pace.turn() == 1000.0  # which notices that the limit is no more
    assert pace.try_turn(clock.time())


async def test_a_turn_is_not_to_be_had_while_everybody_is_asked_to_wait(
    clock: ManualClock,
) -> None:
    pace = Pace("requests", clock)
    sent = await pace.turn()
    pace.refused(sent)
    pace.refused(sent, hold=2000.0)  # by then the rate itself is no longer limited
    await clock.advance(1999.0)
    assert pace.limit == math.inf
    assert not pace.try_turn(clock.time())
    await clock.advance(1.0)
    assert pace.try_turn(clock.time())


async def test_nobody_takes_the_turn_of_those_in_line(clock: ManualClock) -> None:
    pace = await limited(clock)
    first = asyncio.create_task(pace.turn())
    await clock.settle()
    clock._time = 500.0  # noqa: SLF001 - its timer has not run yet
    assert pace.limit == math.inf
    assert not pace.try_turn(500.0)
    await clock.advance(0.0)
    assert first.result() == 500.0
    assert pace.try_turn(500.0)


async def test_the_rate_that_was_refused_is_that_of_the_last_seconds(clock: ManualClock) -> None:
    assert await limit_after_refusal_at(clock, 20) == pytest.approx(0.7 * 20, rel=0.15)
    assert await limit_after_refusal_at(clock, 3) == pytest.approx(0.7 * 3, rel=0.15)


async def test_what_was_sent_long_ago_no_longer_counts(clock: ManualClock) -> None:
    pace = Pace("requests", clock)
    for _ in range(1000):
        assert pace.try_turn(clock.time())
    await clock.advance(60.0)
    pace.refused(await pace.turn())
    assert pace.limit == math.inf
