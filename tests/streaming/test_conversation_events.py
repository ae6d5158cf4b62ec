"""Events of a conversation, for one iterator or several."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from akool_async.clock import ManualClock
from akool_async.streaming import (
    Caption,
    Ended,
    Joined,
    Left,
    Missed,
    SessionEvent,
    Silent,
    Speaking,
    Unrecognized,
    Warned,
)
from akool_async.streaming.fan_out import MOST_WAITING
from tests.streaming.talking import caption, talk, voice


async def rest(events: AsyncIterator[SessionEvent]) -> list[SessionEvent]:
    """Return the events up to the end."""
    return [event async for event in events]


async def test_what_the_avatar_says_is_told_in_its_order_until_the_end(clock: ManualClock) -> None:
    async with talk(clock, joined=False) as talking:
        events = talking.conversation.events()
        await talking.avatar.join()
        await talking.avatar.send(voice("audio_start"))
        await talking.avatar.send(caption("Hello, ", idx=0, fin=False))
        await talking.avatar.send(caption("you", idx=1, fin=True))
        await talking.avatar.send(voice("audio_end"))
        await talking.avatar.send(b"no message at all")
        await talking.avatar.leave("a reload")
        await clock.settle()
        talking.conversation.tell(Warned(seconds=30.0))
        await talking.conversation.end("expired")
        told = await rest(events)
    assert told[:5] == [
        Joined(),
        Speaking(),
        Caption(speaker="bot", mid="bot-1", text="Hello, ", final=False),
        Caption(speaker="bot", mid="bot-1", text="you", final=True),
        Silent(),
    ]
    assert isinstance(told[5], Unrecognized)
    assert told[5].data == b"no message at all"
    assert told[6:] == [Left(reason="a reload"), Warned(seconds=30.0), Ended(reason="expired")]


async def test_a_part_that_never_comes_is_given_up_after_a_while(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        events = talking.conversation.events()
        await talking.avatar.send(caption("and the end", idx=1, fin=True))
        await clock.advance(30)
        await talking.conversation.end("closed")
        assert await rest(events) == [
            Caption(speaker="bot", mid="bot-1", text="and the end", final=True, gap=True),
            Ended(reason="closed"),
        ]


async def test_several_iterators_get_every_event_each_from_its_own_beginning_on(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        first = talking.conversation.events()
        talking.conversation.tell(Warned(seconds=2.0))
        second = talking.conversation.events()
        talking.conversation.tell(Warned(seconds=1.0))
        await talking.conversation.end("closed")
        assert await rest(first) == [
            Warned(seconds=2.0),
            Warned(seconds=1.0),
            Ended(reason="closed"),
        ]
        assert await rest(second) == [Warned(seconds=1.0), Ended(reason="closed")]


async def test_a_slow_iterator_loses_the_oldest_and_is_told_how_many(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        slow, quick = talking.conversation.events(), talking.conversation.events()
        for number in range(MOST_WAITING + 5):
            talking.conversation.tell(Warned(seconds=float(number)))
            assert await anext(quick) == Warned(seconds=float(number))
        assert await anext(slow) == Missed(count=5)
        assert await anext(slow) == Warned(seconds=5.0)
        for number in range(3):
            talking.conversation.tell(Warned(seconds=float(number)))
        await talking.conversation.end("closed")
        assert await anext(slow) == Missed(count=3)
        told = await rest(slow)
        assert len(told) == MOST_WAITING
        assert told[-1] == Ended(reason="closed")


async def test_nothing_is_told_after_the_end(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        events = talking.conversation.events()
        await talking.conversation.end("expired")
        talking.conversation.tell(Warned(seconds=1.0))
        assert await rest(events) == [Ended(reason="expired")]


async def test_an_iterator_made_after_the_end_yields_the_end_alone(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        await talking.conversation.end("expired")
        await talking.conversation.end("closed")  # the first reason stays
        talking.conversation.tell(Warned(seconds=1.0))
        for _ in range(2):
            assert await rest(talking.conversation.events()) == [Ended(reason="expired")]


async def test_an_iterator_that_waits_wakes_at_an_event_and_at_the_end(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        listening = asyncio.create_task(rest(talking.conversation.events()))
        await clock.settle()
        await talking.avatar.send(voice("audio_start"))
        await clock.settle()
        await talking.conversation.end("closed")
        assert await listening == [Speaking(), Ended(reason="closed")]


async def test_a_cancelled_wait_loses_no_event(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        events = talking.conversation.events()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await clock.settle()
        talking.conversation.tell(Warned(seconds=1.0))
        waiting.cancel()  # in the turn of the event
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert await anext(events) == Warned(seconds=1.0)


async def test_an_iterator_that_nobody_holds_any_more_is_gone(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        events = talking.conversation.events()
        gone = weakref.ref(events)
        del events
        gc.collect()
        assert gone() is None
        talking.conversation.tell(Warned(seconds=1.0))
