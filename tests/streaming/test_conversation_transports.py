"""Transports that are joined, left, broken, slow, or do not close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from akool_async.clock import ManualClock
from akool_async.errors import InvalidInput, NoAnswer, NotJoined
from akool_async.streaming import AGORA, Ended, Joined, JoinsLater, Left, Limits, Transport
from akool_async.streaming.conversation import Conversation
from akool_async.streaming.memory import MemoryTransport, transport_pair
from akool_async.streaming.transport import Arrival
from tests.streaming.talking import begun, flags, read, reply, talk, voice
from tests.streaming.test_conversation_events import rest

LONG = "A sentence that takes its time. " * 500


def test_the_pair_in_memory_is_a_transport_that_may_be_joined_later() -> None:
    transport, _ = transport_pair()
    assert isinstance(transport, Transport)
    assert isinstance(transport, JoinsLater)
    assert transport.limits is AGORA


async def test_nothing_can_be_said_until_somebody_joins(clock: ManualClock) -> None:
    async with talk(clock, joined=False) as talking:
        for sending in (talking.conversation.say("Hello"), talking.conversation.interrupt()):
            with pytest.raises(NotJoined):
                await sending
        joined = [talking.conversation.joined]
        await talking.avatar.join()
        assert [*joined, talking.conversation.joined] == [False, True]
        await talking.conversation.say("Hello")
        assert len(await talking.heard()) == 1


async def test_what_waits_is_cut_off_when_the_page_leaves_and_never_sent(
    clock: ManualClock,
) -> None:
    async with talk(clock) as talking:
        events = talking.conversation.events()
        speeches = [await talking.conversation.say(LONG) for _ in range(2)]
        assert await talking.heard()
        await talking.avatar.leave("the page was closed")
        with pytest.raises(NotJoined):  # at once, before the event was read
            await talking.conversation.say("Hello")
        assert [await each.spoken() for each in speeches] == [False, False]
        await talking.avatar.join()
        await clock.advance(60)
        assert await talking.heard() == []
        await talking.conversation.say("Welcome back")
        assert len(await talking.heard()) == 1
        await talking.conversation.end("closed")
        assert await rest(events) == [
            Left(reason="the page was closed"),
            Joined(),
            Ended(reason="closed"),
        ]


async def test_a_page_that_leaves_several_times_is_told_each_time(clock: ManualClock) -> None:
    async with talk(clock, joined=False) as talking:
        events = talking.conversation.events()
        await talking.avatar.leave("never joined")  # no news
        for number in range(3):
            await talking.avatar.join()
            await talking.avatar.leave(str(number))
            await talking.avatar.leave("again")  # no news either
        await clock.settle()
        await talking.conversation.end("closed")
        told = await rest(events)
        assert told[:-1] == [
            each for number in range(3) for each in (Joined(), Left(reason=str(number)))
        ]


async def test_a_transport_that_joins_without_saying_so_is_missed_when_it_ends(
    clock: ManualClock,
) -> None:
    transport, avatar = transport_pair(joined=False)
    async with begun(transport, clock) as conversation:
        events = conversation.events()
        transport.joined = True
        speech = await conversation.say(LONG)
        await avatar.hang_up()
        assert not await speech.spoken()
        assert await anext(events) == Left(reason="the transport was closed")


class Broken(MemoryTransport):
    """A transport whose methods fail as they are told to."""

    def __init__(self, limits: Limits = AGORA) -> None:
        super().__init__(limits, joined=True)
        self.send_raises: BaseException | None = None
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.turns_to_end = 0
        self.close_raises: BaseException | None = None
        self.close_blocks = False
        self.closes = 0

    async def send(self, message: bytes, /) -> None:
        if self.send_raises is not None:
            raise self.send_raises
        await self.may_send.wait()
        await super().send(message)

    async def messages(self) -> AsyncIterator[Arrival]:
        try:
            async for arrival in super().messages():
                if arrival == b"raise":
                    raise OSError("the channel broke")
                yield arrival
        finally:
            for _ in range(self.turns_to_end):
                await asyncio.sleep(0)

    async def close(self) -> None:
        self.closes += 1
        if self.close_raises is not None:
            raise self.close_raises
        if self.close_blocks:
            await asyncio.Event().wait()
        await super().close()


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("error", [OSError("no route"), asyncio.CancelledError()])
async def test_a_send_that_fails_leaves_nothing_hanging_and_is_logged_once(
    clock: ManualClock, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    transport = Broken()
    async with begun(transport, clock) as conversation:
        events = conversation.events()
        transport.send_raises = error
        speeches = [await conversation.say(LONG) for _ in range(2)]
        asking = asyncio.create_task(conversation.set_params(lang="fr"))
        assert [await each.spoken() for each in speeches] == [False, False]
        with pytest.raises(NotJoined):
            await asking
        assert await anext(events) == Left(reason="the transport failed")
        with pytest.raises(NotJoined):
            await conversation.say("Hello")
        transport.arrived.put_nowait(b"raise")
        await clock.settle()
        assert len(errors_of(caplog)) == 1
        assert repr(error) in errors_of(caplog)[0]


async def test_after_a_failure_whoever_joins_can_be_talked_to_again(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    transport = Broken()
    async with begun(transport, clock) as conversation:
        transport.send_raises = OSError("no route")
        speech = await conversation.say("Hello")
        assert not await speech.spoken()
        transport.send_raises = None
        transport.arrived.put_nowait(Joined())
        await clock.settle()
        speech = await conversation.say("Hello")
        await clock.settle()
        assert speech.sent


@pytest.mark.parametrize("how", ["ends", "raises"])
async def test_messages_that_end_leave_nothing_hanging(
    clock: ManualClock, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    transport = Broken()
    async with begun(transport, clock) as conversation:
        events = conversation.events()
        speech = await conversation.say(LONG)
        asking = asyncio.create_task(conversation.interrupt())
        await clock.settle()
        transport.arrived.put_nowait(None if how == "ends" else b"raise")
        assert not await speech.spoken()
        with pytest.raises(NotJoined):
            await asking
        with pytest.raises(NotJoined):
            await conversation.say("Hello")
        await conversation.end("closed")
        why = "the transport was closed" if how == "ends" else "the transport failed"
        assert await rest(events) == [Left(reason=why), Ended(reason="closed")]
        assert len(errors_of(caplog)) == (how == "raises")


async def test_a_send_that_never_returns_keeps_neither_a_command_nor_the_end_waiting(
    clock: ManualClock,
) -> None:
    transport = Broken()
    transport.may_send.clear()
    async with begun(transport, clock) as conversation:
        speech = await conversation.say("Hello")
        await clock.settle()
        stopping = asyncio.create_task(conversation.interrupt())
        await clock.advance(6)
        with pytest.raises(NoAnswer):
            await stopping
    assert speech.cut_off


async def test_a_command_that_a_slow_carrier_has_not_taken_is_not_repeated(
    clock: ManualClock,
) -> None:
    transport = Broken()
    transport.may_send.clear()
    async with begun(transport, clock) as conversation:
        asking = asyncio.create_task(conversation.interrupt())
        await clock.advance(5)
        transport.may_send.set()
        await clock.settle()
        assert transport.sent.qsize() == 1
        asking.cancel()
        await asyncio.wait([asking])


async def test_a_voice_that_begins_before_a_text_has_left_says_nothing_of_it(
    clock: ManualClock,
) -> None:
    transport = Broken()
    transport.may_send.clear()
    async with begun(transport, clock) as conversation:
        speech = await conversation.say("Hello")
        transport.arrived.put_nowait(voice("audio_start"))
        await clock.settle()
        assert flags(speech) == {"estimated"}


async def test_a_message_on_its_way_when_the_page_leaves_is_no_failure(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    transport = Broken()
    async with begun(transport, clock) as conversation:
        events = conversation.events()
        speech = await conversation.say("Hello")
        transport.send_raises = NotJoined("the websocket is gone")
        assert not await speech.spoken()
        transport.arrived.put_nowait(Left(reason="a reload"))
        transport.arrived.put_nowait(Joined())
        assert await anext(events) == Left(reason="a reload")
        assert await anext(events) == Joined()
        await conversation.say("Hello")  # it comes too late, and cuts nobody off for good
        await clock.settle()
        transport.send_raises = None
        speech = await conversation.say("Hello")
        await clock.settle()
        assert speech.sent
        assert errors_of(caplog) == []


async def test_the_end_closes_the_transport_once_and_leaves_no_task(clock: ManualClock) -> None:
    transport = Broken()
    transport.turns_to_end = 10
    before = asyncio.all_tasks()
    async with begun(transport, clock) as conversation:
        await conversation.say(LONG)
        await asyncio.gather(conversation.end("expired"), conversation.end("closed"))
        assert asyncio.all_tasks() == before
    assert transport.closes == 1


async def test_a_conversation_that_ended_before_its_beginning_does_not_begin(
    clock: ManualClock,
) -> None:
    before = asyncio.all_tasks()
    conversation = Conversation(Broken(), clock)
    await conversation.end("failed")
    conversation.begin()
    assert asyncio.all_tasks() == before


async def test_an_end_that_is_cancelled_is_an_end(clock: ManualClock) -> None:
    transport = Broken()
    before = asyncio.all_tasks()
    async with begun(transport, clock) as conversation:
        ending = asyncio.create_task(conversation.end("closed"))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert asyncio.all_tasks() == before
    assert transport.closes == 1


async def test_a_transport_that_does_not_close_keeps_the_end_waiting_two_seconds(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    transport = Broken()
    transport.close_blocks = True
    conversation = Conversation(transport, clock)
    conversation.begin()
    ending = asyncio.create_task(conversation.end("closed"))
    await clock.advance(1.9)
    assert not ending.done()
    await clock.advance(0.2)
    await ending
    assert "does not close" in errors_of(caplog)[0]


async def test_a_transport_that_fails_to_close_is_logged(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    transport = Broken()
    transport.close_raises = OSError("closed by somebody else")
    async with begun(transport, clock):
        pass
    assert "closed by somebody else" in errors_of(caplog)[0]


async def test_the_pair_in_memory_passes_messages_until_the_session_leaves(
    clock: ManualClock,
) -> None:
    transport, avatar = transport_pair()
    async with begun(transport, clock) as conversation:
        changing = asyncio.create_task(conversation.set_params(lang="fr"))
        command = await avatar.receive()
        await avatar.send(reply({"mid": _mid(command), "pld": {"cmd": "set-params"}}))
        await changing
        await conversation.say("Hello")
        await clock.settle()
    assert len([message async for message in avatar]) == 1
    with pytest.raises(NotJoined):
        await avatar.receive()
    assert avatar.received() == []


async def test_the_pair_in_memory_takes_no_more_than_its_carrier() -> None:
    transport, avatar = transport_pair()
    with pytest.raises(ValueError, match="1025 bytes"):
        await transport.send(b"x" * 1025)
    await transport.send(b"x" * 1024)
    await avatar.hang_up()
    with pytest.raises(NotJoined):
        await transport.send(b"x")
    assert [each async for each in transport.messages()] == []


def _mid(message: bytes) -> str:
    return str(read(message)["mid"])


def test_a_text_for_nobody_is_checked_all_the_same() -> None:
    conversation = Conversation(None, ManualClock())
    with pytest.raises(InvalidInput):
        asyncio.run(conversation.say(""))


async def test_a_transport_that_never_pauses_keeps_nobody_waiting(clock: ManualClock) -> None:
    class Flood(MemoryTransport):
        number = 0

        async def messages(self) -> AsyncIterator[Arrival]:
            for _ in range(10_000):
                self.number += 1
                yield b"{}"
            await asyncio.Event().wait()

    transport = Flood(AGORA, joined=True)
    async with begun(transport, clock) as conversation:
        await asyncio.sleep(0)
        assert 0 < transport.number < 10
        await conversation.say("Hello")
