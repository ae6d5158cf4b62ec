"""The simulator's sessions with live avatars: they have a clock, limits, and tokens that expire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import aiohttp
import pytest

from akool_async.clock import ManualClock
from akool_async.endpoints import OpenSession
from akool_async.errors import InvalidInput
from akool_async.simulator import Behaviour, Refusal, Simulator, World


class Ask(Protocol):
    async def __call__(self, verb: str, **fields: Any) -> dict[str, Any]: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def simulator(clock: ManualClock) -> AsyncIterator[Simulator]:
    async with Simulator(clock=clock) as running:
        yield running


@pytest.fixture
async def ask(simulator: Simulator) -> AsyncIterator[Ask]:
    """Send a request of sessions, such as `create`."""
    async with aiohttp.ClientSession(headers={"x-api-key": simulator.api_key}) as client:

        async def sent(verb: str, **fields: Any) -> dict[str, Any]:
            url = f"{simulator.url}/api/open/v4/liveAvatar/session/{verb}"
            reading = verb in {"detail", "list"}
            answering = client.get(url, params=fields) if reading else client.post(url, json=fields)
            async with answering as response:
                said: dict[str, Any] = await response.json()
                return said

        yield sent


async def opened(ask: Ask, **fields: Any) -> dict[str, Any]:
    said = await ask("create", avatar_id="Alma", **fields)
    data: dict[str, Any] = said["data"]
    return data


async def status(ask: Ask, session: dict[str, Any]) -> int:
    said = await ask("detail", id=session["_id"])
    number: int = said["data"]["status"]
    return number


async def test_a_session_waits_runs_and_is_over_after_its_duration(
    ask: Ask, clock: ManualClock
) -> None:
    session = await opened(ask, duration=600)
    assert session["status"] == await status(ask, session) == 1
    await clock.advance(1)
    assert await status(ask, session) == 2
    await clock.advance(598.9)
    assert await status(ask, session) == 2
    await clock.advance(0.1)
    assert await status(ask, session) == 3


async def test_the_pace_is_that_of_all_jobs(
    ask: Ask, clock: ManualClock, simulator: Simulator
) -> None:
    simulator.world.behaviour = Behaviour(pace=0.01)
    session = await opened(ask, duration=600)
    await clock.advance(5.9)
    assert await status(ask, session) == 2
    await clock.advance(0.1)
    assert await status(ask, session) == 3


async def test_a_duration_changes_no_other_job(clock: ManualClock) -> None:
    after = []
    for duration in (None, 600):
        world = World(Behaviour(), clock)
        world.create(OpenSession(avatar_id="Alma", duration=duration))
        after.append([world.create(OpenSession(avatar_id="Alma")).duration for _ in range(3)])
    assert after[0] == after[1]


async def test_closing_ends_it_once_and_then_it_is_closed(ask: Ask) -> None:
    session = await opened(ask, duration=600)
    assert (await ask("close", id=session["_id"]))["code"] == 1000
    assert await status(ask, session) == 3
    assert (await ask("close", id=session["_id"]))["code"] == 1219


async def test_a_session_that_is_over_is_closed_already(ask: Ask, clock: ManualClock) -> None:
    session = await opened(ask, duration=60)
    await clock.advance(60)
    assert (await ask("close", id=session["_id"]))["code"] == 1219


@pytest.mark.parametrize("verb", ["close", "detail"])
async def test_a_session_that_never_was_does_not_exist(ask: Ask, verb: str) -> None:
    assert (await ask(verb, id="655ffeada6976ea317087193"))["code"] == 1216


async def test_one_session_too_many_is_refused_until_another_is_over(
    ask: Ask, clock: ManualClock, simulator: Simulator
) -> None:
    simulator.world.behaviour = Behaviour(sessions_at_once=2)
    first = await opened(ask, duration=600)
    await opened(ask, duration=60)
    credit = simulator.world.credit
    assert (await ask("create", avatar_id="Alma"))["code"] == 1215
    assert simulator.world.credit == credit
    await ask("close", id=first["_id"])
    await opened(ask, duration=600)
    assert (await ask("create", avatar_id="Alma"))["code"] == 1215
    await clock.advance(60)
    await opened(ask)


async def test_sessions_are_listed_by_what_they_do(ask: Ask, clock: ManualClock) -> None:
    over = await opened(ask, duration=10)
    await clock.advance(10)
    running = await opened(ask, duration=600)
    await clock.advance(2)
    waiting = await opened(ask, duration=600)
    for number, session in enumerate((waiting, running, over), 1):
        listed = (await ask("list", status=number))["data"]
        assert [each["_id"] for each in listed["result"]] == [session["_id"]]
        assert listed["count"] == 1


async def test_a_lookup_may_say_that_a_session_is_over_while_it_lives(
    ask: Ask, simulator: Simulator
) -> None:
    simulator.world.behaviour = Behaviour(sessions_look_over=True)
    session = await opened(ask, duration=600)
    assert await status(ask, session) == 3
    assert len(simulator.sessions.running) == 1
    assert (await ask("close", id=session["_id"]))["code"] == 1000


async def test_the_answer_of_a_close_may_be_lost_though_it_closes(
    ask: Ask, simulator: Simulator
) -> None:
    simulator.world.behaviour = Behaviour(close_reply_losses=2)
    sessions = [await opened(ask, duration=600) for _ in range(2)]
    for session in sessions:
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await ask("close", id=session["_id"])
            assert await status(ask, session) == 3
        assert (await ask("close", id=session["_id"]))["code"] == 1219
    assert not simulator.sessions.running


def joining(session: dict[str, Any], **other: Any) -> dict[str, Any]:
    said = session["credentials"]
    known = {
        "channel": said["agora_channel"],
        "token": said["agora_token"],
        "uid": said["agora_uid"],
    }
    return known | other


async def test_a_token_opens_its_channel_for_300_seconds(
    ask: Ask, clock: ManualClock, simulator: Simulator
) -> None:
    session = await opened(ask, duration=600)
    assert simulator.sessions.admitted(**joining(session)).id == session["_id"]
    await clock.advance(299.9)
    assert simulator.sessions.admitted(**joining(session)).id == session["_id"]
    await clock.advance(0.1)
    with pytest.raises(Refusal, match="the token has expired: it is valid for 300 s"):
        simulator.sessions.admitted(**joining(session))


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"token": "wrong"}, "the token is not the one of this channel"),
        ({"uid": 7}, "the token is for the uid 100000"),
        ({"channel": "other"}, "no session runs in the channel other"),
    ],
)
async def test_what_does_not_open_a_channel_is_refused_in_words(
    ask: Ask, simulator: Simulator, other: dict[str, Any], problem: str
) -> None:
    session = await opened(ask, duration=600)
    with pytest.raises(Refusal, match=problem):
        simulator.sessions.admitted(**joining(session, **other))


async def test_the_channel_of_a_session_that_is_over_cannot_be_joined(
    ask: Ask, simulator: Simulator
) -> None:
    session = await opened(ask, duration=600)
    await ask("close", id=session["_id"])
    with pytest.raises(Refusal, match="no session runs in the channel"):
        simulator.sessions.admitted(**joining(session))


@pytest.mark.parametrize("name", ["sessions_at_once", "close_reply_losses"])
def test_a_negative_number_is_refused(name: str) -> None:
    negative: dict[str, Any] = {name: -1}
    with pytest.raises(InvalidInput, match=name):
        Behaviour(**negative)
