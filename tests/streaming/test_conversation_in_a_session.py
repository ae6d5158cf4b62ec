"""What a program does with a live session: talk, listen, and be told of its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from akool_async import Akool, NotJoined, SessionEnded
from akool_async.streaming import (
    Caption,
    Ended,
    LiveSession,
    SessionEvent,
    Silent,
    Speaking,
    transport_pair,
)
from akool_async.streaming.memory import MemoryAvatar
from tests.streaming.sessions import House
from tests.streaming.talking import caption, read, reply, voice

if TYPE_CHECKING:
    from tests.servers import Serve


async def repeats(avatar: MemoryAvatar) -> None:
    """Be an avatar that says what it is told to, and answers commands."""
    async for data in avatar:
        message = read(data)
        if message["type"] == "command":
            await avatar.send(reply(message))
        else:
            await avatar.send(voice("audio_start"))
            await avatar.send(caption(message["pld"]["text"], mid=message["mid"]))
            if "long" not in message["pld"]["text"]:
                await avatar.send(voice("audio_end"))


async def listens(session: LiveSession) -> list[SessionEvent]:
    return [event async for event in session]


async def test_a_program_talks_with_an_avatar_and_is_told_of_the_end(serve: Serve) -> None:
    house = House()
    transport, avatar = transport_pair()
    server = await serve(house)
    async with Akool("the-key", base_url=server.url) as akool:
        async with akool.streaming.open(
            avatar_id="Alma", duration=600, mode_type=2, transport=transport
        ) as session:
            repeating = asyncio.create_task(repeats(avatar))
            listening = [asyncio.create_task(listens(session)) for _ in range(2)]
            await session.set_params(mode=1, lang="en")
            assert session.conversation.mode == 1
            hello = await session.say("Hello")
            assert await hello.spoken()
            assert not hello.estimated
            story = await session.say("A long story")
            await session.interrupt()
            assert not await story.spoken()
        first, second = await asyncio.gather(*listening)
        with pytest.raises(SessionEnded):
            await session.say("Are you there?")
    await repeating
    assert first == second
    assert [event for event in first if not isinstance(event, Caption)] in (
        [Speaking(), Silent(), Ended(reason="closed")],
        [Speaking(), Silent(), Speaking(), Ended(reason="closed")],
    )
    assert isinstance(first[1], Caption)
    assert first[1].text == "Hello"
    assert list(house.closes.values()) == [1]


async def test_a_session_without_a_transport_cannot_be_talked_with(serve: Serve) -> None:
    server = await serve(House())
    async with (
        Akool("the-key", base_url=server.url) as akool,
        akool.streaming.open(avatar_id="Alma") as session,
    ):
        listening = asyncio.create_task(listens(session))
        for sending in (session.say("Hello"), session.interrupt(), session.set_params(mode=1)):
            with pytest.raises(NotJoined, match="transport="):
                await sending
        await session.close("enough")
        assert await listening == [Ended(reason="enough")]


async def test_what_waits_when_a_session_is_left_is_never_said(serve: Serve) -> None:
    transport, avatar = transport_pair()
    server = await serve(House())
    async with Akool("the-key", base_url=server.url) as akool:
        async with akool.streaming.open(avatar_id="Alma", transport=transport) as session:
            speech = await session.say("A text of many messages. " * 1000)
        assert speech.cut_off
    heard = [read(message) async for message in avatar]
    assert not any(each["fin"] for each in heard)
