"""A live session and the simulated avatar, joined in memory: what a user's own test looks like."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from akool_async import Akool
from akool_async.clock import Clock, ManualClock
from akool_async.errors import CommandRefused, NotJoined
from akool_async.simulator import Avatar, AvatarBehaviour, AvatarTransport, Simulator
from akool_async.streaming.events import Caption, Left
from akool_async.streaming.live_session import LiveSession
from tests.clocks import Until


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@asynccontextmanager
async def talking(
    simulator: Simulator, clock: Clock | None = None, **behaviour: Any
) -> AsyncIterator[tuple[LiveSession, Avatar]]:
    said = AvatarBehaviour(speed=50_000, **behaviour)
    transport = AvatarTransport(said, mode=1, clock=clock)
    async with (
        Akool(simulator.api_key, base_url=simulator.url) as akool,
        akool.streaming.open(avatar_id="Alma", mode_type=1, transport=transport) as session,
    ):
        yield session, transport.avatar
    assert transport.avatar.left


LONG = "An avatar is paid by the second, \u4f60\u597d, and so it must end. " * 20


async def test_a_long_text_is_said_and_its_captions_are_the_text(simulator: Simulator) -> None:
    async with talking(simulator) as (session, avatar):
        events = aiter(session)
        speech = await session.say(LONG)
        said = ""
        async for event in events:
            if isinstance(event, Caption):
                said += event.text
                if event.final:
                    break
        assert said == LONG
        assert await speech.spoken()
        assert [each.text for each in avatar.told] == [LONG]
    assert simulator.requests["streaming.close"] == 1


async def test_an_interrupt_cuts_the_speech_off(simulator: Simulator, until: Until) -> None:
    async with talking(simulator) as (session, avatar):
        speech = await session.say(LONG)
        await until(lambda: avatar.speaking)
        await session.interrupt()
        assert not await speech.spoken()
        assert avatar.commands == ["interrupt"]


async def test_it_is_understood_though_messages_come_twice_and_in_another_order(
    simulator: Simulator, until: Until
) -> None:
    unfriendly: dict[str, Any] = {"double_rate": 0.5, "late_rate": 0.5, "lateness": 0.05}
    async with talking(simulator, **unfriendly) as (session, avatar):
        await session.set_params(lang="de")
        await session.say(LONG)
        await until(lambda: avatar.told)
        assert [each.text for each in avatar.told] == [LONG]
        assert avatar.params == {"lang": "de"}


async def test_a_refused_command_is_an_error_with_its_code(simulator: Simulator) -> None:
    async with talking(simulator, refusal=1009) as (session, _):
        with pytest.raises(CommandRefused, match="1009"):
            await session.set_params(lang="de")


async def test_an_avatar_that_hangs_up_has_left(simulator: Simulator) -> None:
    clock = ManualClock()
    async with talking(simulator, clock, hangs_up_after=5.0) as (session, _):
        events = aiter(session)
        await clock.advance(5)
        assert await anext(events) == Left(reason="the avatar has left the channel")
        with pytest.raises(NotJoined):
            await session.say("Hello.")
