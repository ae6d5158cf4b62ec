"""How far a speech is: as the carrier tells it, else estimated from its length."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from akool_async.clock import ManualClock
from akool_async.streaming.speaking_times import LATENCY, UNTOLD
from akool_async.streaming.speech_rate import seconds_of
from tests.streaming.talking import Talk, flags, talk, voice

TEXT = "This sentence is long enough to take about five seconds, if it is said."
SECONDS = seconds_of(TEXT)


async def when(clock: ManualClock, done: Awaitable[bool], most: float = 60) -> tuple[float, bool]:
    """Return the moment in which a wait ends, and its result."""
    waiting = asyncio.ensure_future(done)
    end = clock.time() + most
    while not waiting.done() and clock.time() < end:
        await clock.advance(0.25)
    return clock.time(), await waiting


async def hears(talking: Talk, event: str, *, after: float = 0.0) -> None:
    await talking.clock.advance(after)
    await talking.avatar.send(voice(event))
    await talking.clock.settle()


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("Hi", 0.5, 0.5), (TEXT, 4.0, 6.5), ("今天天气很好我们去公园吧", 2.5, 4.5)],
)
def test_the_estimate_is_near_the_pace_of_speech(text: str, least: float, most: float) -> None:
    assert least <= seconds_of(text) <= most


async def test_where_the_carrier_tells_nothing_speech_is_estimated_and_says_so(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say(TEXT)
        await clock.advance(LATENCY / 2)
        assert flags(speech) == {"sent", "estimated"}
        await clock.advance(LATENCY / 2)
        assert flags(speech) == {"sent", "started", "estimated"}
        moment, said = await when(clock, speech.spoken())
        assert said
        assert moment == pytest.approx(LATENCY + SECONDS, abs=0.3)
        assert flags(speech) == {"sent", "started", "estimated"}
        assert await speech.spoken()


async def test_estimated_speeches_follow_one_another_without_a_pause(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speeches = [await talking.conversation.say(TEXT) for _ in range(3)]
        for number, speech in enumerate(speeches, 1):
            moment, said = await when(clock, speech.spoken())
            assert said
            assert moment == pytest.approx(LATENCY + number * SECONDS, abs=0.3)
            assert [flags(each) for each in speeches[number:]] == [{"sent", "estimated"}] * (
                3 - number
            ) or "started" in flags(speeches[number])


async def test_where_the_carrier_tells_it_decides(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say(TEXT)
        await hears(talking, "audio_start", after=0.5)
        assert flags(speech) == {"sent", "started"}
        waiting = asyncio.create_task(speech.spoken())
        await clock.advance(SECONDS * 2)
        assert not waiting.done()
        await hears(talking, "audio_end")
        assert await waiting
        assert flags(speech) == {"sent", "started"}


async def test_several_speeches_are_said_in_their_order(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        first = await talking.conversation.say(TEXT)
        second = await talking.conversation.say(TEXT)
        await hears(talking, "audio_start", after=0.5)
        assert (flags(first), flags(second)) == ({"sent", "started"}, {"sent", "estimated"})
        await hears(talking, "audio_end", after=4)
        assert await first.spoken()
        await hears(talking, "audio_start", after=0.2)
        assert flags(second) == {"sent", "started"}
        await hears(talking, "audio_end", after=1)
        assert await second.spoken()


async def test_a_voice_that_ends_before_a_speech_began_says_nothing_of_it(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        await hears(talking, "audio_start")  # a greeting
        speech = await talking.conversation.say(TEXT)
        await hears(talking, "audio_end", after=0.1)
        assert flags(speech) == {"sent", "estimated"}
        await hears(talking, "audio_start", after=0.1)
        await hears(talking, "audio_end", after=2)
        assert await speech.spoken()
        assert flags(speech) == {"sent", "started"}


async def test_a_speech_whose_news_are_lost_ends_later_by_its_estimate(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        first = await talking.conversation.say(TEXT)
        await hears(talking, "audio_start", after=0.5)
        second = await talking.conversation.say(TEXT)
        moment, said = await when(clock, first.spoken())  # its audio_end never comes
        assert said
        assert moment == pytest.approx(0.5 + 2 * SECONDS + 10, abs=0.3)
        assert flags(first) == {"sent", "started", "estimated"}
        began = moment
        moment, said = await when(clock, second.spoken())  # nothing comes of it
        assert said
        assert moment == pytest.approx(began + UNTOLD + SECONDS, abs=0.3)
        assert flags(second) == {"sent", "started", "estimated"}


async def test_a_speech_is_not_over_before_all_of_it_was_sent(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        long = await talking.conversation.say(TEXT * 200)
        await hears(talking, "audio_start")
        assert flags(long) == {"started"}
        await hears(talking, "audio_end", after=0.5)
        waiting = asyncio.create_task(long.spoken())
        await clock.advance(5)
        assert not waiting.done()
        assert long.sent
        await hears(talking, "audio_end")
        assert await waiting


async def test_an_interrupt_cuts_off_what_is_spoken_and_what_was_said_stays_said(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        said, cut, never = [await talking.conversation.say(TEXT) for _ in range(3)]
        await hears(talking, "audio_start", after=0.5)
        await hears(talking, "audio_end", after=4)
        await hears(talking, "audio_start")
        waiting = [asyncio.create_task(each.spoken()) for each in (said, cut, never)]
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await talking.answered("interrupt")
        await stopping
        assert await asyncio.gather(*waiting) == [True, False, False]
        assert flags(cut) == {"sent", "started", "cut_off"}
        assert flags(never) == {"sent", "estimated", "cut_off"}
        # The voice that was stopped ends now; the next speech has not begun.
        later = await talking.conversation.say(TEXT)
        await hears(talking, "audio_end", after=0.1)
        assert flags(later) == {"sent", "estimated"}


async def test_a_wait_for_the_end_may_be_cancelled_and_asked_for_again(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say(TEXT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await speech.spoken()
        assert await when(clock, speech.spoken())
        assert flags(speech) == {"sent", "started", "estimated"}


async def test_a_speech_shows_how_far_it_is(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say("A secret that belongs into no log")
        shown = [repr(speech)]
        for seconds in (0.1, 1.0, 60.0):
            await clock.advance(seconds)
            shown.append(repr(speech))
        cut = await talking.conversation.say("More")
        await talking.conversation.end("closed")
        shown.append(repr(cut))
    words = [each.removesuffix(">").split(" ", 2)[2] for each in shown]
    assert words == ["waiting", "sent", "started", "spoken", "cut off"]
    assert "secret" not in "".join(shown)
