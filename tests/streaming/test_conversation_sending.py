"""What a conversation sends: texts in their order, commands ahead of them."""

from __future__ import annotations

import asyncio

import pytest

from akool_async.clock import ManualClock
from akool_async.errors import InvalidInput, NotJoined, SessionEnded, TooMuchWaiting
from akool_async.streaming import LIVEKIT, CommandReply
from akool_async.streaming.conversation import MOST_WAITING, Conversation
from akool_async.streaming.speech_rate import seconds_of
from tests.streaming.talking import begun, flags, is_command, reply, talk

LONG = "A sentence that takes its time. " * 250
"""A text that needs several messages, and more than a second at Agora's pace."""


async def test_a_text_leaves_at_once_and_says_so(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speech = await talking.conversation.say("Hello")
        assert flags(speech) == {"estimated"}
        (message,) = await talking.heard()
        assert (message["type"], message["pld"]["text"]) == ("chat", "Hello")
        assert message["mid"] == speech.mid
        assert flags(speech) == {"estimated", "sent"}
        assert speech.text == "Hello"


async def test_texts_leave_in_their_order_and_no_faster_than_the_carrier_takes(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        first = await talking.conversation.say(LONG)
        second = await talking.conversation.say("And then?")
        early = await talking.heard()
        assert 0 < sum(len(each["pld"]["text"]) for each in early) < 6000
        assert early[-1]["mid"] == first.mid
        await clock.advance(5)
        rest = await talking.heard()
        assert "".join(each["pld"]["text"] for each in [*early, *rest[:-1]]) == LONG
        assert rest[-1]["mid"] == second.mid
        assert first.sent
        assert second.sent


async def test_an_interrupt_goes_ahead_of_what_waits_and_drops_it(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        speeches = [await talking.conversation.say(LONG) for _ in range(3)]
        assert any(each["type"] == "chat" for each in await talking.heard())
        stopping = asyncio.create_task(talking.conversation.interrupt())
        (message,) = await talking.heard()
        assert is_command(message, "interrupt")
        assert clock.time() == 0.0
        assert [each.cut_off for each in speeches] == [True] * 3
        assert [await each.spoken() for each in speeches] == [False] * 3
        assert not stopping.done()
        await talking.avatar.send(reply(message))
        assert await stopping == CommandReply(
            mid=message["mid"], cmd="interrupt", code=1000, msg="OK"
        )
        await clock.advance(100)
        assert await talking.heard() == []
        assert not any(each.sent for each in speeches)


async def test_what_is_said_while_an_interrupt_is_unanswered_waits_for_its_answer(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await clock.settle()
        speech = await talking.conversation.say("Something else")
        await clock.advance(2.5)
        first, again = await talking.heard()
        assert first == again
        assert is_command(again, "interrupt")
        await talking.avatar.send(reply(again))
        await stopping
        (message,) = await talking.heard()
        assert message["mid"] == speech.mid
        assert not speech.cut_off


async def test_a_command_overtakes_texts_that_wait(clock: ManualClock) -> None:
    async with talk(clock) as talking:
        await talking.conversation.say(LONG * 4)
        await talking.heard()
        changing = asyncio.create_task(talking.conversation.set_params(lang="fr"))
        await talking.answered("set-params")
        assert clock.time() == 0.0
        await changing


async def test_more_text_than_a_session_keeps_is_refused_and_nothing_of_it_is_sent(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        text = "x" * 60_000
        for _ in range(3):
            await talking.conversation.say(text)
        with pytest.raises(TooMuchWaiting) as caught:
            await talking.conversation.say(text)
        assert caught.value.most == MOST_WAITING
        assert caught.value.waiting <= MOST_WAITING
        await clock.advance(60 + seconds_of(text))  # the first one was said
        await talking.conversation.say(text)
        stopping = asyncio.create_task(talking.conversation.interrupt())
        await clock.settle()
        await talking.conversation.say(text)  # the interrupt has made room
        stopping.cancel()
        await asyncio.wait([stopping])


async def test_a_carrier_without_limits_does_not_keep_other_tasks_waiting(
    clock: ManualClock,
) -> None:
    async with talk(clock, limits=LIVEKIT) as talking:
        for number in range(100):
            await talking.conversation.say(f"Sentence {number}")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        stopping = asyncio.create_task(talking.conversation.interrupt())
        heard = await talking.heard()
        assert is_command(heard[-1], "interrupt")
        assert len(heard) < 10
        stopping.cancel()
        await asyncio.wait([stopping])


async def test_nothing_can_be_said_without_a_transport_before_the_beginning_or_after_the_end(
    clock: ManualClock,
) -> None:
    async with begun(None, clock) as nobody:
        for sending in (nobody.say("Hello"), nobody.interrupt(), nobody.set_params(mode=1)):
            with pytest.raises(NotJoined, match="transport="):
                await sending
    async with talk(clock) as talking:
        pass
    over = talking.conversation
    for sending in (over.say("Hello"), over.interrupt(), over.set_params(mode=1)):
        with pytest.raises(SessionEnded) as caught:
            await sending
        assert caught.value.reason == "closed"
    fresh = Conversation(None, clock)
    with pytest.raises(NotJoined):
        await fresh.say("Hello")


@pytest.mark.parametrize("text", ["", "  \n", "\ud83c", "x" * 65_537])
async def test_bad_texts_are_refused_before_anything_else_is_looked_at(
    clock: ManualClock, text: str
) -> None:
    async with begun(None, clock) as conversation, talk(clock) as talking:
        for each in (conversation, talking.conversation):
            with pytest.raises(InvalidInput) as caught:
                await each.say(text)
            assert caught.value.field == "text"
        assert await talking.heard() == []


async def test_bad_parameters_are_refused_before_anything_else_is_looked_at(
    clock: ManualClock,
) -> None:
    async with begun(None, clock) as conversation:
        with pytest.raises(InvalidInput):
            await conversation.set_params()
        with pytest.raises(InvalidInput, match="mode"):
            await conversation.set_params(mode=3)  # type: ignore[arg-type]
